package depth_test

import (
	"fmt"

	"github.com/tickcast/tickcast/book"
	"github.com/tickcast/tickcast/market"
)

// logReader keeps the book as every reader of the log does: nothing is valid until a snapshot, nor after a gap until the next one. It refuses a log that breaks
// what package depth promises.
type logReader struct {
	book       book.Book
	valid      bool
	epoch, seq int64
	last, ms   int64 // of the last command
	clock      int64
	gaps       int
}

func (l *logReader) read(r *market.Record) error {
	if r.Epoch != l.epoch {
		if r.Epoch < l.epoch || r.Kind != market.KindOpen {
			return fmt.Errorf("epoch %d begins with %s after %d", r.Epoch, r.Kind, l.epoch)
		}
		*l = logReader{epoch: r.Epoch, gaps: l.gaps}
	}
	if l.seq++; r.Seq != l.seq {
		return fmt.Errorf("seq %d, want %d", r.Seq, l.seq)
	}
	line := r.AppendJSON(nil)
	var dec market.Decoder
	var back market.Record
	if err := dec.Decode(line, &back); err != nil {
		return fmt.Errorf("record %d cannot be read: %w", r.Seq, err)
	}
	switch r.Kind {
	case market.KindOpen, market.KindGap:
		l.valid = false
		if r.Kind == market.KindGap {
			l.gaps++
			if r.GapTo < r.GapFrom {
				return fmt.Errorf("gap %d..%d", r.GapFrom, r.GapTo)
			}
		}
		return nil
	case market.KindClock:
		if r.EventMs <= l.clock || !l.valid {
			return fmt.Errorf("seq %d: clock %d after %d, the book is valid: %t", r.Seq, r.EventMs, l.clock, l.valid)
		}
		l.clock = r.EventMs
		return nil
	case market.KindSnapshot:
		if r.Book.LastID < l.last {
			return fmt.Errorf("seq %d: a snapshot of update %d after %d", r.Seq, r.Book.LastID, l.last)
		}
		l.book.Set(&r.Book)
		l.valid = true
	case market.KindDiff:
		if !l.valid || r.Book.FirstID > l.last+1 || r.Book.LastID <= l.last {
			return fmt.Errorf("seq %d: updates %d to %d after %d, the book is valid: %t", r.Seq, r.Book.FirstID, r.Book.LastID, l.last, l.valid)
		}
		l.book.Apply(&r.Book)
	default:
		return nil
	}
	if r.EventMs < l.clock {
		return fmt.Errorf("seq %d: a command of %d after the clock said %d", r.Seq, r.EventMs, l.clock)
	}
	if l.book.Crossed() {
		return fmt.Errorf("seq %d: the book is crossed", r.Seq)
	}
	l.last, l.ms = r.Book.LastID, r.EventMs
	return nil
}
