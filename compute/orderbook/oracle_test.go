package orderbook

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sort"
	"testing"

	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/market"
)

// oracle is another author's way to the same books: a map of levels, and every resolution made up again from all of them.
type oracle struct {
	sides  [2]map[int64]int64 // bids, asks; real prices
	valid  bool
	feed   string
	update int64
}

func newOracle() *oracle {
	return &oracle{sides: [2]map[int64]int64{{}, {}}, feed: "ok"}
}

func (o *oracle) take(r *market.Record) {
	switch r.Kind {
	case market.KindGap, market.KindOpen:
		o.valid = false
	case market.KindQuality:
		o.feed = r.Quality.String()
	case market.KindSnapshot, market.KindDiff:
		if r.Kind == market.KindDiff && !o.valid {
			return
		}
		if r.Kind == market.KindSnapshot {
			o.sides = [2]map[int64]int64{{}, {}}
			o.valid = true
		}
		o.update = r.Book.LastID
		for s, ls := range [][]market.Level{r.Book.Bids, r.Book.Asks} {
			for _, l := range ls {
				o.sides[s][l.Price] = l.Qty
				if l.Qty == 0 {
					delete(o.sides[s], l.Price)
				}
			}
		}
	}
}

func (o *oracle) quality() string {
	if !o.valid {
		return "stale"
	}
	return o.feed
}

// levels sums up a side by steps, in units of the tick: best first, as text.
func (o *oracle) levels(s int, step int64, depth int) (out [][2]string) {
	out = [][2]string{}
	sums := map[int64]int64{}
	for price, qty := range o.sides[s] {
		if s == 0 {
			sums[price-price%step] += qty
		} else {
			sums[(price+step-1)/step*step] += qty
		}
	}
	var prices []int64
	for p := range sums {
		prices = append(prices, p)
	}
	sort.Slice(prices, func(i, j int) bool { return (prices[i] < prices[j]) == (s == 1) })
	for _, p := range prices[:min(depth, len(prices))] {
		out = append(out, [2]string{fmt.Sprintf("%d.%02d", p/100, p%100), fmt.Sprintf("%d.%03d", sums[p]/1000, sums[p]%1000)})
	}
	return out
}

// state is everything that clients should have, by key.
func (o *oracle) state(l *scribe) map[string]string {
	all := map[string]string{}
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return string(b)
	}
	best := func(s int) [2]any {
		if ls := o.levels(s, 1, 1); len(ls) > 0 {
			return [2]any{ls[0][0], ls[0][1]}
		}
		return [2]any{nil, nil}
	}
	all[l.contract] = text([]any{o.quality(), best(0), best(1)})
	for _, u := range l.books {
		step := u.Size
		for range 2 - u.Scale {
			step *= 10
		}
		all[l.contract+"/"+u.String()] = text([]any{o.quality(), o.levels(0, step, l.depth), o.levels(1, step, l.depth)})
	}
	return all
}

