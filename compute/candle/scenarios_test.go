package candle

import "github.com/tickcast/tickcast/market"

type scenario struct {
	name, about string
	write       func(*scribe)
}

const (
	s1  = market.Period1s
	m1  = market.Period1m
	m3  = market.Period3m
	h1  = market.Period1h
	day = market.Period1d
)

// atEleven is the beginning of most scenarios.
var atEleven = ms("2020-01-02T15:11:00")

var scenarios = []scenario{
	{"simple-minute", "Trades of one minute; 1s and 1m are published on every trade, 1h with the clock.", func(l *scribe) {
		at := atEleven
		l.minuteBefore(at, s1, m1, h1)
		l.trade(at+120, 713989, 67023, false)
		l.trade(at+700, 713997, 2000, false)
		l.clock(at + 1000)
		l.trade(at+1010, 713993, 14378, true)
		l.clock(at + 1260)
		l.clock(at + 2000)
		l.clock(at + 4000)
		l.trade(at+4999, 713800, 1, true)
		l.clock(at + 5000)
		l.note("The minute is served alone from here on, to skip its empty seconds.")
		l.spec(at+5000, 0, m1)
		l.clock(at + 60000)
	}},
	{"empty-periods", "Periods without trades are closed at the close before, and each opens with the clock record that closed the one before.", func(l *scribe) {
		at := atEleven
		l.minuteBefore(at, s1, m1, m3)
		l.trade(at+57_100, 713989, 67023, false)
		l.clock(at + 58_000)
		l.clock(at + 60_000)
		l.spec(at+60_000, 0, m1, m3)
		l.note("One clock record for four minutes: every one is closed, only the last one opens for clients.")
		l.clock(at + 300_000)
		l.note("Clock records that do not reach the next second change nothing.")
		l.clock(at + 300_400)
		l.clock(at + 299_000)
	}},
	{"missing-clock", "A trade beyond the open second, without its clock record, closes what lies before its second.", func(l *scribe) {
		at := atEleven
		l.minuteBefore(at, s1, m1, h1)
		l.trade(at+100, 714000, 1000, false)
		l.trade(at+2200, 714100, 2000, true)
		l.clock(at + 3000)
	}},
	{"equal-times", "First and last price by (trade time, trade id), whatever the order in the log; high, low and sums do not depend on it.", func(l *scribe) {
		at := atEleven
		l.minuteBefore(at, s1, m1)
		l.id(14).trade(at+500, 714000, 1000, false)
		l.id(12).trade(at+500, 714200, 1000, true)
		l.id(13).trade(at+500, 713900, 1000, false)
		l.note("A later id at an earlier time is neither first nor last.")
		l.id(20).trade(at+499, 714300, 1000, false)
		l.id(19).trade(at+500, 714400, 1000, false)
		l.note("An aggregate of three single trades.")
		l.trades = 20
		l.add(market.KindTrade, at+900, func(r *market.Record) {
			r.Trade = market.Trade{Price: 713700, Qty: 300, AggID: 24, FirstID: 21, LastID: 23}
		})
		l.clock(at + 1000)
	}},
	{"roll-ups", "All 16 periods close at once: 2020-06-01T00:00Z is a Monday, a first of a month and a third day since 1970-01-01.", func(l *scribe) {
		at := ms("2020-05-31T23:59:00")
		l.open(at)
		l.spec(at, 36, day)
		l.note("The days of May that are over, and the last three of April: what is cut off at the block's beginning is not closed.")
		for d := ms("2020-04-28"); d < ms("2020-05-31"); d += market.DayMs {
			l.seed(day, d, 600000+(d/market.DayMs)%17*1000, 1000000)
		}
		l.note("Of today there are three minutes; minutes between them are minutes without trades.")
		for _, m := range []string{"2020-05-31T00:00:00", "2020-05-31T11:59:00", "2020-05-31T23:58:00"} {
			l.seed(m1, ms(m), 610000+int64(len(m)), 500000)
		}
		l.note("All periods are served from here on.")
		l.spec(at, 0)
		l.trade(at+59_400, 612345, 42, false)
		l.clock(at + 59_000)
		l.clock(at + 60_000)
		l.trade(at+60_001, 612300, 1, true)
		l.clock(at + 60_250)
	}},
	{"late-trade", "A trade whose second is closed: revisions of all that hold it and of the empty candles after it; the newest closed candle has the last word.", func(l *scribe) {
		at := atEleven
		l.minuteBefore(at, s1, m1, m3)
		l.trade(at+100, 714000, 1000, false)
		l.clock(at + 1000)
		l.clock(at + 3000)
		l.note("Not the last of its second: no close changes.")
		l.trade(at+50, 713000, 1000, false)
		l.note("Into an empty second: the empty one after it takes over its close, and so does the open one.")
		l.trade(at+1500, 714500, 1000, true)
		l.spec(at+3000, 0, m1, m3)
		l.clock(at + 180_000)
		l.note("Three closed minutes, of which two are empty; the open ones are empty too.")
		l.trade(at+58_000, 715000, 1, false)
		l.note("Before what is kept: 10 whole minutes before the open one.")
		l.clock(at + 720_000)
		l.trade(at+119_999, 716000, 1, false)
		l.note("The oldest that is kept.")
		l.trade(at+120_000, 716000, 1, false)
		l.note("Before the log began: the seeds hold it.")
		l.trade(at-1, 716000, 1, false)
	}},
	{"bust-and-correction", "A trade is taken back, or replaced by its aggregate id.", func(l *scribe) {
		at := atEleven
		l.minuteBefore(at, s1, m1)
		l.trade(at+100, 714000, 1000, false)
		l.trade(at+200, 714900, 2000, false)
		first := l.trades - 1
		l.clock(at + 1000)
		l.trade(at+1100, 714100, 500, true)
		l.note("In the closed second.")
		l.bust(at+1200, first+1)
		l.note("In the open second.")
		l.bust(at+1200, first+2)
		l.note("Again: it is not there any more.")
		l.bust(at+1200, first+2)
		l.note("Moved from the closed into the open second.")
		l.add(market.KindCorrection, at+1050, func(r *market.Record) {
			r.Trade = market.Trade{Price: 713500, Qty: 70, AggID: first, FirstID: first, LastID: first, BuyerMaker: true}
		})
		l.clock(at + 2000)
	}},
	{"gap-and-quality", "A gap: candles that hold it are degraded until they end. The feed's quality: every key once when it changes.", func(l *scribe) {
		at := atEleven
		l.minuteBefore(at, s1, m1)
		l.trade(at+100, 714000, 1000, false)
		l.note("The feed falls silent; each further second says the same.")
		l.quality(at+900, market.QualityStale)
		l.quality(at+1900, market.QualityStale)
		l.note("It comes back, but trades are missing for good; the candle of the next trade is the last one that they can be in.")
		l.quality(at+2000, market.QualityOK)
		l.add(market.KindGap, at+2000, func(r *market.Record) { r.GapFrom, r.GapTo = 6, 9 })
		l.trades = 9
		l.clock(at + 2000)
		l.trade(at+2300, 714200, 1000, false)
		l.clock(at + 3000)
		l.trade(at+3300, 714300, 1000, true)
		l.clock(at + 4000)
		l.spec(at+4000, 0, m1)
		l.clock(at + 60_000)
		l.note("A hole in the sequence numbers is a gap too.")
		l.seq += 5
		l.clock(at + 60_500)
		l.trade(at+60_600, 714300, 1000, true)
		l.clock(at + 120_000)
		l.note("Also one before the open record of a new writer, whose number goes on where the log ended.")
		l.writer++
		l.seq += 5
		l.open(at + 120_100)
	}},
	{"writer-fencing", "After an open with a greater writer id, records of the older writer are dropped, whatever their sequence numbers; so is a seq seen before.", func(l *scribe) {
		at := atEleven
		l.minuteBefore(at, s1)
		l.trade(at+100, 714000, 1000, false)
		seq := l.seq
		l.writer = 2
		l.open(at + 200)
		l.note("The old writer goes on for a while.")
		l.writer, l.seq = 1, seq
		l.trade(at+150, 999999, 1000, false)
		l.trade(at+160, 999999, 1000, false)
		l.note("The new one.")
		l.writer, l.seq = 2, seq+1
		l.trade(at+300, 714100, 1000, false)
		l.note("The same records again, as after a retry of a whole batch.")
		l.seq -= 1
		l.trade(at+300, 714100, 1000, false)
		l.clock(at + 1000)
	}},
	{"new-epoch", "A greater epoch is a new beginning: nothing of the old one counts, and nothing is published before its block is complete.", func(l *scribe) {
		at := atEleven
		l.minuteBefore(at, s1, m1)
		l.trade(at+100, 714000, 1000, false)
		l.clock(at + 1000)
		old := l.epoch
		l.note("Another source of the same contract.")
		l.epoch, l.seq, l.writer, l.trades = old+60_000, 0, 2, 5000
		l.open(at + 1500)
		l.quality(at+1600, market.QualityStale)
		l.spec(at, 2, s1, m1)
		l.seed(day, market.Period1d.OpenMs(at)-market.DayMs, 800000, 1000)
		l.trade(at+1700, 820000, 1, false)
		l.note("That block was cut short; the next one is whole.")
		l.spec(at, 2, s1, m1)
		l.seed(day, market.Period1d.OpenMs(at)-market.DayMs, 800000, 1000)
		l.seed(m1, at-market.MinuteMs, 810000, 1000)
		l.trade(at+1800, 820000, 3, false)
		l.note("A record of the old epoch.")
		seq := l.seq
		l.epoch, l.seq = old, 100
		l.clock(at + 9000)
		l.epoch, l.seq = old+60_000, seq
		l.clock(at + 2000)
	}},
	{"no-past", "A source without candles of the past: the candles of the first trade are never closed, the next ones are.", func(l *scribe) {
		at := atEleven
		l.open(at)
		l.spec(at, 0, s1, m1)
		l.clock(at + 54_000)
		l.trade(at+58_300, 714000, 1000, false)
		l.clock(at + 59_000)
		l.clock(at + 60_000)
		l.spec(at+60_000, 0, m1)
		l.clock(at + 120_000)
	}},
	{"served-periods", "A period leaves the contract's entry: its keys are cleared, and its candles are not written any more. It comes back with the version of that contract record.", func(l *scribe) {
		at := atEleven
		l.minuteBefore(at, m1, h1)
		l.trade(at+100, 714000, 1000, false)
		l.spec(at+500, 0, m1)
		l.clock(at + 60_000)
		l.spec(at+60_500, 0, m1, h1)
		l.clock(at + 120_000)
	}},
	{"catch-up", "Records that Kafka took before the job began: only the ledger is written. The first newer one publishes every key.", func(l *scribe) {
		at := atEleven
		l.text.Reset()
		l.note("Records that Kafka took before the job began: only the ledger is written. The first newer one publishes every key.")
		l.line("start %d", at+2500)
		l.line("at %d", at)
		l.minuteBefore(at, s1, m1, h1)
		l.trade(at+100, 714000, 1000, false)
		l.clock(at + 1000)
		l.trade(at+1100, 714100, 1000, false)
		l.clock(at + 2000)
		l.line("at %d", at+2500)
		l.trade(at+2400, 714200, 1000, true)
		l.clock(at + 3000)
	}},
	{"catch-up-partial", "The newest closed minute is partial, which nobody is shown: every key's newest closed candle is the one before it, from the seeds.", func(l *scribe) {
		at := atEleven
		l.text.Reset()
		l.note("The newest closed minute is partial, which nobody is shown: every key's newest closed candle is the one before it, from the seeds.")
		l.line("start %d", at+2500)
		l.line("at %d", at)
		l.open(at)
		l.spec(at+1500, 2, m1, m3)
		l.seed(day, market.Period1d.OpenMs(at)-market.DayMs, 700000, 5000000)
		l.seed(m1, at-market.MinuteMs, 713900, 100000)
		l.trade(at+2100, 714000, 1000, false)
		l.clock(at + 60_000)
		l.line("at %d", at+60_000)
		l.clock(at + 60_250)
		l.note("The next minute is whole.")
		l.clock(at + 120_000)
	}},
	{"delisted", "A delisted contract: every key is cleared (a value of no bytes), with the time of its open candle. Listed again, it begins with a block.", func(l *scribe) {
		at := atEleven
		l.minuteBefore(at, s1, m1)
		l.trade(at+100, 714000, 1000, false)
		l.delist(at + 1000)
		l.trade(at+1100, 714000, 1000, false)
		l.clock(at + 2000)
		l.minuteBefore(at, s1, m1)
		l.clock(at + 3000)
	}},
}
