// Package depth is the pure core of ingest for order books: the state machine that turns what a source says about one contract's book into the records of the
// contract's log of books. It does no I/O and has no clock. Inputs are method calls that carry the caller's time; what they cause is collected in Effects,
// which the caller takes with Take.
//
// What it guarantees about the log, whatever the source does:
//   - the book that a reader keeps (from a snapshot on, with each diff, until a gap) is the source's book at the update id of the last command: no update is
//     missing in it, none is twice in it, and it is never crossed;
//   - a clock record X is written only when every command before X is in the log (see log.go);
//   - Seq counts the records without holes, and a log that cannot be continued is begun again with a new Epoch (see begin.go).
package depth

import (
	"fmt"

	"github.com/tickcast/tickcast/book"
	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/market"
)

// Feed is the state machine of one contract's book. It belongs to one goroutine.
type Feed struct {
	cfg Config
	log core.Log

	book       *book.Book
	valid      bool  // book is the source's at update last, and the log says the same
	validMs    int64 // our time since when
	inGap      bool  // not valid, and a gap record said so
	last       int64 // update id of the last command in the log
	seen       int64 // the last update that is known to exist: in a gap greater than last
	hasLast    bool
	lastMs     int64 // the last command's event time
	lowBid     int64 // bids below it are known only if they changed since the last REST snapshot; 0: all are known
	highAsk    int64 // asks above it likewise; 0: all are known
	thin       bool  // none is left on a side of the levels that REST told
	minute     int64 // of the last snapshot in the log, event time / SnapshotMs
	specMinute int64 // of the last contract record in the log
	regress    int   // diffs in a row that are older by id and newer by time

	held   heldDiffs // diffs to be joined with a snapshot, by id
	snap   *snapshot // an answer that waits for the diffs that join it
	fetch  fetchState
	holeAt int64 // since when a diff is held that is ahead of a valid book; 0: none

	clock   clockState
	source  core.SourceClock
	heardMs int64 // our time of the last frame
	upMs    int64 // our time when the first connection came up
	conns   core.Conns
	catchUp bool // connected again, and not yet known whether updates were missed

	gapReason  string // of the last gap, and how many updates it misses
	gapMissing int64
	requests   []Request
	Counts     Counts
}

// Counts says what became of the inputs; what is dropped is counted here.
type Counts struct {
	Diffs       int64 // written
	Snapshots   int64 // written
	Duplicates  int64 // updates that the book has already: dropped
	Dropped     int64 // held back for a snapshot that did not come in time: dropped
	Quarantined int64
	Fetches     int64 // REST snapshots that were asked for
	Stale       int64 // REST snapshots that did not join the diffs: refused
	Refreshes   int64 // REST snapshots that renewed a valid book
	Gaps        int64 // gap records
	Missing     int64 // updates that gap records name
	Rounded     int64 // levels whose quantity was finer than the contract's step
	Late        int64 // diffs whose time was already closed by a clock record: written at the clock's time
	Clocks      int64
	Epochs      int64
}

// New makes a feed that has not begun; Start begins it.
func New(cfg Config, contract market.Contract, simulated bool) *Feed {
	return &Feed{cfg: cfg, log: core.NewLog(contract, simulated, "book"), book: &book.Book{}}
}

// Take returns what the inputs since the last Take caused, and forgets it. Effects' own slices are valid until the next input, the levels in the records for good.
func (f *Feed) Take() Effects {
	out := Effects{Effects: f.log.Take(), Requests: f.requests}
	f.requests = f.requests[:0]
	return out
}

// Diff takes a diff from a connection.
func (f *Feed) Diff(nowMs, conn int64, raw *RawDiff) {
	f.learnTime(nowMs, raw.EventMs)
	f.heardMs = nowMs
	d, reason, detail := f.check(nowMs, raw)
	switch {
	case reason != "":
		f.quarantine(nowMs, conn, "depth", reason, detail, raw.Raw)
		if f.valid && raw.Symbol == f.log.Contract.Symbol && raw.FirstID <= f.last+1 && raw.LastID > f.last && raw.LastID-raw.FirstID < maxSpan {
			f.gap(nowMs, raw.LastID, "an update was not usable: "+reason)
		}
	case !f.valid:
		f.hold(nowMs, d)
	case d.last <= f.last:
		f.old(nowMs, conn, d)
	case d.first > f.last+1:
		f.hold(nowMs, d)
		if f.holeAt == 0 {
			f.holeAt = nowMs
		}
	default:
		f.apply(nowMs, conn, d)
	}
	f.step(nowMs)
}

// maxSpan is more updates than one diff has; an unusable one that claims more names no gap by its ids.
const maxSpan = 1_000_000

// regressMs is by how much a diff may be newer by time than one that is ahead of it by id: connections do not cut the updates into the same diffs.
const regressMs = 1000