// shown reads an output into the form of state.
func shown(t *testing.T, o *core.Output) string {
	t.Helper()
	var v struct {
		Q    string
		Res  *string
		B, A json.RawMessage // encoding/json does not tell b from B
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(o.Value, &all); err != nil {
		t.Fatalf("%s: %v", o.Value, err)
	}
	if err := json.Unmarshal(all["q"], &v.Q); err != nil {
		t.Fatal(err)
	}
	if o.Topic == Tops {
		return fmt.Sprintf(`["%s",[%s,%s],[%s,%s]]`, v.Q, all["b"], all["B"], all["a"], all["A"])
	}
	return fmt.Sprintf(`["%s",%s,%s]`, v.Q, all["b"], all["a"])
}

// chaos writes a random book's log: bursts, silence, gaps, holes, snapshots, quality.
func chaos(r *rand.Rand, l *scribe, n int) {
	l.depth = 1 + r.IntN(8)
	l.books = []market.Unit{{Scale: 2, Size: 1}, {Scale: 1, Size: 1}, {Scale: 2, Size: 25}, {Size: 3}}
	l.open(at0)
	l.spec(at0, false)
	mid, now := int64(10_000), at0
	live := newOracle()
	pick := func(s int) (price, qty int64) {
		price = mid - 1 - r.Int64N(1+r.Int64N(600))
		if s == 1 {
			price = mid + r.Int64N(1+r.Int64N(600))
		}
		if r.IntN(3) > 0 {
			qty = 1 + r.Int64N(5000)
		}
		return max(price, 1), qty
	}
	for range n {
		now += r.Int64N(60)
		switch k := r.IntN(300); {
		case k < 3 || !live.valid && k < 60 || l.seq == 2:
			l.update += r.Int64N(5)
			mid += r.Int64N(201) - 100
			var b, a side
			for range r.IntN(40) {
				p, _ := pick(0)
				b = append(b, p)
				p, _ = pick(1)
				a = append(a, p)
			}
			unique := func(ps side, sign int64) (out side) {
				sort.Slice(ps, func(i, j int) bool { return ps[i]*sign < ps[j]*sign })
				for i, p := range ps {
					if i == 0 || p != ps[i-1] {
						out = append(out, p, 1+r.Int64N(3000))
					}
				}
				return out
			}
			l.snapshot(now, unique(b, -1), unique(a, 1))
		case k < 5:
			l.gap(now, 1+r.Int64N(9))
		case k < 7:
			l.seq += r.Int64N(3)
			l.add(market.KindGap, now, nil)
		case k < 10:
			l.quality(now, []market.Quality{market.QualityOK, market.QualityStale, market.QualitySuspect}[r.IntN(3)])
		case k < 40:
			now += r.Int64N(200)
			l.clock(now)
		default:
			var b, a side
			for range 1 + r.IntN(6) {
				p, q := pick(0)
				b = append(b, p, q)
				p, q = pick(1)
				a = append(a, p, q)
			}
			if step := r.Int64N(41) - 20; r.IntN(10) == 0 { // the middle moves: what stands in its way goes first
				for p := range live.sides[1] {
					if p < mid+step {
						a = append(a, p, 0)
					}
				}
				for p := range live.sides[0] {
					if p >= mid+step {
						b = append(b, p, 0)
					}
				}
				for i := 0; i < len(a); i += 2 {
					if a[i] < mid+step {
						a[i+1] = 0
					}
				}
				for i := 0; i < len(b); i += 2 {
					if b[i] >= mid+step {
						b[i+1] = 0
					}
				}
				mid += step
			}
			l.diff(now, 1+r.Int64N(3), b, a)
		}
		live.take(&l.records[len(l.records)-1])
	}
	l.clock(now + 1000)
}

func TestRandomBooksAreThoseOfAMapMadeUpAgain(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 3))
			var l scribe
			l.begin("")
			chaos(r, &l, 2500)
			have := map[string]string{}
			slots := map[string]int64{}
			versions := map[string]market.Version{}
			var now int64
			urgent := false
			outs := 0
			m := New(l.contract, 0, func(o *core.Output) {
				outs++
				key := string(o.Key)
				state := shown(t, o)
				if !versions[key].Less(o.Version) {
					t.Fatalf("%s: version %v after %v", key, o.Version, versions[key])
				}
				if o.Topic == Books && !urgent && slots[key] == now/100 {
					t.Fatalf("%s: two records in 100 ms, at %d", key, now)
				}
				have[key], versions[key], slots[key] = state, o.Version, now/100
			})
			o := newOracle()
			var d market.Decoder
			var rec market.Record
			quality := ""
			before := map[string]string{}
			for i := range l.records {
				line := l.records[i].AppendJSON(nil)
				if err := d.Decode(line, &rec); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				o.take(&rec)
				now = rec.EventMs
				urgent, quality = o.quality() != quality, o.quality()
				if v, err := m.Apply(&core.Input{Record: &rec}); v == core.Invalid {
					t.Fatalf("%s: %v", line, err)
				}
				if !m.known {
					continue
				}
				want := o.state(&l)
				for key, w := range want {
					// the top and changes of quality at once; books at once if their slot is free, else by the next slot
					late := key != l.contract && !urgent && slots[key] == now/100
					if have[key] != w && !late {
						t.Fatalf("after %s\n%s is\n%s\nwant\n%s", line, key, have[key], w)
					}
				}
				if key := l.contract; before[key] == want[key] && versions[key].Seq == rec.Seq && rec.Kind == market.KindDiff {
					t.Fatalf("%s: a new version without a change", key)
				}
				before = want
			}
			if outs < 1500 {
				t.Fatalf("only %d outputs", outs)
			}
		})
	}
}
