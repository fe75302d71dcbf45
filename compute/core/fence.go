package core

import "github.com/tickcast/tickcast/market"

// Fence says which records of a contract's log count: those of its newest writer and epoch, each once.
type Fence struct {
	Epoch   int64 // -1 before the first record
	Missing int64 // records that the log should have held, by its sequence numbers; whoever reports them sets it back

	// About the record at hand.
	Begins bool // it is the first of its epoch
	Whole  bool // with Begins: every record of the epoch has been seen
	Hole   bool // records before it are missing

	writer, seq int64
	opened      market.Version // place of the last open record
}

// NewFence returns the fence of a log of which nothing was seen.
func NewFence() Fence { return Fence{Epoch: -1} }

// Take decides about the next record. An open record is Applied, and counts, but begins nothing: its writer need not know the epoch yet.
func (f *Fence) Take(r *market.Record) Verdict {
	f.Begins, f.Whole, f.Hole = false, false, false
	if r.Writer < f.writer {
		return OldWriter
	}
	f.writer = r.Writer
	if r.Kind == market.KindOpen {
		f.opened = market.Version{Epoch: r.Epoch, Seq: r.Seq}
		if r.Epoch == f.Epoch && r.Seq > f.seq {
			f.advance(r.Seq)
		}
		return Applied
	}
	switch {
	case r.Epoch < f.Epoch:
		return OldEpoch
	case r.Epoch > f.Epoch:
		f.Epoch, f.seq = r.Epoch, r.Seq-1
		f.Begins = true
		f.Whole = r.Seq == 1 || r.Seq == 2 && f.opened == market.Version{Epoch: r.Epoch, Seq: 1}
	}
	if r.Seq <= f.seq {
		return OldSeq
	}
	f.advance(r.Seq)
	return Applied
}

// advance takes a record's number, which is above the last; records between the two are lost.
func (f *Fence) advance(seq int64) {
	if f.Hole = seq != f.seq+1; f.Hole {
		f.Missing += seq - f.seq - 1
	}
	f.seq = seq
}

// TakeMissing returns the number of missing records since it was last asked.
func (f *Fence) TakeMissing() int64 {
	n := f.Missing
	f.Missing = 0
	return n
}

// Save appends the fence to a state.
func (f *Fence) Save(w *Saver) {
	w.Int(f.writer, f.Epoch, f.seq, f.opened.Epoch, f.opened.Seq)
}

// Load reads what Save wrote.
func (f *Fence) Load(r *Loader) {
	f.writer, f.Epoch, f.seq = r.Int(), r.Int(), r.Int()
	f.opened = market.Version{Epoch: r.Int(), Seq: r.Int()}
}
