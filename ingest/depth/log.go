package depth

import (
	"fmt"

	"github.com/tickcast/tickcast/market"
)

// clockState knows what is proved. Two things prove "every command before X is in the log":
//   - a written diff with event time E proves X = E: update ids have no holes and event times follow them;
//   - on a quiet book, the source's time less LagMs, while its frames arrive.
type clockState struct {
	x         int64 // of the last clock record
	proven    int64
	at        int64 // our time when the last clock record was written, or the log was opened
	pendingAt int64 // our time of the first command after x; 0: none
	qualityAt int64
}

// dueMs is when a clock or quality record is due.
func (c *clockState) dueMs(cfg *Config, quiet bool) int64 {
	due := max(c.at+cfg.StaleMs, c.qualityAt+cfg.QualityMs)
	if quiet {
		due = min(due, c.at+cfg.QuietClockMs)
	}
	if c.pendingAt != 0 {
		due = min(due, c.pendingAt+cfg.ClockMs)
	}
	return due
}

// quiet says whether the source's time alone proves that nothing is missing.
func (f *Feed) quiet(nowMs int64) bool {
	return f.valid && !f.catchUp && f.holeAt == 0 && f.conns.Len() > 0 && f.source.Known && nowMs-f.heardMs <= f.cfg.AliveMs
}

// stepClock writes a clock record if one is due.
func (f *Feed) stepClock(nowMs int64) {
	c := &f.clock
	if !f.valid {
		return
	}
	if c.pendingAt != 0 && nowMs-c.pendingAt >= f.cfg.ClockMs {
		f.writeClock(nowMs, c.proven)
	}
	if nowMs-c.at >= f.cfg.QuietClockMs && f.quiet(nowMs) {
		f.writeClock(nowMs, max(c.proven, f.source.At(nowMs)-f.cfg.LagMs))
	}
}

func (f *Feed) writeClock(nowMs, x int64) {
	c := &f.clock
	c.pendingAt = 0
	if x <= c.x {
		return
	}
	f.alive(nowMs)
	if minute := x / f.cfg.SnapshotMs; minute > f.minute { // nothing changes for so long: the log holds the book all the same
		f.writeSnapshot(f.lastMs)
		f.minute = minute
	}
	c.x, c.at = x, nowMs
	f.Counts.Clocks++
	f.log.Emit(market.Record{Kind: market.KindClock, EventMs: x})
}

// command notes what a command proves. The clock never says that a time is complete and then is not: what is late gets the clock's time.
func (f *Feed) command(nowMs, id, ms int64) int64 {
	c := &f.clock
	if ms < c.x {
		f.Counts.Late++
	}
	ms = max(ms, c.x)
	f.last, f.seen, f.hasLast, f.lastMs = id, id, true, max(f.lastMs, ms)
	c.proven = max(c.proven, ms)
	if c.pendingAt == 0 && c.proven > c.x {
		c.pendingAt = nowMs
	}
	return ms
}

// write puts a diff into the log that is in the book; in each new minute the whole book follows it.
func (f *Feed) write(nowMs int64, d *diff) {
	f.alive(nowMs)
	ms := f.command(nowMs, d.last, d.ms)
	c := d.change
	c.FirstID, c.LastID = d.first, d.last
	f.log.Emit(market.Record{Kind: market.KindDiff, EventMs: ms, PriceScale: f.log.Contract.Tick.Scale, QtyScale: f.log.Contract.Step.Scale, Book: c})
	f.Counts.Diffs++
	if minute := ms / f.cfg.SnapshotMs; minute > f.minute {
		f.writeSnapshot(ms)
	}
}

// writeBook puts a book that was made of a REST snapshot into the log.
func (f *Feed) writeBook(nowMs, id, ms int64) {
	f.thin = false
	if f.log.Quality != market.QualityOK {
		f.writeQuality(nowMs, market.QualityOK)
	}
	ms = f.command(nowMs, id, max(ms, f.lastMs))
	f.inGap = false
	f.writeSnapshot(ms)
}

