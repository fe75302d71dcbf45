package compute

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tickcast/tickcast/kafka"
)

// checkpointMagic begins a checkpoint file; its number is that of the file's form. After it, for each log: its topic, the state's version, the places, the
// machines; and at the end a CRC-32C over all before it.
const checkpointMagic = "tickcast compute checkpoint 2\n"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// loadCheckpoint reads the file; nil, with a reason in the log, if there is none that can be used.
func (w *worker) loadCheckpoint(ranges [][]kafka.Range) []*inputLog {
	if w.cfg.Checkpoint == "" {
		return nil
	}
	begun := time.Now()
	b, err := os.ReadFile(w.cfg.Checkpoint)
	if errors.Is(err, fs.ErrNotExist) {
		w.log.Info("no checkpoint: the log is read from its start", "file", w.cfg.Checkpoint)
		return nil
	}
	var logs []*inputLog
	if err == nil {
		logs, err = w.decodeCheckpoint(b)
	}
	for i, l := range logs {
		if err == nil && len(l.places) != len(ranges[i]) {
			err = fmt.Errorf("%s has %d partitions in it, but %d in Kafka", l.log, len(l.places), len(ranges[i]))
		}
	}
	if err != nil {
		w.log.Warn("checkpoint cannot be used: the log is read from its start", "file", w.cfg.Checkpoint, "error", err)
		return nil
	}
	w.log.Info("checkpoint loaded", "file", w.cfg.Checkpoint, "bytes", len(b), "took", time.Since(begun).Round(time.Millisecond))
	return logs
}

func (w *worker) decodeCheckpoint(b []byte) ([]*inputLog, error) {
	rest, ok := bytes.CutPrefix(b, []byte(checkpointMagic))
	if !ok {
		return nil, fmt.Errorf("it is of another version, or no checkpoint: begins with %.40q", b)
	}
	if len(rest) < 4 {
		return nil, errors.New("it is cut off")
	}
	body, tail := rest[:len(rest)-4], rest[len(rest)-4:]
	if crc32.Checksum(b[:len(b)-4], castagnoli) != binary.BigEndian.Uint32(tail) {
		return nil, errors.New("its checksum does not match: it is damaged or cut off")
	}
	r := fields{b: body}
	var logs []*inputLog
	for i := range products {
		l := &inputLog{product: &products[i], machines: map[string]machine{}}
		if err := w.decodeLog(&r, l); err != nil {
			return nil, err
		}
		logs = append(logs, l)
	}
	if len(r.b) > 0 {
		return nil, fmt.Errorf("%d bytes too many", len(r.b))
	}
	return logs, nil
}

func (w *worker) decodeLog(r *fields, l *inputLog) error {
	if topic := r.text(); r.err == nil && topic != l.log {
		return fmt.Errorf("it has log %.40q, want %s", topic, l.log)
	}
	if v := r.uint(); r.err == nil && v != l.stateVersion {
		return fmt.Errorf("%s: its state is of version %d, want %d", l.log, v, l.stateVersion)
	}
	for range min(r.uint(), uint64(len(r.b))) {
		l.places = append(l.places, place{next: int64(r.uint()), sum: uint32(r.uint())})
	}
	for range min(r.uint(), maxContracts) {
		id := r.text()
		if r.err != nil {
			break
		}
		m := l.core(id, w.startMs, w.emit)
		if r.b, r.err = m.LoadState(r.b); r.err != nil {
			return fmt.Errorf("%s: contract %s: %w", l.log, id, r.err)
		}
		l.machines[id] = m
	}
	return r.err
}

// checkpointIfDue captures the state between two records, waits for the outputs before it, and hands it over to be written.
func (w *worker) checkpointIfDue(now time.Time) {
	if w.cfg.Checkpoint == "" || now.Before(w.nextCheckpoint) {
		return
	}
	if w.saving != nil {
		select {
		case <-w.saving:
		default:
			return // the disk is slower than that
		}
	}
	w.nextCheckpoint = now.Add(w.cfg.CheckpointEvery.D())
	if !w.flush("checkpoint") {
		return
	}
	pieces, done := w.state(), make(chan struct{})
	w.saving = done
	go func() {
		defer close(done)
		w.save(pieces)
	}()
}

// lastCheckpoint saves the state at the end of the work.
func (w *worker) lastCheckpoint() error {
	if w.cfg.Checkpoint == "" || w.logs == nil {
		return nil
	}
	if !w.flush("last checkpoint") {
		return errors.New("no checkpoint at the end: Kafka has not acknowledged everything")
	}
	w.save(w.state())
	return nil
}

// state is the whole checkpoint in pieces that do not change any more.
func (w *worker) state() [][]byte {
	pieces := [][]byte{[]byte(checkpointMagic)}
	for _, l := range w.logs {
		head := appendText(nil, l.log)
		head = binary.AppendUvarint(head, l.stateVersion)
		head = binary.AppendUvarint(head, uint64(len(l.places)))
		for _, p := range l.places {
			head = binary.AppendUvarint(head, uint64(p.next))
			head = binary.AppendUvarint(head, uint64(p.sum))
		}
		pieces = append(pieces, binary.AppendUvarint(head, uint64(len(l.machines))))
		for _, id := range slices.Sorted(maps.Keys(l.machines)) {
			pieces = append(pieces, appendText(nil, id))
			pieces = l.machines[id].SaveState(pieces)
		}
	}
	return pieces
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// save puts the pieces into the checkpoint's file: written beside it, on disk, then renamed. A failure costs work after a crash, not correctness.
func (w *worker) save(pieces [][]byte) {
	if err := writeFile(w.cfg.Checkpoint, pieces); err != nil {
		w.log.Error("checkpoint was not written", "error", err)
		return
	}
	w.done.checkpoints.Add(1)
}

func writeFile(name string, pieces [][]byte) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.Create(name + ".new")
	if err != nil {
		return err
	}
	defer f.Close()
	var crc uint32
	for _, p := range pieces {
		crc = crc32.Update(crc, castagnoli, p)
		if _, err := f.Write(p); err != nil {
			return err
		}
	}
	if _, err := f.Write(binary.BigEndian.AppendUint32(nil, crc)); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// fields reads the checkpoint's own numbers.
type fields struct {
	b   []byte
	err error
}

func (r *fields) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.err = errors.New("it ends too early")
		r.b = nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *fields) text() string {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.err = errors.New("it ends too early")
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}
