// Package feed is the pure core of ingest: the state machine that turns what a source says about one contract into the records of the contract's log.
// It does no I/O and has no clock. Inputs are method calls that carry the caller's time; what they cause is collected in Effects, which the caller takes with Take.
//
// What it guarantees about the log, whatever the source does:
//   - trades stand in the order of the source's ids, each once, without holes that a gap record does not name;
//   - a clock record X is written only when it is proved that every trade before X is in the log (see clock.go);
//   - Seq counts the records without holes, and a log that cannot be continued is begun again with a new Epoch (see begin.go).
package feed

import (
	"fmt"

	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/market"
)

// phase is how far a contract's log has been begun.
type phase uint8

const (
	phaseVerify phase = iota // the log has a tail: does the source know its last trade?
	phaseSeed                // a new epoch: klines of the past are being fetched
	phaseJoin                // seeds are written: the first trade's id is being looked for
	phaseFollow              // next is known: trades are written as they come
)

// Feed is the state machine of one contract. It belongs to one goroutine.
type Feed struct {
	cfg Config
	log core.Log

	phase phase
	anew  string // why Start does not continue the log, whatever it holds; empty: it does if it can

	next     int64 // the aggregate id that must come next; -1: any (a market without a single trade)
	last     written
	hasLast  bool  // last is a trade of this source, in the log or just before its first
	skipsRun bool  // the next trade's FirstID need not follow last.LastID: ids were consumed in between
	maxMs    int64 // greatest trade time in the log
	joinMs   int64 // phaseJoin: trades from here on belong to the log
	recent   ring
	held     heldTrades

	clock   clockState
	source  core.SourceClock
	fetch   fetchState
	day     dayState
	gapAt   int64 // since when next has been missing while later trades are held; 0: no gap
	conns   core.Conns
	catchUp bool // a connection came up and it is not yet known whether trades were missed before it

	gapReason string // of the last gap that was given up, until the feed is not synced
	requests  []Request
	reconnect string
	Counts    Counts
}

// Counts says what became of the inputs; what is dropped is counted here.
type Counts struct {
	Trades      int64 // written
	Duplicates  int64 // the same trade again: dropped
	Refused     int64 // held buffer full: dropped, fetched again later
	Quarantined int64
	Filled      int64 // written from REST
	Gaps        int64 // gap records
	Missing     int64 // ids that gap records name
	Clocks      int64
	Epochs      int64
}

// New makes a feed that has not begun; Start begins it.
func New(cfg Config, contract market.Contract, simulated bool) *Feed {
	return &Feed{cfg: cfg, log: core.NewLog(contract, simulated, "feed"), next: -1}
}

// Take returns what the inputs since the last Take caused, and forgets it. The slices are valid until the next input.
func (f *Feed) Take() Effects {
	out := Effects{Effects: f.log.Take(), Requests: f.requests, Reconnect: f.reconnect}
	f.requests, f.reconnect = f.requests[:0], ""
	return out
}

// Trade takes a trade from a connection.
func (f *Feed) Trade(nowMs, conn int64, raw *RawTrade) {
	f.learnTime(nowMs, raw.EventMs)
	t, reason, detail := f.check(nowMs, raw, true)
	if reason != "" {
		f.quarantine(nowMs, conn, "aggTrade", reason, detail, raw)
		f.step(nowMs)
		return
	}
	switch {
	case f.phase != phaseFollow:
		f.hold(nowMs, t)
	case f.next < 0:
		f.next = t.trade.AggID // the first trade of a market
		f.skipsRun = true
		f.writeLive(nowMs, t)
	case t.trade.AggID < f.next:
		f.old(nowMs, conn, t, raw)
	case t.trade.AggID > f.next || f.day.holding:
		f.hold(nowMs, t)
	case f.crossesDay(t.ms):
		f.hold(nowMs, t)
	case !f.follows(t):
		// The aggregate is next but its trades are not: REST decides (its answer is written as it is).
		f.quarantine(nowMs, conn, "aggTrade", core.ReasonAggRange, fmt.Sprintf("first trade %d after %d", t.trade.FirstID, f.last.trade.LastID), raw)
		f.fetch.wanted = true
	default:
		f.writeLive(nowMs, t)
	}
	f.step(nowMs)
}

