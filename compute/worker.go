package compute

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/compute/candle"
	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// maxContracts bounds what a broken log can make us keep.
const maxContracts = 10_000

// place is where reading stands in one partition.
type place struct {
	next int64  // offset of the next record
	sum  uint32 // checksum of the record before it: a log that began anew has another one there
	end  int64  // offset to reach until the partition is caught up
}

// worker is the state of one Run; it belongs to one goroutine.
type worker struct {
	*Compute
	reader   *kafka.Reader
	producer *kafka.Producer
	writing  context.Context
	startMs  int64

	machines map[string]*candle.Machine
	places   []place
	behind   int // partitions that have not reached the end seen at the start
	decoder  market.Decoder
	record   market.Record
	input    core.Input
	headers  [2]kafka.Header
	writeErr error

	nextRound, nextCheckpoint time.Time
	saving                    chan struct{} // closed when the checkpoint on its way is on disk
	warnedAt                  time.Time
	warned                    int // since warnedAt
}

func (w *worker) work(ctx context.Context) error {
	if err := w.begin(); err != nil {
		return err
	}
	caughtUp := false
	for ctx.Err() == nil {
		if !caughtUp && w.behind == 0 {
			caughtUp = true
			w.log.Info("compute has caught up", "contracts", len(w.machines), "records", w.done.records.Load(), "took", time.Since(time.UnixMilli(w.startMs)).Round(time.Millisecond))
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

// begin loads the checkpoint and assigns all partitions.
func (w *worker) begin() error {
	topic := catalog.MarketTrades
	ranges, err := w.reader.Ranges(topic)
	if err != nil {
		return err
	}
	now := time.Now()
	w.nextCheckpoint = now.Add(w.cfg.CheckpointEvery.D())
	w.places = make([]place, len(ranges))
	if cp := w.loadCheckpoint(len(ranges)); cp != nil {
		if why, err := w.refuse(cp, ranges); err != nil {
			return err
		} else if why != "" {
			w.log.Warn("checkpoint does not fit the log, which is read from its start", "file", w.cfg.Checkpoint, "reason", why)
		} else {
			w.places, w.machines = cp.places, cp.machines
		}
	}
	ps := make([]kafka.Position, len(ranges))
	for i, r := range ranges {
		pl := &w.places[i]
		pl.next, pl.end = max(pl.next, r.Low), r.High
		if pl.next < pl.end {
			w.behind++
		}
		ps[i] = kafka.Position{Topic: topic, Partition: int32(i), Offset: pl.next}
	}
	return w.reader.Assign(ps)
}

// refuse says why a checkpoint cannot be continued on the log that is there; empty if it can.
func (w *worker) refuse(cp *checkpoint, ranges []kafka.Range) (string, error) {
	var check []kafka.Position
	for i, r := range ranges {
		next := cp.places[i].next
		switch {
		case next > r.High:
			return fmt.Sprintf("partition %d ends at offset %d, the checkpoint is at %d", i, r.High, next), nil
		case next < r.Low: // the cores see it in the sequence numbers, and say degraded
			w.log.Warn("records between the checkpoint and the log's start are gone", "partition", i, "from", next, "to", r.Low)
		case next > r.Low:
			check = append(check, kafka.Position{Topic: catalog.MarketTrades, Partition: int32(i), Offset: next - 1})
		}
	}
	for _, p := range check { // one by one: a partition with many records would hold the others up
		if err := w.reader.Assign([]kafka.Position{p}); err != nil {
			return "", err
		}
		rec, err := w.reader.Poll(kafka.ConnectTimeout)
		if err != nil {
			return "", err
		}
		if rec == nil {
			return "", fmt.Errorf("read Kafka topic %s partition %d at offset %d: no answer within %s", p.Topic, p.Partition, p.Offset, kafka.ConnectTimeout)
		}
		if rec.Partition != p.Partition || rec.Offset != p.Offset || sum(rec) != cp.places[p.Partition].sum {
			return fmt.Sprintf("partition %d has another record at offset %d", p.Partition, p.Offset), nil
		}
	}
	return "", nil
}

func sum(rec *kafka.Record) uint32 { return crc32.Checksum(rec.Value, castagnoli) }

// take computes one record.
func (w *worker) take(rec *kafka.Record, now time.Time) error {
	pl := &w.places[rec.Partition]
	if rec.Offset < pl.next {
		return fmt.Errorf("%s partition %d went back from offset %d to %d: the log was made anew, and this state is of another one", rec.Topic, rec.Partition, pl.next, rec.Offset)
	}
	w.done.records.Add(1)
	err := w.apply(rec, now)
	if w.writeErr != nil {
		return w.writeErr // the record's outputs are not complete: nothing may be saved
	}
	if err != nil {
		w.poison(rec, err, now)
	}
	before := pl.next
	pl.next, pl.sum = rec.Offset+1, sum(rec)
	if before < pl.end && pl.next >= pl.end {
		w.behind--
	}
	return nil
}

func (w *worker) apply(rec *kafka.Record, now time.Time) error {
	r := &w.record
	if err := w.decoder.Decode(rec.Value, r); err != nil {
		return err
	}
	if string(rec.Key) != r.Contract {
		return fmt.Errorf("key %.40q is not the record's contract %s", rec.Key, r.Contract)
	}
	m := w.machines[r.Contract]
	if m == nil {
		if len(w.machines) >= maxContracts {
			return fmt.Errorf("contract %s is one too many, at most %d are kept", r.Contract, maxContracts)
		}
		m = candle.New(r.Contract, w.startMs, w.emit)
		w.machines[r.Contract] = m
	}
	nowMs := now.UnixMilli()
	w.input = core.Input{Record: r, Value: rec.Value, AppendMs: rec.TimestampMs, ComputeMs: nowMs, Thin: nowMs-rec.TimestampMs > thinAfter}
	verdict, err := m.Apply(&w.input)
	if n := m.TakeMissing(); n > 0 {
		w.done.missing.Add(n)
		if w.mayWarn(now) {
			w.log.Warn("records are missing in the log, candles say degraded", "contract", r.Contract, "records", n, "before_seq", r.Seq, "partition", rec.Partition, "offset", rec.Offset)
		}
	}
	switch verdict {
	case core.Applied, core.Invalid: // the error says it
	case core.Late:
		w.done.late.Add(1)
	default:
		w.done.dropped.Add(1)
	}
	return err
}

// emit writes one output record. The first error stops the work.
func (w *worker) emit(o *core.Output) {
	if w.writeErr != nil {
		return
	}
	w.headers = [2]kafka.Header{{Key: catalog.VersionName, Value: o.Ver}, {Key: "kind", Value: []byte(o.Kind)}}
	w.writeErr = w.producer.Produce(w.writing, o.Topic, o.Key, o.Value, w.headers[:]...)
	w.done.outputs.Add(1)
}

// poison counts a record that cannot be used and passes over it.
func (w *worker) poison(rec *kafka.Record, err error, now time.Time) {
	n := w.done.poison.Add(1)
	if w.mayWarn(now) {
		w.log.Error("record cannot be used, it is passed over", "topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "error", err, "so_far", n)
	}
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

// roundEvery is how often every key's full state is written; 0: never, the topics are compacted.
func (w *worker) roundEvery() time.Duration {
	if w.cat.Form != catalog.Embedded {
		return 0
	}
	if d := w.cfg.RoundEvery.D(); d != 0 {
		return d
	}
	return time.Duration(w.cat.Topic(catalog.PushCandles).RetentionMs/3) * time.Millisecond
}

// roundIfDue writes the full state of every key, and then where a reader finds it, to push.rounds.
func (w *worker) roundIfDue(now time.Time) error {
	every := w.roundEvery()
	if every == 0 || now.Before(w.nextRound) {
		return nil
	}
	w.nextRound = now.Add(every)
	offsets := map[string][]int64{}
	for _, topic := range []string{catalog.PushCandles, catalog.PushClosed} {
		ranges, err := w.producer.Ranges(topic) // what is queued lies behind: reading may begin before the round, never after
		if err != nil {
			return err
		}
		for _, r := range ranges {
			offsets[topic] = append(offsets[topic], r.High)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(w.machines)) {
		w.machines[id].PublishAll(now.UnixMilli())
	}
	if w.writeErr != nil {
		return w.writeErr
	}
	if !w.flush("round") {
		w.nextRound = now.Add(time.Second)
		return nil
	}
	value, err := json.Marshal(struct {
		SV      int                `json:"sv"`
		TS      int64              `json:"ts"`
		Offsets map[string][]int64 `json:"offsets"`
	}{market.SchemaVersion, now.UnixMilli(), offsets})
	if err != nil {
		return err
	}
	w.done.rounds.Add(1)
	return w.producer.Produce(w.writing, catalog.PushRounds, nil, value)
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
