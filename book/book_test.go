package book_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tickcast/tickcast/book"
	"github.com/tickcast/tickcast/market"
)

// slow is a book as one would write it without a thought for speed.
type slow struct{ bids, asks map[int64]int64 }

func (s *slow) apply(c *market.BookChange) {
	for _, side := range []struct {
		m  map[int64]int64
		ls []market.Level
	}{{s.bids, c.Bids}, {s.asks, c.Asks}} {
		for _, l := range side.ls {
			side.m[l.Price] = l.Qty
			if l.Qty == 0 {
				delete(side.m, l.Price)
			}
		}
	}
}

func (s *slow) sorted(m map[int64]int64, less func(a, b market.Level) int) []market.Level {
	out := []market.Level{}
	for p, q := range m {
		out = append(out, market.Level{Price: p, Qty: q})
	}
	slices.SortFunc(out, less)
	return out
}

func (s *slow) snapshot() market.BookChange {
	return market.BookChange{
		Bids: s.sorted(s.bids, func(a, b market.Level) int { return int(b.Price - a.Price) }),
		Asks: s.sorted(s.asks, func(a, b market.Level) int { return int(a.Price - b.Price) }),
	}
}

func whole(b *book.Book) market.BookChange {
	return market.BookChange{Bids: b.AppendBids([]market.Level{}, b.NumBids()), Asks: b.AppendAsks([]market.Level{}, b.NumAsks())}
}

// change makes n random changes around 100,000; crossing is not avoided.
func change(rnd *rand.Rand, n, width int) (c market.BookChange) {
	for range n {
		l := market.Level{Price: 100_000 + int64(rnd.IntN(width)), Qty: int64(rnd.IntN(3))}
		if rnd.IntN(2) == 0 {
			c.Asks = append(c.Asks, l)
			continue
		}
		l.Price -= int64(width)
		c.Bids = append(c.Bids, l)
	}
	return c
}

func TestABookIsWhatItsCommandsSay(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		want := slow{map[int64]int64{}, map[int64]int64{}}
		var b book.Book
		for i := range 200 {
			c := change(rnd, rnd.IntN(40), 1+rnd.IntN(3000))
			b.Apply(&c)
			want.apply(&c)
			w, got := want.snapshot(), whole(&b)
			if !slices.Equal(w.Bids, got.Bids) || !slices.Equal(w.Asks, got.Asks) {
				t.Fatalf("seed %d, change %d:\n got %v\nwant %v", seed, i, got, w)
			}
			if i%50 == 49 { // through a snapshot it stays the same
				b.Reset()
				b.Set(&got)
			}
			for n := range b.NumBids() {
				if b.Bid(n) != got.Bids[n] {
					t.Fatalf("seed %d: bid %d is %v, want %v", seed, n, b.Bid(n), got.Bids[n])
				}
			}
			if best, ok := b.BestAsk(); ok != (len(w.Asks) > 0) || ok && best != w.Asks[0] {
				t.Fatalf("seed %d: best ask %v, want %v", seed, best, w.Asks)
			}
		}
	}
}

func TestACrossedOrLockedBookIsCalledCrossed(t *testing.T) {
	t.Parallel()
	l := func(p int64) []market.Level { return []market.Level{{Price: p, Qty: 1}} }
	for _, c := range []struct {
		name      string
		bids, ask []market.Level
		want      bool
	}{
		{"empty", nil, nil, false},
		{"one side", l(10), nil, false},
		{"a spread", l(10), l(11), false},
		{"locked", l(10), l(10), true},
		{"crossed", l(11), l(10), true},
	} {
		var b book.Book
		b.Apply(&market.BookChange{Bids: c.bids, Asks: c.ask})
		if got := b.Crossed(); got != c.want {
			t.Errorf("%s: crossed is %t", c.name, got)
		}
	}
}

func TestTrimKeepsTheBest(t *testing.T) {
	t.Parallel()
	var b book.Book
	b.Set(&market.BookChange{Bids: []market.Level{{Price: 9, Qty: 1}, {Price: 8, Qty: 2}, {Price: 7, Qty: 3}}, Asks: []market.Level{{Price: 10, Qty: 4}}})
	b.Trim(2)
	got := whole(&b)
	if !slices.Equal(got.Bids, []market.Level{{Price: 9, Qty: 1}, {Price: 8, Qty: 2}}) || !slices.Equal(got.Asks, []market.Level{{Price: 10, Qty: 4}}) {
		t.Errorf("got %v", got)
	}
}

// BenchmarkApply changes levels of a book with 5,000 on each side: near the best, as a real market does, or anywhere.
func BenchmarkApply(b *testing.B) {
	for _, c := range []struct {
		name  string
		width int
	}{{"near", 200}, {"anywhere", 10_000}} {
		b.Run(c.name, func(b *testing.B) {
			rnd := rand.New(rand.NewPCG(1, 1))
			var full market.BookChange
			for i := range int64(5000) {
				full.Bids = append(full.Bids, market.Level{Price: 99_999 - 2*i, Qty: 1})
				full.Asks = append(full.Asks, market.Level{Price: 100_000 + 2*i, Qty: 1})
			}
			var bk book.Book
			bk.Set(&full)
			changes := make([]market.BookChange, 1000)
			for i := range changes {
				for range 20 {
					off := int64(rnd.IntN(c.width))
					qty := int64(rnd.IntN(2))
					if off%2 == 0 {
						qty = 1 // the book stays as deep as it is
					}
					changes[i].Bids = append(changes[i].Bids, market.Level{Price: 99_999 - off, Qty: qty})
					changes[i].Asks = append(changes[i].Asks, market.Level{Price: 100_000 + off, Qty: qty})
				}
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				bk.Apply(&changes[i%len(changes)])
			}
			b.ReportMetric(float64(b.N)*40/b.Elapsed().Seconds(), "levels/s")
		})
	}
}

func TestLevelsWithinAPriceAreCounted(t *testing.T) {
	t.Parallel()
	var b book.Book
	b.Set(&market.BookChange{Bids: []market.Level{{Price: 9, Qty: 1}, {Price: 7, Qty: 3}}, Asks: []market.Level{{Price: 10, Qty: 4}, {Price: 12, Qty: 1}}})
	for price, want := range map[int64][2]int{1: {2, 0}, 7: {2, 0}, 8: {1, 0}, 9: {1, 0}, 10: {0, 1}, 11: {0, 1}, 12: {0, 2}, 99: {0, 2}} {
		if got := [2]int{b.BidsFrom(price), b.AsksTo(price)}; got != want {
			t.Errorf("%d: %v bids and asks, want %v", price, got, want)
		}
	}
}
