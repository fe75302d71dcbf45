package matching

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomCommands makes orders in a narrow band that moves up and down, so that they meet, with cancels of orders that may be gone, and now and then one that is wrong.
type randomCommands struct {
	rnd        *rand.Rand
	prices     int64
	nextID, us int64
}

func (g *randomCommands) next() Command {
	r := g.rnd
	g.us += r.Int64N(50)
	drift := g.nextID / 64 % (2 * g.prices)
	c := Command{Side: Side(r.IntN(2)), TimeUs: g.us, Price: 1000 + min(drift, 2*g.prices-drift) + r.Int64N(g.prices), Qty: 1 + r.Int64N(100)}
	if c.Side == Sell { // mostly apart
		c.Price += g.prices * 3 / 4
	}
	switch k := r.IntN(100); {
	case k < 45:
		c.Kind = Limit
	case k < 54:
		c.Kind = IOC
	case k < 62:
		c.Kind, c.Qty = Market, 4*c.Qty
	case k < 80:
		c.Kind, c.ID = Cancel, g.nextID-int64(r.ExpFloat64()*30)
	default:
		c.Kind, c.ID = Cancel, g.nextID-int64(r.ExpFloat64()*3000)
	}
	if c.Kind != Cancel {
		g.nextID++
		c.ID = g.nextID
	}
	if r.IntN(200) == 0 {
		switch r.IntN(7) {
		case 0:
			c.Qty = -c.Qty * r.Int64N(2)
		case 1:
			c.Price = -c.Price * r.Int64N(2)
		case 2:
			c.ID -= 5
		case 3:
			c.TimeUs -= 10_000
		case 4:
			c.Kind += 4
		case 5:
			c.Side += 2
		case 6:
			c.Qty, c.Price = 1<<50, 1<<62
		}
	}
	return c
}

func newBook(t testing.TB, cfg Config) *Book {
	t.Helper()
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sameOutcome(a, b *Outcome) bool {
	x, y := *a, *b
	x.Fills, x.Trades, x.Levels, y.Fills, y.Trades, y.Levels = nil, nil, nil, nil, nil, nil
	return x.Seq == y.Seq && x.Status == y.Status && x.Reason == y.Reason && x.Filled == y.Filled && x.Rested == y.Rested && x.Killed == y.Killed && x.UpdateID == y.UpdateID &&
		slices.Equal(a.Fills, b.Fills) && slices.Equal(a.Trades, b.Trades) && slices.Equal(a.Levels, b.Levels)
}

// compare gives the same commands to the book and to the slow one.
func compare(t *testing.T, cfg Config, next func() (Command, bool)) (rejects map[Reason]int) {
	t.Helper()
	b, slow := newBook(t, cfg), slowBook{cfg: cfg, tradeID: cfg.FirstTradeID - 1, aggID: cfg.FirstAggID - 1, update: cfg.FirstUpdateID - 1}
	rejects = map[Reason]int{}
	for n := 0; ; n++ {
		c, ok := next()
		if !ok {
			return rejects
		}
		got, want := b.Apply(c), slow.apply(c)
		if !sameOutcome(got, &want) {
			t.Fatalf("command %d %+v:\ngot  %+v\nwant %+v", n, c, *got, want)
		}
		rejects[got.Reason]++
		if n%97 == 0 {
			for s := range slow.orders {
				var have []slowOrder
				b.EachOrder(Side(s), func(o Order) bool { have = append(have, slowOrder{o.ID, o.Price, o.Qty}); return true })
				if !slices.Equal(have, slow.orders[s]) {
					t.Fatalf("after command %d: %s orders\ngot  %v\nwant %v", n, Side(s), have, slow.orders[s])
				}
			}
			loaded, rest, err := Load(b.AppendSnapshot(nil))
			if err != nil || len(rest) != 0 {
				t.Fatalf("after command %d: load: %v, %d bytes left", n, err, len(rest))
			}
			b = loaded
		}
	}
}

func TestTheBookAgreesWithASlowOne(t *testing.T) {
	t.Parallel()
	rejects := map[Reason]int{}
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		cfg := DefaultConfig()
		cfg.FirstTradeID, cfg.FirstAggID, cfg.FirstUpdateID = 1+rnd.Int64N(5), 1+rnd.Int64N(5), 1+rnd.Int64N(5)
		if seed%3 == 0 {
			cfg.MaxOrders, cfg.MaxLevels, cfg.MaxQty = 40, 7, 90
		}
		g, n := randomCommands{rnd: rnd, prices: 4 + rnd.Int64N(60)}, 3000
		for r, k := range compare(t, cfg, func() (Command, bool) { n--; return g.next(), n >= 0 }) {
			rejects[r] += k
		}
	}
	for r := ReasonNone; r <= ReasonLevels; r++ {
		if rejects[r] == 0 {
			t.Errorf("no command met the reason %q", r)
		}
	}
}

