package matching

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"testing"
)

// scribe writes outcomes as bytes: what must be the same on replay.
type scribe struct{ buf []byte }

func (s *scribe) write(o *Outcome) []byte {
	b := s.buf[:0]
	put := func(vs ...int64) {
		for _, v := range vs {
			b = binary.AppendVarint(b, v)
		}
	}
	put(o.Seq, int64(o.Status), int64(o.Reason), o.Filled, o.Rested, o.Killed, o.UpdateID, int64(len(o.Fills)), int64(len(o.Trades)), int64(len(o.Levels)))
	for _, f := range o.Fills {
		put(f.ID, f.Price, f.Qty, f.Maker, f.Taker, int64(f.TakerSide), f.MakerRests)
	}
	for _, t := range o.Trades {
		put(t.ID, t.FirstID, t.LastID, t.Price, t.Qty, int64(t.TakerSide))
	}
	for _, l := range o.Levels {
		put(int64(l.Side), l.Price, l.Qty)
	}
	s.buf = b
	return b
}

// audit follows a book from outside: ids without holes, quantities conserved, and its own copy of the levels.
type audit struct {
	trade, agg, update, seq         int64
	placed, traded, killed, resting int64
	levels                          [2]map[int64]int64
}

func (a *audit) take(t *testing.T, c Command, o *Outcome, b *Book) {
	a.seq++
	if o.Seq != a.seq {
		t.Fatalf("outcome %d after %d", o.Seq, a.seq-1)
	}
	if o.Status == Rejected {
		if o.Reason == ReasonNone || len(o.Fills)+len(o.Trades)+len(o.Levels) > 0 {
			t.Fatalf("rejected %+v with %+v", c, *o)
		}
		return
	}
	if c.Kind != Cancel {
		a.placed += c.Qty
	}
	var filled, inTrades int64
	for _, f := range o.Fills {
		a.trade++
		if filled += f.Qty; f.ID != a.trade || f.Qty < 1 {
			t.Fatalf("fill %+v after %d", f, a.trade-1)
		}
		if c.Kind != Market && (c.Side == Buy && f.Price > c.Price || c.Side == Sell && f.Price < c.Price) {
			t.Fatalf("%+v traded at %d", c, f.Price)
		}
	}
	for _, x := range o.Trades {
		a.agg++
		if inTrades += x.Qty; x.ID != a.agg {
			t.Fatalf("trade %+v after %d", x, a.agg-1)
		}
	}
	if filled != o.Filled || inTrades != o.Filled || c.Kind != Cancel && o.Filled+o.Rested+o.Killed != c.Qty {
		t.Fatalf("%+v: %+v does not add up", c, *o)
	}
	a.traded += filled
	a.killed += o.Killed
	a.resting += o.Rested - filled
	if o.Status == Cancelled {
		a.resting -= o.Killed
	}
	if len(o.Levels) > 0 {
		a.update++
	}
	if o.UpdateID != a.update {
		t.Fatalf("update %d, want %d", o.UpdateID, a.update)
	}
	for _, l := range o.Levels {
		if l.Qty == 0 {
			delete(a.levels[l.Side], l.Price)
		} else {
			a.levels[l.Side][l.Price] = l.Qty
		}
	}
	bid, okBid := b.Best(Buy)
	ask, okAsk := b.Best(Sell)
	if okBid && okAsk && bid.Price >= ask.Price {
		t.Fatalf("crossed after %+v: %d and %d", c, bid.Price, ask.Price)
	}
}

// whole compares the book with what its outcomes said.
func (a *audit) whole(t *testing.T, b *Book) {
	var resting int64
	for s := Buy; s <= Sell; s++ {
		sums, orders := map[int64]int64{}, 0
		b.EachOrder(s, func(o Order) bool { sums[o.Price] += o.Qty; resting += o.Qty; orders++; return true })
		if b.Levels(s) != len(a.levels[s]) || b.OrdersOf(s) != orders {
			t.Fatalf("%s: %d levels and %d orders, want %d and %d", s, b.Levels(s), b.OrdersOf(s), len(a.levels[s]), orders)
		}
		for i := range b.Levels(s) {
			if l := b.Level(s, i); l.Qty != a.levels[s][l.Price] || l.Qty != sums[l.Price] {
				t.Fatalf("%s level %+v, the outcomes say %d, its orders sum to %d", s, l, a.levels[s][l.Price], sums[l.Price])
			}
		}
	}
	if resting != a.resting || a.placed != 2*a.traded+a.resting+a.killed {
		t.Fatalf("placed %d, traded twice %d, resting %d (orders say %d), cancelled %d", a.placed, a.traded, a.resting, resting, a.killed)
	}
}

// TestTenMillionCommands: nothing is lost, made up or crossed, and a replay from the beginning or from a snapshot in the middle gives the same bytes.
// With -short or the race detector there are fewer commands.
func TestTenMillionCommands(t *testing.T) {
	t.Parallel()
	n := 10_000_000
	if testing.Short() || raceDetector {
		n = 300_000
	}
	commands := func() *randomCommands { return &randomCommands{rnd: rand.New(rand.NewPCG(5, 5)), prices: 400} }
	cfg := DefaultConfig()
	cfg.MaxOrders = 3000

	g, b, hash, tail, s := commands(), newBook(t, cfg), fnv.New64a(), fnv.New64a(), scribe{}
	a := audit{levels: [2]map[int64]int64{{}, {}}}
	var middle []byte
	var rejected int
	for i := range n {
		c := g.next()
		o := b.Apply(c)
		a.take(t, c, o, b)
		line := s.write(o)
		hash.Write(line)
		if o.Status == Rejected {
			rejected++
		}
		if i >= n/2 {
			tail.Write(line)
		}
		if i == n/2-1 {
			middle = b.AppendSnapshot(nil)
		}
		if i%50_000 == 0 {
			a.whole(t, b)
		}
	}
	a.whole(t, b)
	t.Logf("%d commands, %d rejected, %d fills, %d aggregate trades, %d orders rest on %d+%d levels", n, rejected, a.trade, a.agg, b.Orders(), b.Levels(Buy), b.Levels(Sell))
	if a.trade < int64(n)/10 || rejected < n/100 || b.Orders() < 100 {
		t.Fatal("the commands do not try the book enough")
	}

	again, fromMiddle := newBook(t, cfg), (*Book)(nil)
	replay, replayTail := fnv.New64a(), fnv.New64a()
	g = commands()
	for i := range n {
		c := g.next()
		replay.Write(s.write(again.Apply(c)))
		if i == n/2-1 {
			loaded, rest, err := Load(middle)
			if err != nil || len(rest) != 0 {
				t.Fatalf("load: %v, %d bytes left", err, len(rest))
			}
			fromMiddle = loaded
		} else if i >= n/2 {
			replayTail.Write(s.write(fromMiddle.Apply(c)))
		}
	}
	if replay.Sum64() != hash.Sum64() || replayTail.Sum64() != tail.Sum64() {
		t.Fatal("a replay gave other bytes")
	}
	want := b.AppendSnapshot(nil)
	if !bytes.Equal(want, again.AppendSnapshot(nil)) || !bytes.Equal(want, fromMiddle.AppendSnapshot(nil)) {
		t.Fatal("a replay ended in another state")
	}
}
