package candle

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tickcast/tickcast/compute/core/coretest"
	"github.com/tickcast/tickcast/market"
)

// life writes a contract's whole life: beginnings of every kind, markets, silence, changes of the entry, new writers and epochs, the end and another beginning.
func (l *scribe) life(r *rand.Rand) {
	l.begin("")
	starts := []string{"2020-05-31T23:31:00", "2020-02-29T23:50:00", "2023-12-31T23:57:30", "2020-01-02T15:11:07", "2024-08-08T11:58:00"}
	at := ms(starts[r.IntN(len(starts))])
	for range 1 + r.IntN(4) {
		l.beginning(r, at)
		for range 1 + r.IntN(4) {
			until := at + 1000*(1+r.Int64N(900))
			chaos(r, l, at, until, r.IntN(3) > 0)
			at = until
			at = l.event(r, at)
		}
		switch r.IntN(3) {
		case 0:
			l.delist(at)
		case 1:
			l.epoch++
			l.seq = 0
		case 2:
			l.writer++
			l.epoch += 5
			l.seq = r.Int64N(3)
		}
	}
}

// beginning writes what a log begins with: a block whole or in part, with days and minutes missing, or nothing from before.
func (l *scribe) beginning(r *rand.Rand, at int64) {
	if r.IntN(3) > 0 {
		l.open(at)
	}
	days, minutes := r.IntN(70), r.IntN(90)
	switch r.IntN(5) {
	case 0:
		days = 0
	case 1:
		minutes = 0
	case 2:
		days, minutes = 0, 0
	}
	minute := market.Period1m.OpenMs(at)
	var block []func()
	for i := int64(days); i > 0; i-- {
		if t := market.Period1d.OpenMs(at) - i*market.DayMs; r.IntN(30) > 0 {
			block = append(block, func() { l.seed(market.Period1d, t, 700_000+r.Int64N(90_000), 1+r.Int64N(1e9)) })
		}
	}
	last := r.Int64N(2) * r.Int64N(3)
	for i := int64(minutes); i > last; i-- {
		if t := minute - i*market.MinuteMs; r.IntN(10) > 0 {
			block = append(block, func() {
				l.seed(market.Period1m, t, 700_000+r.Int64N(90_000), 1+r.Int64N(1e7))
				if c := &l.records[len(l.records)-1].Seed; r.IntN(4) == 0 { // the venue does not say the ids, or nothing was traded
					c.FirstID = -1
					if r.IntN(2) == 0 {
						c.Trades, c.LastID = 0, -1
					}
				}
			})
		}
	}
	l.spec(at, len(block))
	if r.IntN(20) == 0 && len(block) > 1 {
		block = block[1:]
	}
	for _, f := range block {
		f()
	}
}

// event writes something rare, and returns the time after it.
func (l *scribe) event(r *rand.Rand, at int64) int64 {
	switch r.IntN(12) {
	case 0:
		l.add(market.KindGap, at, nil)
	case 1, 2:
		l.quality(at, market.Quality(r.IntN(5)))
	case 3:
		var ps []market.Period
		for _, p := range market.Periods() {
			if r.IntN(2) == 0 {
				ps = append(ps, p)
			}
		}
		l.spec(at, 0, ps...)
	case 4: // a finer tick or step, or a coarser one
		if r.IntN(3) > 0 {
			l.priceScale, l.qtyScale = min(l.priceScale+r.IntN(2), 6), min(l.qtyScale+r.IntN(2), 8)
		} else {
			l.priceScale = max(l.priceScale-1, 0)
		}
		l.spec(at, 0)
	case 5: // a silence
		at += r.Int64N(40 * market.MinuteMs)
		if r.IntN(20) == 0 {
			at += 5 * market.HourMs
		}
		l.clock(at)
	case 6: // longer than a log allows
		l.clock(at + 73*market.HourMs)
	case 7:
		l.writer++
		l.open(at)
	case 8:
		l.seq += 1 + r.Int64N(3)
		l.clock(at)
	case 9: // the block of midnight
		l.spec(at, 3)
		for i := int64(3); i > 0; i-- {
			l.seed(market.Period1d, market.Period1d.OpenMs(at)-i*market.DayMs, 700_000, 1e6)
		}
	case 10: // a trade and a bust that no one knows, far back and ahead
		l.trade(at-r.Int64N(2*market.HourMs), 710_000, 5, true)
		l.bust(at, r.Int64N(1000))
		l.trade(at+(73*market.HourMs)*r.Int64N(2), 710_000, 5, false)
		l.add(market.KindCorrection, at+r.Int64N(5000), func(rec *market.Record) {
			rec.Trade = market.Trade{Price: 1 + r.Int64N(1e6), Qty: 7, AggID: l.trades - 1, FirstID: l.trades - 1, LastID: l.trades - 1}
		})
		if now := l.records[len(l.records)-1].EventMs; now > at {
			at = now
		}
	}
	return at
}

// TestParityWithJava: both implementations say and write the same on random logs.
func TestParityWithJava(t *testing.T) {
	t.Parallel()
	j := coretest.StartJava(t)
	records, outputs, refused := 0, 0, 0
	for seed := range coretest.Rounds(t) {
		r := rand.New(rand.NewPCG(seed, 17))
		var l scribe
		l.life(r)
		lines := coretest.Lines(l.records)
		if seed%3 > 0 {
			lines = coretest.Mangle(r, lines, 1+r.IntN(30))
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			o, n := j.Compare(t, r, 'c', l.contract, lines, machineOf)
			records, outputs, refused = records+len(lines), outputs+o, refused+n
		})
		if t.Failed() {
			t.FailNow() // the answers of the rest would be another log's
		}
	}
	t.Logf("%d records, %d of them refused, gave %d outputs, the same in both", records, refused, outputs)
}