// writeSnapshot writes the book as it is at update f.last.
func (f *Feed) writeSnapshot(ms int64) {
	f.trim()
	f.minute = ms / f.cfg.SnapshotMs
	ms = max(ms, f.clock.x)
	if ms/f.cfg.SnapshotMs > f.specMinute {
		f.emitContract(ms)
	}
	b := f.book
	f.log.Emit(market.Record{Kind: market.KindSnapshot, EventMs: ms, PriceScale: f.log.Contract.Tick.Scale, QtyScale: f.log.Contract.Step.Scale, Book: market.BookChange{
		FirstID: f.last, LastID: f.last,
		Bids: b.AppendBids(make([]market.Level, 0, b.NumBids()), b.NumBids()),
		Asks: b.AppendAsks(make([]market.Level, 0, b.NumAsks()), b.NumAsks())}})
	f.Counts.Snapshots++
}

// trim bounds the book; what is left out is not known any more.
func (f *Feed) trim() {
	bids, asks := f.book.NumBids(), f.book.NumAsks()
	f.book.Trim(market.MaxLevels)
	if f.book.NumBids() < bids {
		f.lowBid = max(f.lowBid, f.book.Bid(market.MaxLevels-1).Price)
	}
	if worst := market.MaxLevels - 1; f.book.NumAsks() < asks && (f.highAsk == 0 || f.book.Ask(worst).Price < f.highAsk) {
		f.highAsk = f.book.Ask(worst).Price
	}
}

// gap says that the updates after the log's last one, up to this id, are missing: until the next snapshot the book is not valid.
func (f *Feed) gap(nowMs, to int64, why string) {
	f.log.Notef(true, "gap: updates %d to %d: %s", f.last+1, to, why)
	if f.valid && f.clock.pendingAt != 0 {
		f.writeClock(nowMs, f.clock.proven) // what came before the gap is complete
	}
	f.Counts.Gaps++
	f.Counts.Missing += to - f.last
	f.log.Emit(market.Record{Kind: market.KindGap, EventMs: max(f.lastMs, f.clock.x), GapFrom: f.last + 1, GapTo: to})
	was := f.valid
	f.valid, f.inGap, f.catchUp, f.holeAt = false, true, false, 0
	f.clock.pendingAt = 0
	f.seen = to
	f.gapReason, f.gapMissing = fmt.Sprintf("updates %d to %d: %s", f.last+1, to, why), to-f.last
	f.writeQuality(nowMs, market.QualityStale)
	if was {
		f.stepStatus(nowMs)
	}
}

func (f *Feed) writeQuality(nowMs int64, q market.Quality) {
	f.log.Quality, f.clock.qualityAt = q, nowMs
	f.log.Emit(market.Record{Kind: market.KindQuality, EventMs: f.eventMs(nowMs)})
}

// alive takes back that the feed is stale.
func (f *Feed) alive(nowMs int64) {
	if f.log.Quality == market.QualityStale {
		q := market.QualityOK
		if f.thin {
			q = market.QualityDegraded
		}
		f.writeQuality(nowMs, q)
	}
}

// stepQuality says each second that nothing newer is known.
func (f *Feed) stepQuality(nowMs int64) {
	c := &f.clock
	since := c.at + f.cfg.StaleMs
	if !f.valid && f.log.Quality == market.QualityStale {
		since = 0 // it was said already
	}
	if f.log.Epoch != 0 && nowMs >= max(since, c.qualityAt+f.cfg.QualityMs) {
		f.writeQuality(nowMs, market.QualityStale)
	}
}

// eventMs is the event time of records that no diff gives one: the source's now less the lag, never before what is in the log.
func (f *Feed) eventMs(nowMs int64) int64 {
	at := max(f.clock.x, f.lastMs)
	switch {
	case f.source.Known:
		return max(f.source.At(nowMs)-f.cfg.LagMs, at)
	case at > 0:
		return at
	}
	return nowMs
}