func (f *Feed) writeLive(nowMs int64, t written) {
	f.write(nowMs, t)
	switch {
	case f.held.empty():
		f.catchUp = f.catchUp && f.fetch.verifyBy != 0 // it is contiguous: nothing was missed
	case f.gapAt != 0 && nowMs-f.gapAt >= f.cfg.JumpMs && f.held.first().trade.AggID > f.next:
		// A connection delivers in order: what runs so long ahead of it has a wrong id. If not, it will be fetched.
		id := f.held.first().trade.AggID
		f.quarantine(nowMs, 0, "aggTrade", core.ReasonIDRegression, fmt.Sprintf("%d trades from id %d on, while %d came %d ms later", f.held.len(), id, t.trade.AggID, nowMs-f.gapAt), nil)
		f.held.clear()
		f.gapAt = 0
	}
}

// follows says whether the single trades of t come right after those of the last one.
func (f *Feed) follows(t written) bool {
	return !f.hasLast || f.skipsRun || t.trade.FirstID == f.last.trade.LastID+1
}

// old handles a trade whose id is already behind: nearly always a duplicate.
func (f *Feed) old(nowMs, conn int64, t written, raw *RawTrade) {
	have, ok := f.recent.get(t.trade.AggID)
	switch {
	case ok && have == t, !ok && t.ms <= f.maxMs:
		f.Counts.Duplicates++
	case ok:
		f.quarantine(nowMs, conn, "aggTrade", core.ReasonDupConflict, fmt.Sprintf("trade %d is in the log with other content", t.trade.AggID), raw)
		f.suspectSource(nowMs)
	default:
		f.quarantine(nowMs, conn, "aggTrade", core.ReasonIDRegression, fmt.Sprintf("id %d at a later time than %d", t.trade.AggID, f.next-1), raw)
		f.suspectSource(nowMs)
	}
}

// hold keeps a trade that is ahead. When the buffer is full the newest are refused: they are fetched again once the older ones are written.
func (f *Feed) hold(nowMs int64, t written) {
	if f.next >= 0 && t.trade.AggID < f.next {
		f.Counts.Duplicates++
		return
	}
	if f.held.len() >= f.cfg.MaxHeld && t.trade.AggID > f.held.max() {
		f.Counts.Refused++
		return
	}
	if old, ok := f.held.put(heldTrade{written: t}); ok {
		f.Counts.Duplicates++
		if old.written != t && old.kind == heldGood {
			f.quarantine(nowMs, 0, "aggTrade", core.ReasonDupConflict, fmt.Sprintf("trade %d came twice with different content", t.trade.AggID), nil)
		}
	}
	if f.held.len() > f.cfg.MaxHeld {
		f.held.dropNewest()
		f.Counts.Refused++
	}
}

// Witness takes a kline frame of one second: it names the last trade of that second and so tells whether ours are complete.
// raw is the frame, for quarantine.
func (f *Feed) Witness(nowMs, conn int64, w Witness, raw []byte) {
	f.learnTime(nowMs, w.EventMs)
	if w.Closed {
		if detail := f.checkWitness(nowMs, &w); detail != "" {
			f.quarantine(nowMs, conn, "kline", core.ReasonFutureTime, detail, &RawTrade{Raw: raw})
		} else {
			f.clock.witness(w)
		}
	}
	f.step(nowMs)
}

func (f *Feed) learnTime(nowMs, eventMs int64) {
	if f.source.Frame(nowMs, eventMs, f.cfg.FutureMs) {
		f.log.AskTime()
	}
}

