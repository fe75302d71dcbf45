package depth

import (
	"fmt"

	"github.com/tickcast/tickcast/ingest/feed"
	"github.com/tickcast/tickcast/market"
)

// tailState is what the end of a log says.
type tailState struct {
	writer     int64
	epoch, seq int64
	clockMs    int64
	last       market.Record // last command
	hasLast    bool
	lastMs     int64
	price, qty int           // scales of the last command that has levels; -1: none
	contract   market.Record // last contract record
	hasSpec    bool
	any        bool
	newest     market.Record
}

// readTail follows the rules of every reader: records of an older writer after a newer one's open do not count, nor does a seq that is not above the last.
func readTail(records []market.Record) tailState {
	t := tailState{price: -1, qty: -1}
	for _, r := range records {
		if r.Kind == market.KindOpen {
			t.writer = max(t.writer, r.Writer)
		}
		if r.Writer < t.writer || r.Epoch < t.epoch || r.Epoch == t.epoch && r.Seq <= t.seq {
			continue
		}
		if r.Epoch != t.epoch {
			t = tailState{writer: t.writer, price: -1, qty: -1}
		}
		t.any, t.newest = true, r
		t.writer, t.epoch, t.seq = r.Writer, r.Epoch, r.Seq
		switch r.Kind {
		case market.KindSnapshot, market.KindDiff:
			t.last, t.hasLast, t.lastMs = r, true, max(t.lastMs, r.EventMs)
			if r.PriceScale >= 0 && r.QtyScale >= 0 {
				t.price, t.qty = r.PriceScale, r.QtyScale
			}
		case market.KindClock:
			t.clockMs = max(t.clockMs, r.EventMs)
		case market.KindContract:
			t.contract, t.hasSpec = r, true
		}
	}
	return t
}

// Start opens the log. writer is this writer's id, greater than all before it. tail holds the newest records of the contract's log of books, oldest first, at least back to the last snapshot or diff; empty if there is
// none. The log goes on in its epoch where it can be continued; in any case a snapshot comes first.
func (f *Feed) Start(nowMs, writer int64, tail []market.Record) {
	t := readTail(tail)
	f.writer = writer
	f.clock.at = nowMs
	f.epoch = t.epoch
	if why := f.foreign(&t); why != "" {
		f.newEpoch(nowMs, why)
		f.step(nowMs)
		return
	}
	f.seq = t.seq
	f.clock.x, f.clock.proven, f.clock.quality = t.clockMs, max(t.clockMs, t.lastMs), t.newest.Quality
	f.last, f.seen, f.hasLast, f.lastMs = t.last.Book.LastID, t.last.Book.LastID, t.hasLast, t.lastMs
	f.open(nowMs)
	f.step(nowMs)
}

func (f *Feed) open(nowMs int64) {
	at := f.eventMs(nowMs)
	f.emit(market.Record{Kind: market.KindOpen, EventMs: at})
	f.emitContract(at, false)
}

// emitContract says what the contract is. It comes again with the snapshot of each minute: a reader that begins anywhere in the log needs both.
func (f *Feed) emitContract(atMs int64, delisted bool) {
	f.specMinute = atMs / f.cfg.SnapshotMs
	f.emit(market.Record{Kind: market.KindContract, EventMs: atMs, Spec: market.Spec{Contract: f.contract, Delisted: delisted}})
}

// foreign says why the log at hand cannot be continued; empty if it can.
func (f *Feed) foreign(t *tailState) string {
	c := &f.contract
	was := &t.contract.Spec.Contract
	switch {
	case !t.any:
		return "there is no log yet"
	case t.newest.Source != c.Source || t.newest.Simulated != f.simulated:
		return fmt.Sprintf("the log is of source %s (simulated: %t)", t.newest.Source, t.newest.Simulated)
	case t.price >= 0 && (t.price != c.Tick.Scale || t.qty != c.Step.Scale):
		return fmt.Sprintf("the log has %d and %d decimals", t.price, t.qty)
	case t.hasSpec && was.Symbol != c.Symbol:
		return fmt.Sprintf("the log is of symbol %s", was.Symbol)
	case t.hasSpec && (was.Tick.Scale != c.Tick.Scale || was.Step.Scale != c.Step.Scale):
		return fmt.Sprintf("the log's tick and step are %s and %s", was.Tick, was.Step)
	}
	return ""
}

// newEpoch begins the log again.
func (f *Feed) newEpoch(nowMs int64, why string) {
	f.notef(false, "a new epoch begins: %s", why)
	f.Counts.Epochs++
	f.epoch = max(nowMs, f.epoch+1)
	f.seq = 0
	f.valid, f.inGap, f.catchUp, f.hasLast, f.last, f.seen, f.lastMs, f.minute, f.regress, f.holeAt = false, false, false, false, 0, 0, 0, 0, 0, 0
	f.held.clear()
	f.snap = nil
	f.fetch = fetchState{serial: f.fetch.serial, fails: f.fetch.fails, notBefore: f.fetch.notBefore}
	f.clock = clockState{at: nowMs}
	f.open(nowMs)
}

// Change takes the contract's new catalogue entry. Where the levels of before cannot be compared with those to come, the log begins again.
func (f *Feed) Change(nowMs int64, c market.Contract) {
	was := f.contract
	f.contract = c
	switch {
	case was.Symbol != c.Symbol:
		f.wasUp = false
		clear(f.conns) // they bring the other symbol's diffs
		f.source = feed.SourceClock{}
		f.newEpoch(nowMs, fmt.Sprintf("the symbol was %s and is %s", was.Symbol, c.Symbol))
	case was.Tick.Scale != c.Tick.Scale || was.Step.Scale != c.Step.Scale:
		f.newEpoch(nowMs, fmt.Sprintf("tick and step were %s and %s", was.Tick, was.Step))
	default:
		f.emitContract(f.eventMs(nowMs), false)
	}
	f.step(nowMs)
}

// Delist says that the contract has left the catalogue. No other input may follow.
func (f *Feed) Delist(nowMs int64) {
	f.emitContract(f.eventMs(nowMs), true)
	f.clock.quality = market.QualityStale
	f.report(nowMs, "DELISTED", "the contract has left the catalogue", -1)
}
