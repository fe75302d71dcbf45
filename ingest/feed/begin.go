package feed

import (
	"fmt"

	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/market"
)

// tailState is what the end of a log of trades says.
type tailState struct {
	core.Tail
	maxMs    int64
	last     market.Record // last trade
	hasTrade bool
	next     int64
	block    int // seeds that the last contract record announced and that are not there
	trades   []written
}

func readTail(records []market.Record) tailState {
	var t tailState
	for i := range records {
		r := &records[i]
		counts, anew := t.Read(r)
		if !counts {
			continue
		}
		if anew {
			t = tailState{Tail: t.Tail}
		}
		switch r.Kind {
		case market.KindTrade:
			t.last, t.hasTrade, t.next = *r, true, r.Trade.AggID+1
			t.maxMs = max(t.maxMs, r.EventMs)
			t.trades = append(t.trades, written{trade: r.Trade, ms: r.EventMs})
		case market.KindGap:
			t.next = r.GapTo + 1
		case market.KindContract:
			t.block = r.Spec.Seeds
		case market.KindSeed:
			t.block--
		}
	}
	return t
}

// BeginAnew makes Start begin the log with a new epoch and seeds, although it could be continued; why is for a person.
func (f *Feed) BeginAnew(why string) { f.anew = why }

// Start opens the log. writer is this writer's id, greater than all before it. tail holds the newest records of the contract's log, oldest first, at least back to the last trade
// (and, where the newest record is a seed, back to its contract record); empty if there is no log.
func (f *Feed) Start(nowMs, writer int64, tail []market.Record) {
	t := readTail(tail)
	f.log.Writer, f.log.Epoch = writer, t.Epoch
	f.clock.at = nowMs
	if why := f.foreign(&t); why != "" {
		f.newEpoch(nowMs, why)
		f.step(nowMs)
		return
	}
	f.clock.x, f.clock.proven, f.maxMs = t.ClockMs, max(t.ClockMs, t.maxMs), t.maxMs
	f.log.Seq, f.log.Quality = t.Seq, t.Newest.Quality // readers have this quality; the first trade or clock puts it right
	if f.log.Quality == market.QualityDegraded {
		f.clock.degraded, f.clock.degradedUntil = true, market.Period1m.NextMs(market.Period1m.OpenMs(t.maxMs))
	}
	f.last, f.hasLast, f.next = written{trade: t.last.Trade, ms: t.last.EventMs}, true, t.next
	f.skipsRun = t.next != t.last.Trade.AggID+1
	for _, w := range t.trades {
		f.recent.put(w)
	}
	f.day.nextMs = nextDay(max(t.ClockMs, t.maxMs))
	f.phase = phaseVerify
	if f.next != f.last.trade.AggID+1 {
		f.phase = phaseFollow // after a gap at the very end there is nothing to compare cheaply; ids and times still are
	}
	f.log.Emit(market.Record{Kind: market.KindOpen, EventMs: f.eventMs(nowMs)})
	f.emitContract(f.eventMs(nowMs), 0)
	f.step(nowMs)
}

// foreign says why the log at hand cannot be continued; empty if it can.
func (f *Feed) foreign(t *tailState) string {
	switch other := t.OtherSource(&f.log); {
	case !t.Any:
		return "there is no log yet"
	case f.anew != "":
		return f.anew
	case other != "":
		return other
	case t.HasSpec && t.Contract.Spec.Delisted:
		return "the contract had left the catalogue" // and who computes from the log has forgotten it: only seeds begin it again
	case t.Newest.Kind == market.KindSeed && !t.HasSpec, t.block > 0:
		return "the log ends within a block of seeds"
	case !t.hasTrade:
		return "the log ends without a trade"
	}
	return t.OtherMarket(&f.log, t.last.PriceScale, t.last.QtyScale)
}

// newEpoch begins the log again, with seeds.
func (f *Feed) newEpoch(nowMs int64, why string) {
	f.log.NewEpoch(nowMs, why)
	f.Counts.Epochs++
	f.phase = phaseSeed
	f.next, f.hasLast, f.skipsRun, f.maxMs, f.gapAt = -1, false, false, 0, 0
	f.recent.clear()
	f.clock = clockState{at: nowMs}
	f.day = dayState{}
	f.fetch = fetchState{serial: f.fetch.serial, ups: f.fetch.ups, notBefore: nowMs}
	f.catchUp = true
	f.log.Emit(market.Record{Kind: market.KindOpen, EventMs: f.eventMs(nowMs)})
}