// SourceTime takes the source's clock as REST answered it; nowMs is the middle of the request.
func (f *Feed) SourceTime(nowMs, serverMs int64) {
	f.source.Answer(nowMs, serverMs)
}

// ConnUp says that a connection is subscribed: trades after this call arrive on it.
func (f *Feed) ConnUp(nowMs, conn int64) {
	if f.conns.Up(conn) {
		f.catchUp = true
		f.fetch.ups++
		f.fetch.fails, f.fetch.notBefore = 0, nowMs
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

// Malformed takes a frame that could not be read at all, or belongs to no contract's state: it is only reported.
func (f *Feed) Malformed(nowMs, conn int64, channel, reason, detail string, raw []byte) {
	f.quarantine(nowMs, conn, channel, reason, detail, &RawTrade{Raw: raw})
	f.step(nowMs)
}

// step does all that has become due or possible.
func (f *Feed) step(nowMs int64) {
	f.drain(nowMs)
	f.proveClock(nowMs)
	f.stepDay(nowMs)
	f.stepFetch(nowMs)
	f.stepQuality(nowMs)
	f.stepStatus(nowMs)
}

// drain writes held trades as far as they are contiguous, and gives a gap up when its time is over.
func (f *Feed) drain(nowMs int64) {
	if f.phase != phaseFollow || f.next < 0 {
		return
	}
	for !f.held.empty() && !f.day.holding {
		h := f.held.first()
		id := h.trade.AggID
		switch {
		case id < f.next:
			f.Counts.Duplicates++
		case id > f.next:
			if !f.giveUp(nowMs, id) {
				return
			}
			continue
		case h.kind == heldTombstone:
			f.next++
			f.skipsRun = true
		case h.kind == heldBad:
			f.writeGap(nowMs, id, id, "the source's own answer is not usable")
		case h.kind == heldGood && !h.rest && !f.follows(h.written):
			f.quarantine(nowMs, 0, "aggTrade", core.ReasonAggRange, fmt.Sprintf("trade %d: first trade %d after %d", id, h.trade.FirstID, f.last.trade.LastID), nil)
			f.held.pop()
			f.fetch.wanted = true
			continue
		default:
			if f.crossesDay(h.ms) {
				f.holdForDay(nowMs, h.ms-h.ms%market.SecondMs)
				return
			}
			f.held.pop()
			f.write(nowMs, h.written)
			if h.rest {
				f.Counts.Filled++
			}
			continue
		}
		f.held.pop()
	}
	if f.held.empty() && f.gapAt != 0 {
		f.gapAt, f.fetch.fails = 0, 0
	}
}

// giveUp decides about the hole before the held trade with this id; true when it wrote a gap record.
func (f *Feed) giveUp(nowMs, firstHeld int64) bool {
	if f.gapAt == 0 {
		f.gapAt = nowMs
		f.fetch.progressAt = nowMs
	}
	missing := firstHeld - f.next
	switch {
	case missing > f.cfg.MaxFill && f.held.run(3): // a single wrong id is no outage
		f.writeGap(nowMs, f.next, firstHeld-1, fmt.Sprintf("%d trades are more than may be filled (%d)", missing, f.cfg.MaxFill))
	case nowMs-f.fetch.progressAt >= f.cfg.GiveUpMs:
		f.writeGap(nowMs, f.next, firstHeld-1, fmt.Sprintf("not found within %d ms", f.cfg.GiveUpMs))
	default:
		return false
	}
	return true
}

// Wake returns when Tick is due at the latest.
func (f *Feed) Wake(nowMs int64) int64 {
	at := f.clock.dueMs(&f.cfg)
	if f.phase != phaseFollow || f.gapAt != 0 || f.catchUp || f.day.holding || f.clock.waiting() {
		at = min(at, nowMs+f.cfg.BusyMs)
	}
	return max(at, nowMs+1)
}
