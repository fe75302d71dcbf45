package orderbook

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tickcast/tickcast/compute/core/coretest"
	"github.com/tickcast/tickcast/market"
)

// TestParityWithJava: both implementations say and write the same on random logs.
func TestParityWithJava(t *testing.T) {
	t.Parallel()
	j := coretest.StartJava(t)
	records, outputs, refused := 0, 0, 0
	for seed := range coretest.Rounds(t) {
		r := rand.New(rand.NewPCG(seed, 19))
		var l scribe
		l.begin("")
		l.life(r)
		lines := coretest.Lines(l.records)
		if seed%3 > 0 {
			lines = coretest.Mangle(r, lines, 1+r.IntN(30))
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			o, n := j.Compare(t, r, 'b', l.contract, lines, machineOf)
			records, outputs, refused = records+len(lines), outputs+o, refused+n
		})
		if t.Failed() {
			t.FailNow() // the answers of the rest would be another log's
		}
	}
	t.Logf("%d records, %d of them refused, gave %d outputs, the same in both", records, refused, outputs)
}

// life writes books with changes of the entry between them, deep ones, steps that overflow, crossed ones, new writers and epochs, the end.
func (l *scribe) life(r *rand.Rand) {
	for range 1 + r.IntN(4) {
		chaos(r, l, 50+r.IntN(1500))
		at := l.records[len(l.records)-1].EventMs
		for range r.IntN(4) {
			l.event(r, at)
		}
		switch r.IntN(5) {
		case 0:
			l.spec(at, true)
		case 1:
			l.epoch++
			l.seq = 0
		case 2:
			l.writer++
			l.epoch++
			l.seq = r.Int64N(3)
		case 3:
			l.priceScale = r.IntN(4)
		}
	}
}

// event writes something rare.
func (l *scribe) event(r *rand.Rand, at int64) {
	switch r.IntN(7) {
	case 0: // other resolutions and depths, too fine ones among them
		all := []market.Unit{{Scale: 2, Size: 1}, {Scale: 1, Size: 1}, {Size: 1}, {Size: 7}, {Scale: 3, Size: 5}, {Scale: 2, Size: 1}}
		l.books, l.depth = nil, r.IntN(6)
		for range r.IntN(6) {
			l.books = append(l.books, all[r.IntN(len(all))])
		}
		l.spec(at, false)
	case 1: // a deep book, of which pages are saved
		var b, a side
		for i := range 200 + r.Int64N(1500) {
			b, a = append(b, 20_000-i, 1+r.Int64N(50)), append(a, 20_001+i, 1+r.Int64N(50))
		}
		l.snapshot(at, b, a)
		for range 400 {
			l.diff(at+r.Int64N(3000), 1, side{18_500 + r.Int64N(1501), r.Int64N(3)}, side{20_001 + r.Int64N(1500), r.Int64N(3)})
		}
	case 2: // quantities that cannot be added
		l.snapshot(at, side{10_001, 1 << 62, 10_000, 1 << 62}, nil)
	case 3: // crossed, once or by a diff
		l.snapshot(at, side{100, 5}, side{101, 5})
		l.diff(at, 1, side{101 + r.Int64N(2), 5}, nil)
	case 4:
		l.quality(at, market.Quality(r.IntN(5)))
	case 5:
		l.writer++
		l.open(at)
	case 6: // a time that cannot be
		l.add([]market.Kind{market.KindGap, market.KindClock, market.KindDiff, market.KindTrade}[r.IntN(4)], 5, func(rec *market.Record) {
			rec.Trade = market.Trade{Price: 1, Qty: 1}
		})
	}
}