func (f *Feed) emitContract(atMs int64, seeds int) {
	f.log.Emit(market.Record{Kind: market.KindContract, EventMs: atMs, Spec: market.Spec{Contract: f.log.Contract, Seeds: seeds}})
}

// begin writes the block of seeds at the beginning of an epoch.
func (f *Feed) begin(nowMs int64, a *Answer) {
	f.source.Answer(nowMs, a.ServerMs)
	days := f.seeds(nowMs, market.Period1d, a.Days, a.ServerMs)
	minutes := f.seeds(nowMs, market.Period1m, a.Minutes, a.ServerMs)
	f.joinMs = market.Period1m.OpenMs(a.ServerMs)
	if n := len(minutes); n > 0 { // REST may not have the minute that has just ended
		f.joinMs = market.Period1m.NextMs(minutes[n-1].OpenMs)
	}
	f.writeBlock(f.joinMs, append(days, minutes...))
	f.day.nextMs = nextDay(f.joinMs)
	f.clock.proven = f.joinMs
	f.clock.at = nowMs
	f.phase = phaseJoin
	f.fetch.fails = 0
}

// seeds checks closed klines; what is not closed at untilMs is left out.
func (f *Feed) seeds(nowMs int64, p market.Period, rows []RawKline, untilMs int64) []market.Candle {
	out := make([]market.Candle, 0, len(rows))
	for i := range rows {
		k := &rows[i]
		if k.OpenMs > 0 && p.NextMs(k.OpenMs) > untilMs {
			continue
		}
		c, err := f.checkKline(p, k)
		if err == nil && len(out) > 0 && c.OpenMs <= out[len(out)-1].OpenMs {
			err = fmt.Errorf("open time %d is not after the one before", c.OpenMs)
		}
		if err != nil {
			f.quarantine(nowMs, 0, "klines", core.ReasonBadKline, err.Error(), &RawTrade{Raw: fmt.Appendf(nil, "%+v", *k)})
			continue
		}
		out = append(out, c)
	}
	return out
}

// writeBlock writes the contract record and the seeds that it announces, uninterrupted.
func (f *Feed) writeBlock(atMs int64, seeds []market.Candle) {
	f.emitContract(atMs, len(seeds))
	for i := range seeds {
		c := &seeds[i]
		f.log.Emit(market.Record{Kind: market.KindSeed, EventMs: c.Period.NextMs(c.OpenMs) - 1, PriceScale: f.log.Contract.Tick.Scale, QtyScale: f.log.Contract.Step.Scale, Seed: *c})
	}
}

// join finds the first trade of the log: the first one since joinMs, or, while there is none, the one after the newest.
func (f *Feed) join(nowMs int64, a *Answer) {
	s := &f.fetch
	s.fails = 0
	if len(a.Trades) == 0 {
		if s.req.Kind == FetchSince {
			s.joinEmpty = true // ask for the newest one at once
			return
		}
		if f.phase == phaseJoin { // a market without any trade
			f.phase = phaseFollow
			f.next = -1
			if !f.held.empty() {
				f.next, f.skipsRun = f.held.first().trade.AggID, true
			}
		}
		f.settle(nowMs)
		return
	}
	if s.req.Kind == FetchLatest {
		f.joinAfter(nowMs, &a.Trades[len(a.Trades)-1])
		return
	}
	row := &a.Trades[0]
	f.phase = phaseFollow
	f.next, f.skipsRun = row.AggID, true
	if !f.takeRows(nowMs, a.Trades) {
		s.wanted = true
		f.retry(nowMs)
	} else {
		s.wanted = len(a.Trades) >= s.req.Rows
	}
	f.drain(nowMs)
}

