package feed

import (
	"fmt"

	"github.com/tickcast/tickcast/ingest/core"
)

// fetchState is the one request that a feed may have under way.
type fetchState struct {
	serial int64
	busy   bool
	req    Request
	up     int64 // ups when it was sent
	askMs  int64 // the source's time when it was sent; 0: not known

	ups        int64 // times that a first connection came up
	wanted     bool
	notBefore  int64
	fails      int
	progressAt int64 // when next moved last
	emptyAt    int64 // since when the source does not know the log's last trade; 0: it does
	verifyBy   int64 // 0: no doubt
	mismatches int
	joinEmpty  bool // phaseJoin: there is no trade since joinMs yet
}

// suspectSource lets the next fetch find out whether the source still has the log's last trade.
func (f *Feed) suspectSource(nowMs int64) {
	if f.fetch.verifyBy == 0 {
		f.fetch.verifyBy = nowMs + f.cfg.VerifyMs
		f.fetch.wanted = true
	}
}

func (f *Feed) ask(nowMs int64, r Request) {
	s := &f.fetch
	s.serial++
	s.busy, s.wanted, s.up, s.askMs = true, false, s.ups, 0
	if f.source.Known {
		s.askMs = f.source.At(nowMs)
	}
	r.Serial = s.serial
	s.req = r
	f.requests = append(f.requests, r)
}

// stepFetch asks for what is missing.
func (f *Feed) stepFetch(nowMs int64) {
	s := &f.fetch
	if s.busy || nowMs < s.notBefore || f.log.Epoch == 0 {
		return
	}
	switch {
	case f.phase == phaseVerify:
		f.ask(nowMs, Request{Kind: FetchFrom, FromID: f.last.trade.AggID, Rows: f.cfg.PageRows})
	case f.phase == phaseSeed:
		f.ask(nowMs, Request{Kind: FetchSeeds, Days: f.cfg.SeedDays, Minutes: f.cfg.SeedMinutes})
	case f.phase == phaseJoin && s.joinEmpty:
		f.ask(nowMs, Request{Kind: FetchLatest, Rows: 1})
	case f.phase == phaseJoin:
		f.ask(nowMs, Request{Kind: FetchSince, SinceMs: f.joinMs, Rows: f.cfg.PageRows})
	case f.day.holding:
		f.ask(nowMs, Request{Kind: FetchDays, SinceMs: f.day.beforeMs, Days: f.cfg.SeedDays})
	case f.conns.Len() == 0 || !f.missing(nowMs):
	case f.next < 0:
		f.ask(nowMs, Request{Kind: FetchLatest, Rows: 1})
	default:
		from := f.next
		if f.hasLast && f.last.trade.AggID == f.next-1 {
			from-- // the answer's first row says whether it is still the same market
		}
		f.ask(nowMs, Request{Kind: FetchFrom, FromID: from, Rows: f.cfg.PageRows})
	}
}

// missing says whether something gives reason to fetch trades.
func (f *Feed) missing(nowMs int64) bool {
	c := &f.clock
	return f.fetch.wanted || f.catchUp ||
		f.gapAt != 0 && nowMs-f.gapAt >= f.cfg.ReorderMs ||
		nowMs-c.at >= f.cfg.ProbeMs || // neither trades nor klines: is the market quiet or the connection dead?
		c.lagAt != 0 && nowMs-c.lagAt >= f.cfg.WitnessLagMs || // a kline names a trade that did not come
		c.runTo > c.proven && c.runFrom > c.proven && f.source.At(nowMs)-c.runFrom >= f.cfg.RestLagMs // empty klines after something unproved
}

// retry lets the next fetch wait.
func (f *Feed) retry(nowMs int64) {
	wait := f.cfg.RetryMaxMs
	if f.fetch.fails < 10 {
		wait = min(wait, f.cfg.RetryMinMs<<f.fetch.fails)
	}
	f.fetch.fails++
	f.fetch.notBefore = nowMs + wait
}

// Answer takes what came of a request. Each request must be answered once.
func (f *Feed) Answer(nowMs int64, a *Answer) {
	s := &f.fetch
	if !s.busy || a.Serial != s.serial {
		return // it belongs to an epoch or a day block that is over
	}
	s.busy = false
	if a.Err != nil {
		s.wanted = s.wanted || f.phase == phaseFollow && s.req.Kind == FetchFrom
		f.retry(nowMs)
		f.log.Notef(true, "fetch %s: %v", s.req.Kind, a.Err)
		f.step(nowMs)
		return
	}
	switch s.req.Kind {
	case FetchSeeds:
		f.begin(nowMs, a)
	case FetchDays:
		f.dayBlock(nowMs, a)
	case FetchSince, FetchLatest:
		f.join(nowMs, a)
	case FetchFrom:
		f.fill(nowMs, a)
	}
	f.step(nowMs)
}

