package depth

import (
	"fmt"

	"github.com/tickcast/tickcast/book"
	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/market"
)

// snapshot is a checked answer of REST.
type snapshot struct {
	id       int64
	book     market.BookChange
	moreBids bool // the source has more than it told: it told as many as it was asked for
	moreAsks bool
	atMs     int64 // our time when it came
}

// fetchState is the one request that a feed may have under way, and what is known about those before it.
type fetchState struct {
	serial    int64
	busy      bool
	wanted    bool // the valid book is to be renewed
	askedMs   int64
	notBefore int64
	fails     int // waits since the book was last valid for HealthyMs
	behind    int // answers in a row that are older than what was seen
}

// ask asks for a snapshot: when there is no valid book, and when the valid one has to be renewed. Diffs are held from then on.
func (f *Feed) ask(nowMs int64) {
	s := &f.fetch
	if f.log.Epoch == 0 || s.busy || f.snap != nil || f.conns.Len() == 0 || nowMs < s.notBefore || f.valid && !f.catchUp && !s.wanted {
		return
	}
	if (!f.valid && !f.inGap || f.catchUp) && len(f.held.items) == 0 && nowMs-f.upMs < f.cfg.FirstMs {
		return
	}
	s.serial++
	s.busy, s.wanted, s.askedMs = true, false, nowMs
	f.Counts.Fetches++
	f.requests = append(f.requests, Request{Serial: s.serial, Levels: f.cfg.Levels})
}

// retry lets the next request wait, twice as long each time: a flapping feed must not use up the source's limits.
func (f *Feed) retry(nowMs int64) {
	wait := f.cfg.RetryMaxMs
	if f.fetch.fails < 16 {
		wait = min(wait, f.cfg.RetryMinMs<<f.fetch.fails)
	}
	f.fetch.fails++
	f.fetch.notBefore = nowMs + wait
	f.fetch.wanted = f.valid
}

// Answer takes what came of a request. Each request must be answered once.
func (f *Feed) Answer(nowMs int64, a *Answer) {
	s := &f.fetch
	if !s.busy || a.Serial != s.serial {
		return // it belongs to an epoch that is over
	}
	s.busy = false
	if a.Err != nil {
		f.retry(nowMs)
		f.log.Notef(true, "fetch the order book: %v", a.Err)
		f.step(nowMs)
		return
	}
	snap, reason, detail := f.checkSnapshot(a)
	if reason != "" {
		f.quarantine(nowMs, 0, "depth snapshot", reason, detail, a.describe())
		f.retry(nowMs)
		f.step(nowMs)
		return
	}
	snap.atMs = nowMs
	f.snap = snap
	f.step(nowMs)
}

// refuse drops the snapshot at hand and asks for another one later.
func (f *Feed) refuse(nowMs int64, format string, args ...any) {
	f.Counts.Stale++
	f.log.Notef(true, "the order book that REST answered is refused: "+format, args...)
	f.snap = nil
	f.retry(nowMs)
}

// join makes a book of the snapshot at hand and the held diffs (Binance, "How to manage a local order book correctly"): diffs that end at or before its id are
// passed over, the first one after it must begin at or before the id that follows.
func (f *Feed) join(nowMs int64) {
	snap := f.snap
	if snap == nil || f.conns.Len() == 0 {
		return
	}
	next, ok := f.held.after(snap.id)
	joined := ok || snap.id == f.held.lastID()
	switch {
	case ok && next.first > snap.id+1:
		if f.conns.Len() > 1 && nowMs-snap.atMs < f.cfg.ReorderMs {
			return
		}
		f.refuse(nowMs, "it ends with update %d, the diffs begin with %d", snap.id, next.first)
		return
	case !joined && f.valid && snap.id < f.last && !f.catchUp:
		f.refuse(nowMs, "it ends with update %d, the book with %d", snap.id, f.last)
		return
	case !joined && (snap.id != f.last || f.inGap) && nowMs-snap.atMs < f.cfg.QuietMs:
		return // the diffs that lead to it may be under way
	case !joined && f.hasLast && snap.id < f.seen:
		if f.fetch.behind++; f.fetch.behind < maxBehind {
			f.refuse(nowMs, "it ends with update %d, the source was at %d already", snap.id, f.seen)
			return
		}
	}
	f.accept(nowMs, snap)
}