// joinAfter begins after the newest trade if it is older than the log.
func (f *Feed) joinAfter(nowMs int64, row *RawTrade) {
	t, reason, detail := f.check(nowMs, row, false)
	switch {
	case f.next >= 0:
		f.settle(nowMs)
	case reason != "" && reason != core.ReasonTombstone:
		f.quarantine(nowMs, 0, "aggTrades", reason, detail, row)
		f.retry(nowMs)
	case reason == "" && row.TradeMs >= f.joinMs:
		f.phase, f.fetch.joinEmpty = phaseJoin, false // a first trade came meanwhile
	default:
		f.phase = phaseFollow
		f.next, f.skipsRun = row.AggID+1, reason != ""
		if reason == "" {
			f.last, f.hasLast = t, true
			f.recent.put(t)
		}
		f.settle(nowMs)
	}
}

// settle is called when REST knew nothing more.
func (f *Feed) settle(nowMs int64) {
	if f.fetch.up == f.fetch.ups && f.conns.Len() > 0 {
		f.catchUp = false
	}
	f.proveByRest(f.fetch.askMs)
	f.retry(nowMs)
}

// dayState is about the block of daily seeds at 00:00 UTC.
type dayState struct {
	nextMs   int64 // the midnight whose block comes next; 0: none
	beforeMs int64 // holding: klines that end before this
	holding  bool  // trades wait for the block
	until    int64
}

func nextDay(ms int64) int64 { return market.Period1d.NextMs(market.Period1d.OpenMs(ms)) }

func (f *Feed) crossesDay(ms int64) bool { return f.day.nextMs > 0 && ms >= f.day.nextMs }

// holdForDay closes the day with the clock record x and lets trades wait for its kline.
// After an outage longer than the log is kept the log begins anew instead: who reads it does not follow so far a jump.
func (f *Feed) holdForDay(nowMs, x int64) {
	if end := max(f.clock.x, f.maxMs); end > 0 && x-market.Period1s.OpenMs(end) > market.MaxClockJumpMs {
		f.newEpoch(nowMs, fmt.Sprintf("the log ends at %s, the source goes on at %s", core.TimeText(end), core.TimeText(x)))
		return
	}
	f.writeClock(nowMs, x)
	d := &f.day
	d.beforeMs = market.Period1d.OpenMs(x)
	d.nextMs = nextDay(x)
	d.holding, d.until = true, nowMs+f.cfg.DayHoldMs
	f.fetch.busy = false // whatever is under way is asked for again
	f.fetch.wanted = true
	f.fetch.notBefore, f.fetch.fails = nowMs, 0
}

// dayBlock takes the closed days; the last one must be the day that has just ended.
func (f *Feed) dayBlock(nowMs int64, a *Answer) {
	if !f.day.holding {
		return
	}
	days := f.seeds(nowMs, market.Period1d, a.Days, f.day.beforeMs)
	if n := len(days); n == 0 || days[n-1].OpenMs != f.day.beforeMs-market.DayMs {
		f.retry(nowMs)
		return
	}
	f.writeBlock(f.day.beforeMs, days)
	f.endDay(nowMs)
}

// stepDay gives the block up when trades have waited long enough.
func (f *Feed) stepDay(nowMs int64) {
	if f.day.holding && nowMs >= f.day.until {
		f.log.Notef(true, "no daily seeds before %s: the kline of the day did not come within %d ms", core.TimeText(f.day.beforeMs), f.cfg.DayHoldMs)
		f.endDay(nowMs)
	}
}

func (f *Feed) endDay(nowMs int64) {
	f.day.holding = false
	f.fetch.busy, f.fetch.fails, f.fetch.notBefore = false, 0, nowMs
	f.drain(nowMs)
}

// Change takes the contract's new catalogue entry. Where the trades of before cannot be compared with those to come, the log begins again.
func (f *Feed) Change(nowMs int64, c market.Contract) {
	why, otherSymbol := f.log.Change(c)
	if otherSymbol {
		f.conns.Forget()
		f.source.Forget()
	}
	if why != "" {
		f.newEpoch(nowMs, why)
		f.held.clear()
	} else {
		f.emitContract(f.eventMs(nowMs), 0)
	}
	f.step(nowMs)
}

// Delist says that the contract has left the catalogue. No other input may follow.
func (f *Feed) Delist(nowMs int64) { f.log.Delist(nowMs, f.eventMs(nowMs), f.LastID()) }