// fill takes trades from an id on.
func (f *Feed) fill(nowMs int64, a *Answer) {
	s := &f.fetch
	if f.hasLast && s.req.FromID < f.next { // the first row must be a trade of the log
		same, known := f.sameMarket(nowMs, a)
		if !same {
			return
		}
		if known {
			s.emptyAt, s.verifyBy, s.mismatches = 0, 0, 0
			if f.phase == phaseVerify {
				f.phase = phaseFollow
				f.log.Notef(false, "the log goes on after trade %d", f.last.trade.AggID)
			}
		}
	}
	before := f.next
	alone := f.held.empty() && !f.catchUp && f.conns.Len() > 0
	all := f.takeRows(nowMs, a.Trades)
	f.drain(nowMs)
	switch {
	case f.phase != phaseFollow:
		return // the log began anew
	case !all:
		s.wanted = true
		f.retry(nowMs)
		return
	}
	progress := f.next > before
	firstMs := int64(0)
	for i := range a.Trades {
		if a.Trades[i].AggID == before {
			firstMs = a.Trades[i].TradeMs
		}
	}
	if progress {
		s.fails = 0
		// REST may be a little faster than the frames; long before now it is not.
		if alone && firstMs < s.askMs-f.cfg.WitnessLagMs {
			f.reconnect = fmt.Sprintf("REST has trades from %d on that no frame brought", before)
		}
		if f.catchUp && len(a.Trades) == s.req.Rows {
			f.log.Notef(false, "filling: trade %d of %s is in the log", f.last.trade.AggID, core.TimeText(f.last.ms))
		}
	}
	switch {
	case len(a.Trades) >= s.req.Rows:
		s.wanted = true // there may be more
		if !progress {
			f.retry(nowMs)
		}
	case f.held.empty():
		if s.up == s.ups && f.conns.Len() > 0 {
			f.catchUp = false
		}
		if !progress {
			f.proveByRest(s.askMs)
			f.retry(nowMs) // what is still unproved must not be asked for in a tight loop
		}
	default:
		f.retry(nowMs) // REST lags behind the frames, or has the hole too
	}
}

// sameMarket compares the answer's first row with the log. known is false if the answer cannot tell.
func (f *Feed) sameMarket(nowMs int64, a *Answer) (same, known bool) {
	s := &f.fetch
	if len(a.Trades) == 0 {
		if s.emptyAt == 0 {
			s.emptyAt = nowMs
		}
		if nowMs-s.emptyAt >= f.cfg.VerifyMs {
			f.newEpoch(nowMs, fmt.Sprintf("the source does not know trade %d", s.req.FromID))
			return false, false
		}
		s.wanted = true
		f.retry(nowMs)
		return false, false
	}
	row := &a.Trades[0]
	want, ok := f.recent.get(s.req.FromID)
	if !ok {
		return true, false
	}
	t, reason, _ := f.check(nowMs, row, false)
	if t == want || reason == core.ReasonTombstone && row.AggID == s.req.FromID {
		return true, true
	}
	if s.mismatches++; s.mismatches < 2 { // one wrong answer is not another market
		s.wanted = true
		f.retry(nowMs)
		return false, false
	}
	f.newEpoch(nowMs, fmt.Sprintf("the source has another trade %d: %s", s.req.FromID, row.describe()))
	return false, false
}

// takeRows holds REST's rows; drain writes them. false: not all could be taken, they are wanted again.
func (f *Feed) takeRows(nowMs int64, rows []RawTrade) bool {
	prev := int64(-1)
	for i := range rows {
		row := &rows[i]
		if row.AggID <= prev {
			f.quarantine(nowMs, 0, "aggTrades", core.ReasonRestShape, fmt.Sprintf("id %d after %d in one answer", row.AggID, prev), row)
			continue
		}
		prev = row.AggID
		if row.AggID < f.next {
			continue
		}
		t, reason, detail := f.check(nowMs, row, false)
		if reason == core.ReasonFutureTime { // the source tells of the past only: it is its clock that we do not know; the row is fetched again
			f.log.AskTime()
			return false
		}
		h := heldTrade{written: t, rest: true}
		if reason != "" {
			h.kind = heldBad
			if reason == core.ReasonTombstone {
				h.kind = heldTombstone
			}
		}
		old, had := f.held.put(h)
		if reason != "" && !(had && old.kind == h.kind && old.rest) {
			f.quarantine(nowMs, 0, "aggTrades", reason, detail, row)
		}
		if had && !old.rest && h.kind == heldGood && old.written != t {
			f.quarantine(nowMs, 0, "aggTrades", core.ReasonDupConflict, fmt.Sprintf("REST and frame differ in trade %d: REST counts", row.AggID), row)
		}
	}
	return true
}
