package matching

import (
	"bytes"
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
