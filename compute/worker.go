package compute

import (
	"context"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// maxContracts bounds, per log, what a broken log can make us keep.
const maxContracts = 10_000

// place is where reading stands in one partition.
type place struct {
	next int64  // offset of the next record
	sum  uint32 // checksum of the record before it: a log that began anew has another one there
	end  int64  // offset to reach until the partition is caught up
}

// inputLog is one log with the machines of its contracts.
type inputLog struct {
	*product
	places   []place
	machines map[string]machine
}

// worker is the state of one Run; it belongs to one goroutine.
type worker struct {
	*Compute
	reader   *kafka.Reader
	producer *kafka.Producer
	writing  context.Context
	startMs  int64

	logs     []*inputLog
	behind   int // partitions that have not reached the end seen at the start
	decoder  market.Decoder
	record   market.Record
	input    core.Input
	headers  [2]kafka.Header
	writeErr error

	rounds         rounds
	nextCheckpoint time.Time
	saving         chan struct{} // closed when the checkpoint on its way is on disk
	warnedAt       time.Time
	warned         int // since warnedAt
	apart          quarantine
}

func (w *worker) work(ctx context.Context) error {
	if err := w.begin(); err != nil {
		return err
	}
	caughtUp := false
	for ctx.Err() == nil {
		if !caughtUp && w.behind == 0 {
			caughtUp = true
			w.log.Info("compute has caught up", "logs", w.contracts(), "records", w.done.records.Load(), "took", time.Since(time.UnixMilli(w.startMs)).Round(time.Millisecond))
		}
		if w.behind == 0 {
			if err := w.roundIfDue(time.Now()); err != nil {
				return err
			}
		}
		rec, err := w.reader.Poll(pollEvery)
		if err != nil {
			return err
		}
		now := time.Now()
		if rec != nil {
			if err := w.take(rec, now); err != nil {
				return err
			}
		}
		w.checkpointIfDue(now)
		if err := context.Cause(w.writing); err != nil {
			return err
		}
	}
	return nil
}

// contracts counts the machines of each log, for a person.
func (w *worker) contracts() string {
	var s []string
	for _, l := range w.logs {
		s = append(s, fmt.Sprintf("%s: %d contracts", l.log, len(l.machines)))
	}
	return strings.Join(s, ", ")
}

// begin loads the checkpoint and assigns all partitions.
func (w *worker) begin() error {
	now := time.Now()
	w.nextCheckpoint = now.Add(w.cfg.CheckpointEvery.D())
	w.rounds = newRounds(w.cat, w.cfg.RoundEvery.D())
	ranges := make([][]kafka.Range, len(products))
	for i := range products {
		var err error
		if ranges[i], err = w.reader.Ranges(products[i].log); err != nil {
			return err
		}
	}
	logs := w.loadCheckpoint(ranges)
	if logs != nil {
		why, err := w.refuse(logs, ranges)
		if err != nil {
			return err
		}
		if why != "" {
			w.log.Warn("checkpoint does not fit the log, which is read from its start", "file", w.cfg.Checkpoint, "reason", why)
			logs = nil
		}
	}
	if logs == nil {
		for i := range products {
			logs = append(logs, &inputLog{product: &products[i], places: make([]place, len(ranges[i])), machines: map[string]machine{}})
		}
		w.lost = lost(ranges)
	}
	close(w.begun)
	w.logs = logs
	var ps []kafka.Position
	for i, l := range w.logs {
		for n, r := range ranges[i] {
			pl := &l.places[n]
			pl.next, pl.end = max(pl.next, r.Low), r.High
			if pl.next < pl.end {
				w.behind++
			}
			ps = append(ps, kafka.Position{Topic: l.log, Partition: int32(n), Offset: pl.next})
		}
	}
	return w.reader.Assign(ps)
}

// lost says why logs cannot be computed from their start, as far as they are there; empty if they can. Books need no beginning: each minute has one.
func lost(ranges [][]kafka.Range) string {
	for i := range products {
		for n, r := range ranges[i] {
			if products[i].seeded && r.Low > 0 && r.High > r.Low {
				return fmt.Sprintf("compute has no state, and %s partition %d begins at offset %d: its seeds may be gone", products[i].log, n, r.Low)
			}
		}
	}
	return ""
}

// refuse says why a checkpoint cannot be continued on the logs that are there; empty if it can.
func (w *worker) refuse(logs []*inputLog, ranges [][]kafka.Range) (string, error) {
	for i, l := range logs {
		for n, r := range ranges[i] {
			at := l.places[n]
			switch {
			case at.next > r.High:
				return fmt.Sprintf("%s partition %d ends at offset %d, the checkpoint is at %d", l.log, n, r.High, at.next), nil
			case at.next < r.Low: // the cores see it in the sequence numbers, and say degraded
				w.log.Warn("records between the checkpoint and the log's start are gone", "topic", l.log, "partition", n, "from", at.next, "to", r.Low)
			case at.next > r.Low:
				same, err := w.holds(kafka.Position{Topic: l.log, Partition: int32(n), Offset: at.next - 1}, at.sum)
				if err != nil {
					return "", err
				}
				if !same {
					return fmt.Sprintf("%s partition %d has another record at offset %d", l.log, n, at.next-1), nil
				}
			}
		}
	}
	return "", nil
}

// holds says whether the record at a place has this checksum. One place at a time: a partition with many records would hold the others up.
func (w *worker) holds(p kafka.Position, want uint32) (bool, error) {
	if err := w.reader.Assign([]kafka.Position{p}); err != nil {
		return false, err
	}
	rec, err := w.reader.Poll(kafka.ConnectTimeout)
	if err != nil {
		return false, err
	}
	if rec == nil {
		return false, fmt.Errorf("read Kafka topic %s partition %d at offset %d: no answer within %s", p.Topic, p.Partition, p.Offset, kafka.ConnectTimeout)
	}
	return rec.Topic == p.Topic && rec.Partition == p.Partition && rec.Offset == p.Offset && sum(rec) == want, nil
}

func sum(rec *kafka.Record) uint32 { return crc32.Checksum(rec.Value, castagnoli) }

// take computes one record.
func (w *worker) take(rec *kafka.Record, now time.Time) error {
	l := w.logOf(rec.Topic)
	pl := &l.places[rec.Partition]
	if rec.Offset < pl.next {
		return fmt.Errorf("%s partition %d went back from offset %d to %d: the log was made anew, and this state is of another one", rec.Topic, rec.Partition, pl.next, rec.Offset)
	}
	w.done.records.Add(1)
	reason, err := w.apply(l, rec, now)
	if w.writeErr != nil {
		return w.writeErr // the record's outputs are not complete: nothing may be saved
	}
	if err != nil {
		if err := w.poison(rec, reason, err, now); err != nil {
			return err
		}
	}
	before := pl.next
	pl.next, pl.sum = rec.Offset+1, sum(rec)
	if before < pl.end && pl.next >= pl.end {
		w.behind--
	}
	return nil
}

// logOf finds the log by its topic, of which there are few.
func (w *worker) logOf(topic string) *inputLog {
	for _, l := range w.logs {
		if l.log == topic {
			return l
		}
	}
	panic("compute: record of topic " + topic + ", which was not assigned")
}

// unreadable is the reason of quarantine for what is no record at all, or of another contract; Invalid is that for what the contract's state refuses.
const unreadable = "unreadable"

// apply gives a record to its contract's machine. With an error comes the reason of quarantine.
func (w *worker) apply(l *inputLog, rec *kafka.Record, now time.Time) (reason string, err error) {
	r := &w.record
	if err := w.decoder.Decode(rec.Value, r); err != nil {
		return unreadable, err
	}
	if string(rec.Key) != r.Contract {
		return unreadable, fmt.Errorf("key %.40q is not the record's contract %s", rec.Key, r.Contract)
	}
	m := l.machines[r.Contract]
	if m == nil {
		if len(l.machines) >= maxContracts {
			return unreadable, fmt.Errorf("contract %s is one too many, at most %d are kept", r.Contract, maxContracts)
		}
		m = l.core(r.Contract, w.startMs, w.emit)
		l.machines[r.Contract] = m
	}
	nowMs := now.UnixMilli()
	w.input = core.Input{Record: r, Value: rec.Value, AppendMs: rec.TimestampMs, ComputeMs: nowMs, Thin: nowMs-rec.TimestampMs > thinAfter}
	verdict, err := m.Apply(&w.input)
	if n := m.TakeMissing(); n > 0 {
		w.done.missing.Add(n)
		if w.mayWarn(now) {
			w.log.Warn("records are missing in the log; what is computed from it says so", "topic", rec.Topic, "contract", r.Contract, "records", n, "before_seq", r.Seq, "partition", rec.Partition, "offset", rec.Offset)
		}
	}
	switch verdict {
	case core.Applied, core.Invalid: // the error says it
	case core.Late:
		w.done.late.Add(1)
	default:
		w.done.dropped.Add(1)
	}
	return core.Invalid.String(), err
}

// emit writes one output record. The first error stops the work.
func (w *worker) emit(o *core.Output) {
	if w.writeErr != nil {
		return
	}
	w.headers = [2]kafka.Header{{Key: catalog.VersionName, Value: o.Ver}, {Key: catalog.KindName, Value: []byte(o.Kind)}}
	w.writeErr = w.producer.Produce(w.writing, o.Topic, o.Key, o.Value, w.headers[:]...)
	w.rounds.count(o)
	w.done.outputs.Add(1)
}

// mayWarn bounds what a broken log can write into ours.
func (w *worker) mayWarn(now time.Time) bool {
	const perSecond = 10
	if now.Sub(w.warnedAt) >= time.Second {
		w.warnedAt, w.warned = now, 0
	}
	w.warned++
	return w.warned <= perSecond
}

// flush waits until everything written is acknowledged.
func (w *worker) flush(what string) bool {
	ctx, cancel := context.WithTimeout(w.writing, flushLimit)
	defer cancel()
	if err := w.producer.Flush(ctx); err != nil {
		w.log.Warn("Kafka does not acknowledge; trying again at the next turn", "for", what, "error", err)
		return false
	}
	return true
}
