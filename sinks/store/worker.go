package store

import (
	"context"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// place is where reading stands in one partition.
type place struct {
	position
	changed bool  // since it was written
	check   bool  // the next record is the one before the position: it tells whether the log is still the same
	caught  bool  // the end seen first has been reached
	end     int64 // where the last end was seen
	held    held
}

// worker is the state of one Run; it belongs to one goroutine.
type worker struct {
	*Store
	reader   *kafka.Reader
	places   []place
	behind   int  // partitions that have not been read to their end yet; -1: nothing is left to do for it
	caughtUp bool // ready is closed
	batch    []market.CandleMessage
	due      time.Time // when the batch must be written
	decoder  market.Decoder
	prune    *pruner
	pruneAt  time.Time
	warned   time.Time
	looked   time.Time // when partitions were looked at that could be held
}

// begin finds where to go on.
func (w *worker) begin(ctx context.Context) error {
	if err := w.prune.load(ctx, w.db); err != nil {
		return err
	}
	known, err := w.db.positions(ctx, ledger)
	if err != nil {
		return err
	}
	ranges, err := w.reader.Ranges(ledger)
	if err != nil {
		return err
	}
	w.places, w.behind = make([]place, len(ranges)), len(ranges)
	for i, rg := range ranges {
		n := int32(i)
		pl := place{position: position{topic: ledger, partition: n, next: rg.Low, sum: -1}}
		at, ok := known[n]
		switch {
		case !ok:
		case at.next > rg.High:
			w.log.Warn("Kafka began anew: it is read from its start, candles that are stored stay", "partition", n, "ends_at", rg.High, "position", at.next)
		case at.next < rg.Low:
			w.missing.Add(rg.Low - at.next)
			w.log.Warn("the ledger no longer has what comes next: candles are missing in the store", "partition", n, "from", at.next, "to", rg.Low, "records", rg.Low-at.next)
		default:
			pl.position = at
			pl.check = at.sum >= 0 && at.next > rg.Low
		}
		w.places[i] = pl
	}
	return w.assign()
}

// assign reads on in every partition; a place to check begins one record earlier.
func (w *worker) assign() error {
	ps := make([]kafka.Position, len(w.places))
	for i, pl := range w.places {
		ps[i] = kafka.Position{Topic: ledger, Partition: pl.partition, Offset: pl.next}
		if pl.check {
			ps[i].Offset--
		}
	}
	return w.reader.Assign(ps)
}

// patience is how long the next record may be awaited.
func (w *worker) patience(now time.Time) time.Duration {
	if len(w.batch) == 0 {
		return pollEvery
	}
	return min(max(w.due.Sub(now), 0), pollEvery)
}

// take adds one record to the batch.
func (w *worker) take(rec *kafka.Record, now time.Time) error {
	pl := &w.places[rec.Partition]
	if rec.End {
		pl.end = rec.Offset
		if !pl.caught {
			pl.caught = true
			w.behind--
		}
		return nil
	}
	sum := int64(crc32.Checksum(rec.Value, castagnoli))
	if pl.check {
		pl.check = false
		if rec.Offset == pl.next-1 {
			if sum == pl.sum {
				return nil
			}
			w.log.Warn("Kafka began anew: it is read from its start, candles that are stored stay", "partition", rec.Partition, "another_record_at", rec.Offset)
			pl.next, pl.sum, pl.changed, pl.end, pl.held = 0, -1, true, 0, held{}
			return w.assign()
		}
	}
	if rec.Offset < pl.next {
		w.log.Warn("Kafka began anew while it was read; going on, candles that are stored stay", "partition", rec.Partition, "from", pl.next, "to", rec.Offset)
		pl.end, pl.held = 0, held{}
	}
	pl.next, pl.sum, pl.changed = rec.Offset+1, sum, true
	if len(w.batch) == 0 {
		w.due = now.Add(w.cfg.BatchEvery.D())
	}
	w.batch = append(w.batch, market.CandleMessage{})
	if err := w.decode(rec, &w.batch[len(w.batch)-1]); err != nil {
		w.batch = w.batch[:len(w.batch)-1]
		w.rejected.Add(1)
		if now.Sub(w.warned) > time.Second { // a broken writer must not flood the log
			w.warned = now
			w.log.Warn("record is no candle", "topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "error", err, "rejected", w.rejected.Load())
		}
	}
	return nil
}

func (w *worker) decode(rec *kafka.Record, m *market.CandleMessage) error {
	v, err := market.ParseVersion(rec.Header(catalog.VersionName))
	if err != nil {
		return fmt.Errorf("header ver: %w", err)
	}
	if err := w.decoder.DecodeCandle(rec.Value, m); err != nil {
		return err
	}
	key := catalog.LedgerKey(m.Contract, m.Period, m.OpenMs)
	switch {
	case key != string(rec.Key):
		return fmt.Errorf("key %.80q is not that of candle %s", rec.Key, key)
	case v != m.Version():
		return fmt.Errorf("header ver %v is not that of candle %s, %v", v, key, m.Version())
	case !m.Closed:
		return fmt.Errorf("candle %s is not closed", key)
	}
	return market.CheckID(m.Contract)
}

// flushIfDue writes a batch that is large or old enough, takes old candles away, and says when the store has caught up.
func (w *worker) flushIfDue(ctx context.Context, now time.Time) error {
	caughtUp := w.behind == 0
	if caughtUp {
		w.behind = -1
	}
	if len(w.batch) >= w.cfg.BatchRows || len(w.batch) > 0 && !now.Before(w.due) || caughtUp {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	if caughtUp && !w.caughtUp {
		w.caughtUp = true
		close(w.ready)
		w.log.Info("store has caught up with the ledger", "written", w.written.Load(), "not_newer", w.old.Load())
	}
	if w.behind < 0 && now.Sub(w.pruneAt) >= pruneEvery {
		w.pruneAt = now
		n, err := w.prune.step(context.WithoutCancel(ctx), w.db)
		w.pruned.Add(n)
		if err != nil {
			w.log.Error("old candles stay", "error", err)
			w.pruneAt = now.Add(retryEvery)
		}
	}
	return nil
}

// retryEvery is the pause after a failed transaction: a full disk must not end the roles beside this one.
const retryEvery = time.Second

// refusal is an error of the database. Nobody knows then what it has: a transaction may have been written although its end was not told, and a server that crashed, or another
// one that took its place, may have less than it had said.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// beginAgain waits until the database answers, and then goes on from where it says that reading stands. The end of ctx makes the refusal final.
func (w *worker) beginAgain(ctx context.Context, err error) error {
	for {
		w.log.Error("candles are not stored yet; trying again", "candles", len(w.batch), "error", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(retryEvery):
		}
		if err = w.db.loadContracts(ctx); err == nil {
			err = w.begin(ctx)
		}
		if err == nil {
			w.batch = w.batch[:0]
			return nil
		}
	}
}

// flush writes the batch and the positions behind it.
func (w *worker) flush(ctx context.Context) error {
	var ps []position
	for i := range w.places {
		if w.places[i].changed {
			ps = append(ps, w.places[i].position)
		}
	}
	if len(ps) == 0 {
		return nil
	}
	n, err := w.db.write(context.WithoutCancel(ctx), w.batch, ps)
	if err != nil {
		return refusal{err}
	}
	w.written.Add(n)
	w.old.Add(int64(len(w.batch)) - n)
	w.batches.Add(1)
	w.prune.note(w.batch)
	w.batch = w.batch[:0]
	for i := range w.places {
		w.places[i].changed = false
	}
	return nil
}
