package candle

import "github.com/tickcast/tickcast/market"

// dayBefore writes a block whose minutes make up the whole window: the oldest one of 24 hours and the newest one; minutes between them had no trades.
func (l *scribe) dayBefore(minuteMs int64, periods ...market.Period) {
	l.open(minuteMs)
	l.spec(minuteMs, 3, periods...)
	l.seed(day, market.Period1d.OpenMs(minuteMs)-market.DayMs, 700000, 5000000)
	l.seed(m1, minuteMs-market.DayMs, 700000, 100000)
	l.seed(m1, minuteMs-market.MinuteMs, 713900, 100000)
}

var tickerScenarios = []scenario{
	{"window", "Right from the seeds on; a version with each trade, and with the clock record that begins a minute: the oldest minute falls out.", func(l *scribe) {
		at := atEleven
		l.dayBefore(at)
		l.trade(at+120, 715000, 67023, false)
		l.trade(at+700, 712000, 2000, true)
		l.note("A new second changes nothing.")
		l.clock(at + 1000)
		l.clock(at + 59_000)
		l.clock(at + 59_900)
		l.note("15:12: the minute of yesterday's 15:11 falls out, with the open price.")
		l.clock(at + 60_000)
		l.note("Two minutes at once, by a trade whose clock record is missing.")
		l.trade(at+181_500, 714000, 1000, false)
	}},
	{"late-and-amended", "Late trades, busts and corrections change it at once; what is beyond what is kept does not. C is the greater of the clock and the last trade in order.", func(l *scribe) {
		at := atEleven
		l.dayBefore(at)
		l.trade(at+100, 714000, 1000, false)
		first := l.trades
		l.trade(at+200, 719000, 1000, false)
		l.clock(at + 62_000)
		l.note("Late.")
		l.trade(at+300, 713000, 500, true)
		l.note("Taken back: the highest price.")
		l.bust(at+62_500, first+1)
		l.note("Replaced, and moved into the open second.")
		l.add(market.KindCorrection, at+62_100, func(r *market.Record) {
			r.Trade = market.Trade{Price: 714500, Qty: 70, AggID: first, FirstID: first, LastID: first, BuyerMaker: true}
		})
		l.note("Not there; too late; before the log.")
		l.bust(at+62_500, first+1)
		l.trade(at-1, 716000, 1, false)
		l.clock(at + 720_000)
		l.trade(at+50_000, 716000, 1, false)
	}},
	{"rounding", "w has 8 decimals, half up; P has 3, half away from zero.", func(l *scribe) {
		at := atEleven
		l.priceScale, l.qtyScale = 4, 0
		l.open(at)
		l.spec(at, 0)
		l.trade(at, 2000000, 1, false)
		l.note("P 0.0005 is 0.001")
		l.trade(at+1, 2000010, 1, false)
		l.note("P -0.0005 is -0.001")
		l.trade(at+2, 1999990, 1, false)
		l.note("P -0.0004 is 0.000")
		l.trade(at+3, 1999992, 1, false)
		l.note("w ends in …6666.")
		l.trade(at+4, 1999999, 2, false)
		l.trade(at+5, 2000000, 4, false)
		l.note("A price that doubles.")
		l.trade(at+6, 4000000, 3_000_000_000_000, false)
	}},
	{"quality", "Stale while the feed is; degraded while a marked minute is in the window.", func(l *scribe) {
		at := atEleven
		l.dayBefore(at)
		l.quality(at+900, market.QualityStale)
		l.quality(at+1900, market.QualityStale)
		l.quality(at+2000, market.QualityOK)
		l.add(market.KindGap, at+2000, func(r *market.Record) { r.GapFrom, r.GapTo = 7, 9 })
		l.trade(at+2300, 714200, 1000, false)
		l.clock(at + 60_000)
		l.note("The marked minute is the oldest of the window.")
		l.clock(at + market.DayMs)
		l.note("It has fallen out.")
		l.clock(at + market.DayMs + 60_000)
		l.note("A hole in the sequence numbers is a gap too.")
		l.seq += 5
		l.clock(at + market.DayMs + 60_500)
	}},
	{"no-trades", "Nothing in 24 hours: zeros, f = L = -1, and the last price.", func(l *scribe) {
		at := atEleven
		l.dayBefore(at)
		l.clock(at + market.DayMs - 60_000)
		l.clock(at + market.DayMs)
		l.clock(at + market.DayMs + 180_000)
		l.trade(at+market.DayMs+180_001, 714200, 1000, false)
	}},
	{"no-past", "A source without candles of the past: degraded until the window begins after the minute of the first trade.", func(l *scribe) {
		at := atEleven
		l.open(at)
		l.spec(at, 0)
		l.clock(at + 54_000)
		l.trade(at+58_300, 714000, 1000, false)
		l.clock(at + 60_000)
		l.clock(at + market.DayMs)
		l.clock(at + market.DayMs + 60_000)
	}},
	{"seeds-of-days", "Only days: the window is whole when it begins where they end. A hole behind the seeds: when it begins where the log does.", func(l *scribe) {
		at := ms("2020-01-03")
		l.open(at)
		l.spec(at, 1)
		l.seed(day, at-market.DayMs, 700000, 5000000)
		l.trade(at+100, 714000, 1000, false)
		l.clock(at + market.DayMs - 60_000)
		l.clock(at + market.DayMs)
		l.note("Another epoch; its seeds end two minutes before its log begins.")
		at += 30 * market.HourMs
		l.epoch, l.seq = at, 0
		l.open(at)
		l.spec(at+120_000, 2)
		l.seed(m1, at-market.DayMs, 700000, 100000)
		l.seed(m1, at-60_000, 700000, 100000)
		l.trade(at+121_000, 714000, 1000, false)
		l.clock(at + market.DayMs + 60_000)
		l.clock(at + market.DayMs + 120_000)
	}},
	{"seeds-without-ids", "Seeds that do not say the ids of their trades: L is known from the first trade on, and with it f.", func(l *scribe) {
		at := atEleven
		l.open(at)
		l.spec(at, 2)
		for _, t := range []int64{at - market.DayMs, at - market.MinuteMs} {
			l.add(market.KindSeed, t, func(r *market.Record) {
				r.Seed = market.Candle{Period: m1, OpenMs: t, Open: 700000, High: 700000, Low: 700000, Close: 700000, Volume: market.Int128From(1000), Trades: 20,
					QuoteVolume: market.Mul(700000, 1000), FirstID: -1, LastID: -1}
			})
		}
		l.id(101).trade(at+100, 714000, 1000, false)
		l.note("The first minute with trades is now one of trades.")
		l.clock(at + market.DayMs)
	}},
	{"without-1s", "Where 1s candles are not served, the ticker comes with each second of the clock.", func(l *scribe) {
		at := atEleven
		l.dayBefore(at, m1)
		l.clock(at + 900)
		l.clock(at + 1000)
		l.clock(at + 1250)
		l.trade(at+2300, 714200, 1000, false)
		l.clock(at + 3000)
		l.note("1s is served from here on.")
		l.spec(at+3000, 0, s1, m1)
		l.clock(at + 5000)
	}},
	{"catch-up", "Nothing is written until a record that is not older than the job; that one publishes.", func(l *scribe) {
		at := atEleven
		l.text.Reset()
		l.note("Nothing is written until a record that is not older than the job; that one publishes.")
		l.line("start %d", at+2500)
		l.line("at %d", at)
		l.dayBefore(at)
		l.trade(at+100, 714000, 1000, false)
		l.clock(at + 2000)
		l.line("at %d", at+2500)
		l.note("It changes nothing: the version is that of the trade.")
		l.clock(at + 3000)
	}},
	{"delisted", "A delisted contract: the key is cleared (a value of no bytes). Listed again, it begins with a block.", func(l *scribe) {
		at := atEleven
		l.dayBefore(at)
		l.trade(at+100, 714000, 1000, false)
		l.delist(at + 1000)
		l.clock(at + 2000)
		l.dayBefore(at)
		l.trade(at+3000, 714000, 1000, false)
	}},
}
