package depth

import (
	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/market"
)

// tailState is what the end of a log of books says.
type tailState struct {
	core.Tail
	last       market.Record // last command
	hasLast    bool
	lastMs     int64
	price, qty int // scales of the last command that has levels; -1: none
}

func readTail(records []market.Record) tailState {
	t := tailState{price: -1, qty: -1}
	for i := range records {
		r := &records[i]
		counts, anew := t.Read(r)
		if anew {
			t = tailState{Tail: t.Tail, price: -1, qty: -1}
		}
		if !counts || r.Kind != market.KindSnapshot && r.Kind != market.KindDiff {
			continue
		}
		t.last, t.hasLast, t.lastMs = *r, true, max(t.lastMs, r.EventMs)
		if r.PriceScale >= 0 && r.QtyScale >= 0 {
			t.price, t.qty = r.PriceScale, r.QtyScale
		}
	}
	return t
}

// Start opens the log. writer is this writer's id, greater than all before it. tail holds the newest records of the contract's log of books, oldest first, at least back to the last snapshot or diff; empty if there is
// none. The log goes on in its epoch where it can be continued; in any case a snapshot comes first.
func (f *Feed) Start(nowMs, writer int64, tail []market.Record) {
	t := readTail(tail)
	f.log.Writer, f.log.Epoch = writer, t.Epoch
	f.clock.at = nowMs
	if why := f.foreign(&t); why != "" {
		f.newEpoch(nowMs, why)
		f.step(nowMs)
		return
	}
	f.log.Seq, f.log.Quality = t.Seq, t.Newest.Quality
	f.clock.x, f.clock.proven = t.ClockMs, max(t.ClockMs, t.lastMs)
	f.last, f.seen, f.hasLast, f.lastMs = t.last.Book.LastID, t.last.Book.LastID, t.hasLast, t.lastMs
	f.open(nowMs)
	f.step(nowMs)
}

func (f *Feed) open(nowMs int64) {
	at := f.eventMs(nowMs)
	f.log.Emit(market.Record{Kind: market.KindOpen, EventMs: at})
	f.emitContract(at)
}

// emitContract says what the contract is. It comes again with the snapshot of each minute: a reader that begins anywhere in the log needs both.
func (f *Feed) emitContract(atMs int64) {
	f.specMinute = atMs / f.cfg.SnapshotMs
	f.log.Emit(market.Record{Kind: market.KindContract, EventMs: atMs, Spec: market.Spec{Contract: f.log.Contract}})
}

// foreign says why the log at hand cannot be continued; empty if it can.
func (f *Feed) foreign(t *tailState) string {
	if !t.Any {
		return "there is no log yet"
	}
	if why := t.OtherSource(&f.log); why != "" {
		return why
	}
	return t.OtherMarket(&f.log, t.price, t.qty)
}

// newEpoch begins the log again.
func (f *Feed) newEpoch(nowMs int64, why string) {
	f.log.NewEpoch(nowMs, why)
	f.Counts.Epochs++
	f.valid, f.inGap, f.catchUp, f.hasLast, f.last, f.seen, f.lastMs, f.minute, f.regress, f.holeAt = false, false, false, false, 0, 0, 0, 0, 0, 0
	f.held.clear()
	f.snap = nil
	f.fetch = fetchState{serial: f.fetch.serial, fails: f.fetch.fails, notBefore: f.fetch.notBefore}
	f.clock = clockState{at: nowMs}
	f.open(nowMs)
}

// Change takes the contract's new catalogue entry. Where the levels of before cannot be compared with those to come, the log begins again.
func (f *Feed) Change(nowMs int64, c market.Contract) {
	why, otherSymbol := f.log.Change(c)
	if otherSymbol {
		f.conns.Forget()
		f.source.Forget()
	}
	if why != "" {
		f.newEpoch(nowMs, why)
	} else {
		f.emitContract(f.eventMs(nowMs))
	}
	f.step(nowMs)
}

// Delist says that the contract has left the catalogue. No other input may follow.
func (f *Feed) Delist(nowMs int64) { f.log.Delist(nowMs, f.eventMs(nowMs), f.last) }
