package candle

import (
	"testing"

	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/market"
)

// fullDay is a machine that has all minutes of 24 hours, and a trade in the open one.
func fullDay(b *testing.B) *Machine {
	b.Helper()
	var l scribe
	l.begin("")
	at := ms("2024-08-08T12:00:00")
	l.open(at)
	l.spec(at, 1+24*60)
	l.seed(market.Period1d, market.Period1d.OpenMs(at)-market.DayMs, 700_000, 5_000_000)
	for m := at - market.DayMs; m < at; m += market.MinuteMs {
		l.seed(market.Period1m, m, 700_000+m/market.MinuteMs%10_000, 100_000)
	}
	l.trade(at+1000, 705_000, 1000, true)
	m := New(l.contract, 0, func(*core.Output) {})
	for i := range l.records {
		if v, err := m.Apply(&core.Input{Record: &l.records[i]}); v != core.Applied {
			b.Fatal(i, v, err)
		}
	}
	if t, _ := m.day(); t.Trades != 2*24*60+1 {
		b.Fatalf("%d trades in the window", t.Trades)
	}
	return m
}

// BenchmarkTicker is the ticker's share of a trade: the open minute joined to those of the day, and the message.
func BenchmarkTicker(b *testing.B) {
	m := fullDay(b)
	b.ReportAllocs()
	for b.Loop() {
		m.publishTicker()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tickers/s")
}

// BenchmarkTickerMinute is what each contract's ticker costs more once a minute: the 1,440 minutes of the day are rolled up again.
func BenchmarkTickerMinute(b *testing.B) {
	m := fullDay(b)
	b.ReportAllocs()
	for b.Loop() {
		m.ticker.rolled = false
		m.publishTicker()
	}
}