// FuzzBook reads commands of five bytes: the kind, then side and time, price, quantity and id.
func FuzzBook(f *testing.F) {
	f.Add([]byte{0, 0, 10, 5, 1, 0, 1, 10, 3, 1, 2, 1, 0, 9, 1, 3, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg := DefaultConfig()
		cfg.MaxOrders, cfg.MaxLevels, cfg.MaxQty = 12, 5, 200
		var us, id int64
		compare(t, cfg, func() (Command, bool) {
			if len(data) < 5 {
				return Command{}, false
			}
			d := data[:5]
			data = data[5:]
			us += int64(d[1]>>1&7) - 1
			c := Command{Kind: Kind(d[0] % 5), Side: Side(d[1] & 1), TimeUs: us, Price: int64(d[2] % 32), Qty: int64(d[3])}
			if c.ID = id - int64(d[4]%16); c.Kind != Cancel {
				id += int64(d[4] % 3)
				c.ID = id
			}
			return c, true
		})
	})
}

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

func TestDamagedSnapshotsAreRefused(t *testing.T) {
	t.Parallel()
	g, b := randomCommands{rnd: rand.New(rand.NewPCG(1, 1)), prices: 50}, newBook(t, DefaultConfig())
	for range 2000 {
		b.Apply(g.next())
	}
	snap := b.AppendSnapshot(nil)
	for i := range snap {
		if _, _, err := Load(snap[:i]); err == nil {
			t.Fatalf("the first %d of %d bytes were taken for a snapshot", i, len(snap))
		}
	}
	for i := range snap { // whatever loads must be a book that works
		bad := bytes.Clone(snap)
		bad[i] ^= 1 << (i % 8)
		if l, _, err := Load(bad); err == nil {
			g := g
			g.us += 1 << 40
			for range 50 {
				l.Apply(g.next())
			}
		}
	}
}

func BenchmarkCommands(b *testing.B) {
	b.Run("flow", func(b *testing.B) {
		p := DefaultFlowParams(1_000_000, 100, 4000)
		f, err := NewFlow(p, 1, 0)
		if err != nil {
			b.Fatal(err)
		}
		record := newBook(b, DefaultConfig())
		commands := make([]Command, 1<<20)
		for i := range commands {
			commands[i] = f.Peek(record)
			record.Apply(commands[i])
			f.Take()
		}
		run(b, commands)
	})
	b.Run("random", func(b *testing.B) {
		g := randomCommands{rnd: rand.New(rand.NewPCG(1, 1)), prices: 1000}
		commands := make([]Command, 1<<20)
		for i := range commands {
			commands[i] = g.next()
		}
		run(b, commands)
	})
	b.Run("draw and match", func(b *testing.B) {
		f, err := NewFlow(DefaultFlowParams(1_000_000, 100, 4000), 1, 0)
		if err != nil {
			b.Fatal(err)
		}
		bk := newBook(b, DefaultConfig())
		b.ReportAllocs()
		for b.Loop() {
			bk.Apply(f.Peek(bk))
			f.Take()
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
	})
}

// run applies the commands over and over, ids and times moved on each time, after a first pass that makes the room.
func run(b *testing.B, commands []Command) {
	bk := newBook(b, DefaultConfig())
	last := commands[len(commands)-1]
	var ids int64
	for _, c := range commands {
		bk.Apply(c)
		ids = max(ids, bk.LastOrderID())
	}
	var idBase, usBase int64
	i := len(commands)
	b.ReportAllocs()
	for b.Loop() {
		if i == len(commands) {
			i, idBase, usBase = 0, idBase+ids, usBase+last.TimeUs
		}
		c := commands[i]
		c.ID += idBase
		c.TimeUs += usBase
		bk.Apply(c)
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
}