// old handles a diff whose updates the book has already: nearly always a duplicate.
func (f *Feed) old(nowMs, conn int64, d diff) {
	if f.catchUp { // a new connection brings lower ids: the coming snapshot tells whether the source began anew
		f.hold(nowMs, d)
		return
	}
	if d.ms <= f.lastMs+regressMs {
		f.Counts.Duplicates++
		return
	}
	f.quarantine(nowMs, conn, "depth", core.ReasonIDRegression, fmt.Sprintf("updates %d to %d at a later time than %d", d.first, d.last, f.last), d.raw)
	if f.regress++; f.regress >= 3 { // one wrong id is no new market
		f.newEpoch(nowMs, fmt.Sprintf("the source's update ids went back from %d to %d", f.last, d.last))
		f.hold(nowMs, d)
	}
}

// apply puts the next diff into the book and the log.
func (f *Feed) apply(nowMs, conn int64, d diff) {
	f.book.Apply(&d.change)
	if f.book.Crossed() {
		f.quarantine(nowMs, conn, "depth", core.ReasonCrossed, f.crossedDetail(d), d.raw)
		f.held.dropThrough(d.last)
		f.gap(nowMs, d.last, "an update would cross the book")
		return
	}
	f.write(nowMs, &d)
	f.catchUp, f.regress = false, 0
	f.held.dropImpossible(f, nowMs, &d)
	if f.fetch.busy || f.snap != nil {
		f.held.put(d) // the snapshot is joined with what came since it was asked for
	}
	f.watchRange(nowMs)
}

func (f *Feed) crossedDetail(d diff) string {
	bid, _ := f.book.BestBid()
	ask, _ := f.book.BestAsk()
	p := f.log.Contract.Tick.Scale
	return fmt.Sprintf("after updates %d to %d the best bid is %s and the best ask %s", d.first, d.last, market.FormatDecimal(bid.Price, p), market.FormatDecimal(ask.Price, p))
}

// Heard takes any other frame of the connections that bring diffs: it tells the source's time, and that they are alive.
func (f *Feed) Heard(nowMs, eventMs int64) {
	f.learnTime(nowMs, eventMs)
	f.heardMs = nowMs
	f.step(nowMs)
}

func (f *Feed) learnTime(nowMs, eventMs int64) {
	if f.source.Frame(nowMs, eventMs, f.cfg.FutureMs) {
		f.log.AskTime()
	}
}

// SourceTime takes the source's clock as REST answered it; nowMs is the middle of the request.
func (f *Feed) SourceTime(nowMs, serverMs int64) { f.source.Answer(nowMs, serverMs) }

// ConnUp says that a connection is subscribed: diffs after this call arrive on it.
func (f *Feed) ConnUp(nowMs, conn int64) {
	if f.conns.Up(conn) {
		f.upMs, f.heardMs = nowMs, nowMs
		f.held.clear() // nothing joins them with what comes now
		f.snap, f.fetch.busy = nil, false
		f.catchUp = f.valid
	}
	f.step(nowMs)
}

// ConnDown says that a connection is gone; reason is for a person.
func (f *Feed) ConnDown(nowMs, conn int64, reason string) {
	f.conns.Down(conn, reason)
	f.step(nowMs)
}

// Tick lets time pass. It is due at Wake, and may come at any time.
func (f *Feed) Tick(nowMs int64) { f.step(nowMs) }

// Malformed takes a frame that could not be read at all: it is only reported. If it was a diff, the next one shows the hole.
func (f *Feed) Malformed(nowMs, conn int64, channel, reason, detail string, raw []byte) {
	f.quarantine(nowMs, conn, channel, reason, detail, raw)
	f.step(nowMs)
}

// step does all that has become due or possible.
func (f *Feed) step(nowMs int64) {
	f.drain(nowMs)
	f.join(nowMs)
	f.drain(nowMs)
	if f.valid && nowMs-f.validMs >= f.cfg.HealthyMs {
		f.fetch.fails = 0
	}
	f.ask(nowMs)
	f.stepClock(nowMs)
	f.stepQuality(nowMs)
	f.stepStatus(nowMs)
}

// drain applies held diffs that have become the next ones, and calls a hole a gap when its time is over.
func (f *Feed) drain(nowMs int64) {
	for f.valid {
		d, ok := f.held.after(f.last)
		switch {
		case !ok:
			f.holeAt = 0
			if !f.fetch.busy && f.snap == nil && !f.catchUp {
				f.held.clear()
			}
			return
		case d.first <= f.last+1:
			f.apply(nowMs, 0, d)
			continue
		case f.holeAt == 0:
			f.holeAt = nowMs
		}
		if f.conns.Len() > 1 && nowMs-f.holeAt < f.cfg.ReorderMs {
			return
		}
		f.gap(nowMs, d.first-1, "updates are missing")
	}
}

// Wake returns when Tick is due at the latest.
func (f *Feed) Wake(nowMs int64) int64 {
	at := f.clock.dueMs(&f.cfg, f.quiet(nowMs))
	if f.conns.Len() > 0 && !f.valid || f.snap != nil || f.holeAt != 0 || f.catchUp {
		at = min(at, nowMs+f.cfg.BusyMs)
	}
	return max(at, nowMs+1)
}
