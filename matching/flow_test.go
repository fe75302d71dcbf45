package matching

import "testing"

func TestAFlowKeepsARealisticBook(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                    string
		anchor, lots, rateMilli int64
		even                    bool
	}{
		{"a dear contract, fine tick", 10_000_000, 150, 4000, false},
		{"a cheap contract, coarse tick", 15_000, 1000, 4000, false},
		{"very cheap", 100, 1000, 4000, false},
		{"quiet", 1_000_000, 2, 100, false},
		{"busy and even", 1_000_000, 2, 1_000_000, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := DefaultFlowParams(c.anchor, c.lots, c.rateMilli)
			p.Even = c.even
			f, err := NewFlow(p, 7, 1_000_000)
			if err != nil {
				t.Fatal(err)
			}
			b, err := New(DefaultConfig())
			if err != nil {
				t.Fatal(err)
			}
			var commands, trades, spread, maxSpread, opening, lastUs int64
			var kinds [4]int64
			low, high := c.anchor, c.anchor
			end := 1_000_000 + 2000*1_000_000_000/c.rateMilli
			for {
				cmd := f.Peek(b)
				if cmd.TimeUs > end {
					break
				}
				if commands++; b.TimeUs() > cmd.TimeUs {
					t.Fatalf("time goes back to %d", cmd.TimeUs)
				}
				o := b.Apply(cmd)
				f.Take()
				if o.Status == Rejected {
					t.Fatalf("%+v was rejected: %s", cmd, o.Reason)
				}
				kinds[cmd.Kind]++
				trades += int64(len(o.Trades))
				if c.even && len(o.Trades) > 0 {
					if gap := cmd.TimeUs - lastUs; lastUs != 0 && (gap != 1000 || len(o.Trades) != 1) {
						t.Fatalf("%d trades %d us after the last, want 1 each 1000 us", len(o.Trades), gap)
					}
					lastUs = cmd.TimeUs
				}
				for _, tr := range o.Trades {
					low, high = min(low, tr.Price), max(high, tr.Price)
				}
				if len(o.Trades) > 0 && opening == 0 {
					opening = commands
				}
				if opening > 0 {
					bid, okBid := b.Best(Buy)
					ask, okAsk := b.Best(Sell)
					if !okBid || !okAsk {
						t.Fatalf("a side is empty after %+v", cmd)
					}
					spread += ask.Price - bid.Price
					maxSpread = max(maxSpread, ask.Price-bid.Price)
				}
			}
			t.Logf("%d commands %v (opening %d), %d trades, price %d to %d, spread %.1f (max %d), %d+%d levels, %d+%d orders",
				commands, kinds, opening, trades, low, high, float64(spread)/float64(commands), maxSpread, b.Levels(Buy), b.Levels(Sell), b.OrdersOf(Buy), b.OrdersOf(Sell))
			if trades < 1600 || trades > 3000 {
				t.Errorf("%d trades, want about 2000", trades)
			}
			if low < c.anchor*9/10 || high > c.anchor*11/10 {
				t.Errorf("prices from %d to %d around %d", low, high, c.anchor)
			}
		})
	}
}

func TestAFlowGoesOnFromASnapshotAsIfNothingHadHappened(t *testing.T) {
	t.Parallel()
	p := DefaultFlowParams(500_000, 40, 2000)
	f, err := NewFlow(p, 3, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := newBook(t, DefaultConfig())
	step := func(f *Flow, b *Book) Command {
		c := f.Peek(b)
		b.Apply(c)
		f.Take()
		return c
	}
	for i := range 5000 {
		step(f, b)
		if i%7 == 0 {
			f.Peek(b) // a snapshot also between drawing and taking
		}
		if i == 3000 {
			p.RateMilli *= 10
			if err := f.Resume(p, b.TimeUs()+60_000_000); err != nil {
				t.Fatal(err)
			}
			if c := f.Peek(b); c.TimeUs < b.TimeUs()+60_000_000 {
				t.Fatalf("after a halt of a minute the next command comes %d us later", c.TimeUs-b.TimeUs())
			}
		}
		if i%500 != 0 {
			continue
		}
		snap := f.AppendSnapshot(b.AppendSnapshot(nil))
		b2, rest, err := Load(snap)
		if err != nil {
			t.Fatal(err)
		}
		f2, rest, err := LoadFlow(rest)
		if err != nil || len(rest) != 0 {
			t.Fatalf("%v, %d bytes left", err, len(rest))
		}
		for range 1000 {
			if c1, c2 := step(f, b), step(f2, b2); c1 != c2 {
				t.Fatalf("%+v and from the snapshot %+v", c1, c2)
			}
		}
	}
}