// maxBehind is how many answers in a row must be older than what was seen until that counts for nothing: the source has begun anew, or an id was wrong.
const maxBehind = 5

// accept goes through the diffs after the snapshot and puts the result into the log.
func (f *Feed) accept(nowMs int64, snap *snapshot) {
	b := &book.Book{}
	b.Set(&snap.book)
	id, ms := snap.id, int64(0)
	for i := range f.held.items {
		d := &f.held.items[i]
		if d.last <= snap.id {
			ms = max(ms, d.ms) // what it says is in the snapshot
			continue
		}
		if d.first > id+1 {
			break
		}
		b.Apply(&d.change)
		if b.Crossed() {
			f.refuse(nowMs, "updates %d to %d would cross it", d.first, d.last)
			if !f.valid {
				f.quarantine(nowMs, 0, "depth", core.ReasonCrossed, fmt.Sprintf("updates %d to %d cross the book of REST's update %d", d.first, d.last, snap.id), d.raw)
				f.held.dropThrough(d.last)
			}
			return
		}
		id, ms = d.last, d.ms
	}
	if f.valid && id < f.last && !f.catchUp {
		f.refuse(nowMs, "its diffs end with update %d, the book's with %d", id, f.last)
		return
	}
	if ms == 0 {
		ms = f.eventMs(nowMs)
	}
	if f.hasLast && (id < f.last || ms < f.clock.x-f.cfg.AncientMs) {
		held := f.held
		f.newEpoch(nowMs, fmt.Sprintf("the source's book is at update %d of %s, the log's was at %d", id, core.TimeText(ms), f.last))
		f.held = held
	}
	if f.hasLast && snap.id > f.last && !f.inGap {
		f.gap(nowMs, snap.id, "updates came while nobody listened")
	}
	if f.valid && id == f.last {
		f.Counts.Refreshes++
	}
	f.snap, f.catchUp, f.holeAt = nil, false, 0
	f.fetch.behind, f.fetch.wanted = 0, false
	f.book = b
	f.lowBid, f.highAsk = 0, 0
	if n := len(snap.book.Bids); snap.moreBids {
		f.lowBid = snap.book.Bids[n-1].Price
	}
	if n := len(snap.book.Asks); snap.moreAsks {
		f.highAsk = snap.book.Asks[n-1].Price
	}
	f.writeBook(nowMs, id, ms)
	f.held.dropThrough(id)
	if !f.valid { // if it does not last, the next request waits
		f.valid, f.validMs = true, nowMs
		f.retry(nowMs)
		f.fetch.wanted = false
	}
}

// watchRange asks for a fresh snapshot when the market has moved so far that few levels are left of those that REST told: beyond them only those are known that
// changed since. When none is left, even the best price may be one that nobody told us of.
func (f *Feed) watchRange(nowMs int64) {
	bids, asks := f.cfg.RefreshLevels, f.cfg.RefreshLevels
	if f.lowBid > 0 {
		bids = f.book.BidsFrom(f.lowBid)
	}
	if f.highAsk > 0 {
		asks = f.book.AsksTo(f.highAsk)
	}
	if min(bids, asks) >= f.cfg.RefreshLevels {
		return
	}
	if !f.thin && min(bids, asks) == 0 {
		f.thin = true
		f.writeQuality(nowMs, market.QualityDegraded)
	}
	if s := &f.fetch; !s.busy && f.snap == nil && nowMs-s.askedMs >= f.cfg.RefreshMinMs {
		s.wanted = true
	}
}
