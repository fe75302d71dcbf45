package engine

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tickcast/tickcast/engine/core"
	"github.com/tickcast/tickcast/market"
)

// journal keeps a market on disk, in generations: N.snapshot is the state at which N.commands begins; 0 has no snapshot. Each line of a command log has its CRC
// in front, so that what a crash left half written at the end is known, and a line in the middle that is damaged is an error and not another market.
type journal struct {
	dir  string
	gen  int64
	file *os.File
	line []byte
}

const (
	commandsExt = ".commands"
	snapshotExt = ".snapshot"
	keptGens    = 2 // the one in use and the one before: Kafka may have lost its last seconds
	sumLen      = 8 // hexadecimal digits
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// restored is what a folder held.
type restored struct {
	market *core.Market
	// Effects of the entries since the oldest generation that is kept, in order; a log that lacks its last ones gets them from here.
	since   [2]core.Place
	effects []effect
}

// effect is a record that was made again.
type effect struct {
	log    core.Log
	record market.Record
}

// openJournal reads a market's folder, makes its state again from the oldest snapshot that is kept and the commands since, and opens the newest command log
// for more.
func openJournal(dir string, c market.Contract) (*journal, *restored, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, fmt.Errorf("data_dir: %w", err)
	}
	gens, err := generations(dir)
	if err != nil {
		return nil, nil, err
	}
	r := &restored{}
	if len(gens) == 0 {
		gens = []int64{0}
	}
	if r.market, err = loadSnapshot(dir, gens[0], c); err != nil {
		return nil, nil, err
	}
	r.since = [2]core.Place{r.market.Place(core.Trades), r.market.Place(core.Books)}
	j := &journal{dir: dir, gen: gens[len(gens)-1]}
	for i, gen := range gens {
		if err := r.replay(dir, gen, i == len(gens)-1); err != nil {
			return nil, nil, err
		}
	}
	if j.file, err = os.OpenFile(j.path(commandsExt), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644); err != nil {
		return nil, nil, err
	}
	return j, r, syncDir(dir)
}

// generations lists those that are there, oldest first; the oldest has a snapshot, or is 0.
func generations(dir string) ([]int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	var gens []int64
	for _, e := range entries {
		stem, isLog := strings.CutSuffix(e.Name(), commandsExt)
		if n, err := strconv.ParseInt(stem, 10, 64); isLog && err == nil {
			gens = append(gens, n)
		} else if stem, ok := strings.CutSuffix(e.Name(), snapshotExt); ok { // its command log may not have been made yet
			if n, err := strconv.ParseInt(stem, 10, 64); err == nil {
				gens = append(gens, n)
			}
		}
	}
	slices.Sort(gens)
	return slices.Compact(gens), nil
}

func (j *journal) path(ext string) string { return genPath(j.dir, j.gen, ext) }

func genPath(dir string, gen int64, ext string) string {
	return filepath.Join(dir, fmt.Sprintf("%08d%s", gen, ext))
}

func loadSnapshot(dir string, gen int64, c market.Contract) (*core.Market, error) {
	if gen == 0 {
		return core.New(c)
	}
	path := genPath(dir, gen, snapshotExt)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(b) < sumLen || string(b[:sumLen]) != sum(b[sumLen:]) {
		return nil, fmt.Errorf("%s is damaged", path)
	}
	m, err := core.Load(b[sumLen:])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

func sum(b []byte) string {
	var n [4]byte
	s := crc32.Checksum(b, castagnoli)
	n[0], n[1], n[2], n[3] = byte(s>>24), byte(s>>16), byte(s>>8), byte(s)
	return hex.EncodeToString(n[:])
}

// replay applies the commands of a generation. Of the newest one an end that is torn is cut off.
func (r *restored) replay(dir string, gen int64, newest bool) error {
	path := genPath(dir, gen, commandsExt)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<16)
	var good int64
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: %w", path, err)
		}
		if len(line) == 0 {
			return nil
		}
		whole := err == nil && len(line) > sumLen+2 && line[sumLen] == ' ' && string(line[:sumLen]) == sum(line[sumLen+1:])
		if !whole {
			if _, more := in.Peek(1); newest && more != nil {
				return f.Truncate(good)
			}
			return fmt.Errorf("%s:%d: the line is damaged, and others follow", path, n)
		}
		good += int64(len(line))
		e, err := core.ParseLine(bytes.TrimSuffix(line[sumLen+1:], []byte("\n")), r.market.Contract())
		if err == nil {
			_, err = r.market.Apply(&e)
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
		for _, x := range r.market.Take() {
			x.Record.Book.Bids, x.Record.Book.Asks = slices.Clone(x.Record.Book.Bids), slices.Clone(x.Record.Book.Asks)
			r.effects = append(r.effects, effect{x.Log, x.Record})
		}
	}
}

// append writes an entry. It is with the operating system when append returns, and so survives the process.
func (j *journal) append(e *core.Entry, c *market.Contract) error {
	j.line = append(j.line[:0], "00000000 "...)
	j.line = e.AppendLine(j.line, c)
	copy(j.line, sum(j.line[sumLen+1:]))
	if _, err := j.file.Write(j.line); err != nil {
		return fmt.Errorf("command log: %w", err)
	}
	return nil
}

func (j *journal) sync() error {
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("command log: %w", err)
	}
	return nil
}

// next begins a generation with the market's state, and forgets those that are not needed any more.
func (j *journal) next(m *core.Market) error {
	state, err := m.Snapshot()
	if err != nil {
		return err
	}
	if err := j.sync(); err != nil {
		return err
	}
	next := journal{dir: j.dir, gen: j.gen + 1}
	if err := writeFile(next.path(snapshotExt), append([]byte(sum(state)), state...)); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	if next.file, err = os.OpenFile(next.path(commandsExt), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644); err != nil {
		return fmt.Errorf("command log: %w", err)
	}
	if err := syncDir(j.dir); err != nil {
		return err
	}
	j.file.Close() // it was synced
	j.gen, j.file = next.gen, next.file
	gens, err := generations(j.dir)
	for _, gen := range gens {
		if err == nil && gen <= j.gen-keptGens {
			err = errors.Join(remove(genPath(j.dir, gen, commandsExt)), remove(genPath(j.dir, gen, snapshotExt)))
		}
	}
	return err
}

func (j *journal) close() error { return errors.Join(j.sync(), j.file.Close()) }

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// writeFile makes a file that is there whole or not at all.
func writeFile(path string, b []byte) error {
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
