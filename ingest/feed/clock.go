package feed

import (
	"fmt"
	"math"

	"github.com/tickcast/tickcast/market"
)

// clockState knows what is proved. Two things prove "every trade before X is in the log":
//   - a written trade at time T proves X = T: ids have no holes and times follow ids (a trade that is late nevertheless is simply written);
//   - closed one-second klines prove the end of a second if the last single trade that they name is in the log. A kline without trades says nothing about
//     the seconds before it, so such klines count only as an unbroken run that begins at something proved.
type clockState struct {
	x         int64 // of the last clock record
	proven    int64
	at        int64 // when (our time) the last clock record was written, or the epoch begun
	pendingAt int64 // when the first trade after x was written; 0: none

	runFrom, runTo int64 // run of closed one-second klines
	runLast        int64 // the last trade it names; -1: none
	lagAt          int64 // since when the run names a trade that is not in the log

	qualityAt     int64
	degraded      bool  // a gap was given up
	degradedUntil int64 // event time at which the next minute begins that it does not touch; 0: not known yet
}

func (c *clockState) witness(w Witness) {
	end := w.CloseMs + 1
	switch {
	case end <= c.runTo || w.OpenMs >= end:
		return // an old frame, or nonsense
	case w.Trades > 0:
		c.runFrom, c.runTo, c.runLast = math.MinInt64, end, w.LastID // ids are ordered: it proves all before it as well
	case w.OpenMs == c.runTo:
		c.runTo = end
	default:
		c.runFrom, c.runTo, c.runLast = w.OpenMs, end, -1
	}
}

// waiting says whether a proof is due that only a fetch can bring.
func (c *clockState) waiting() bool { return c.runTo > c.proven }

// dueMs is when a clock or quality record is due.
func (c *clockState) dueMs(cfg *Config) int64 {
	if c.pendingAt != 0 {
		return c.pendingAt + cfg.ClockMs
	}
	return max(c.at+cfg.StaleMs, c.qualityAt+cfg.QualityMs)
}

// proveClock writes a clock record if one is due.
func (f *Feed) proveClock(nowMs int64) {
	c := &f.clock
	if f.phase != phaseFollow || f.day.holding {
		return
	}
	if c.runTo > c.proven && c.runFrom <= c.proven {
		if c.runLast <= f.lastID() {
			c.proven, c.lagAt = c.runTo, 0
			if f.crossesDay(c.proven) {
				f.holdForDay(nowMs, c.proven)
				return
			}
			f.writeClock(nowMs, c.proven)
		} else if c.lagAt == 0 {
			c.lagAt = nowMs
		}
	} else {
		c.lagAt = 0
	}
	if c.pendingAt != 0 && nowMs-c.pendingAt >= f.cfg.ClockMs {
		if f.crossesDay(c.proven) {
			f.holdForDay(nowMs, c.proven)
			return
		}
		f.writeClock(nowMs, c.proven)
	}
}

// lastID is the last single trade in the log.
func (f *Feed) lastID() int64 {
	if !f.hasLast {
		return -1
	}
	return f.last.trade.LastID
}

// proveByRest takes that REST, asked at the source's time askedMs, knew no trade after the log's last one.
func (f *Feed) proveByRest(askedMs int64) {
	f.clock.proven = max(f.clock.proven, askedMs-f.cfg.RestLagMs)
}

// write puts a trade into the log; before the first trade of a second comes the clock record of that second.
func (f *Feed) write(nowMs int64, t written) {
	c := &f.clock
	if f.maxMs == 0 && t.ms < f.joinMs { // the seeds hold it already; REST did not know it yet when the beginning was looked for
		f.last, f.hasLast, f.skipsRun = t, true, false
		f.next = t.trade.AggID + 1
		f.recent.put(t)
		return
	}
	if second := t.ms - t.ms%market.SecondMs; second > c.x {
		f.writeClock(nowMs, second)
	} else if f.log.Quality == market.QualityStale {
		f.writeQuality(nowMs, market.QualityOK)
	}
	f.log.Emit(market.Record{Kind: market.KindTrade, EventMs: t.ms, PriceScale: f.log.Contract.Tick.Scale, QtyScale: f.log.Contract.Step.Scale, Trade: t.trade})
	f.Counts.Trades++
	f.last, f.hasLast, f.skipsRun = t, true, false
	f.next = t.trade.AggID + 1
	f.maxMs = max(f.maxMs, t.ms)
	f.recent.put(t)
	f.fetch.progressAt = nowMs
	c.proven = max(c.proven, t.ms)
	if c.pendingAt == 0 && c.proven > c.x {
		c.pendingAt = nowMs
	}
	if c.degraded && c.degradedUntil == 0 {
		c.degradedUntil = market.Period1m.NextMs(market.Period1m.OpenMs(t.ms))
	}
}

func (f *Feed) writeClock(nowMs, x int64) {
	c := &f.clock
	c.pendingAt = 0
	if x <= c.x {
		return
	}
	c.proven = max(c.proven, x)
	if f.log.Quality == market.QualityStale {
		f.writeQuality(nowMs, market.QualityOK)
	}
	c.x, c.at = x, nowMs
	f.Counts.Clocks++
	f.log.Emit(market.Record{Kind: market.KindClock, EventMs: x})
	if c.degraded && c.degradedUntil != 0 && x >= c.degradedUntil {
		c.degraded = false
		f.writeQuality(nowMs, market.QualityOK)
	}
	if x < c.proven {
		c.pendingAt = nowMs
	}
}

// writeQuality announces the feed's quality; OK becomes degraded as long as a given-up gap touches the running minute.
func (f *Feed) writeQuality(nowMs int64, q market.Quality) {
	if q == market.QualityOK && f.clock.degraded {
		q = market.QualityDegraded
	}
	f.log.Quality, f.clock.qualityAt = q, nowMs
	f.log.Emit(market.Record{Kind: market.KindQuality, EventMs: f.eventMs(nowMs)})
}

// stepQuality says each second that nothing newer is known.
func (f *Feed) stepQuality(nowMs int64) {
	c := &f.clock
	if f.log.Epoch != 0 && c.pendingAt == 0 && nowMs >= max(c.at+f.cfg.StaleMs, c.qualityAt+f.cfg.QualityMs) {
		f.writeQuality(nowMs, market.QualityStale)
	}
}

// eventMs is the event time of records that no trade gives one: the source's now, never before the clock.
func (f *Feed) eventMs(nowMs int64) int64 {
	if f.source.Known {
		return max(f.source.At(nowMs), f.clock.x, f.maxMs)
	}
	if at := max(f.clock.x, f.maxMs); at > 0 {
		return at
	}
	return nowMs
}

// writeGap gives ids up; what is computed from here on is degraded until a minute begins that does not miss them.
func (f *Feed) writeGap(nowMs, from, to int64, why string) {
	f.log.Notef(true, "gap: trades %d to %d are given up: %s", from, to, why)
	f.Counts.Gaps++
	f.Counts.Missing += to - from + 1
	f.log.Emit(market.Record{Kind: market.KindGap, EventMs: f.eventMs(nowMs), GapFrom: from, GapTo: to})
	f.next, f.skipsRun = to+1, true
	f.fetch.progressAt = nowMs
	f.clock.degraded, f.clock.degradedUntil = true, 0
	f.writeQuality(nowMs, market.QualityDegraded)
	f.gapReason = fmt.Sprintf("trades %d to %d given up: %s", from, to, why)
}
