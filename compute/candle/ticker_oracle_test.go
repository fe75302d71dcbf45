package candle

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/market"
)

// tickerOracle is another author's way to a ticker: keep every trade, filter the window, sort, fold.
type tickerOracle struct {
	seeds  []tickerPart
	deals  map[int64]deal // by aggregate id
	nowMs  int64
	lastMs int64
	prices int
	qtys   int
}

// tickerPart is a trade, or a minute of seeds.
type tickerPart struct {
	ms, first, last int64
	o, h, l, c      *big.Rat
	v, qv           *big.Rat
	n               int64
}

func (o *tickerOracle) seed(c *market.Candle) {
	price := func(x int64) *big.Rat { return rat(market.FormatDecimal(x, o.prices)) }
	sum := func(x market.Int128, scale int) *big.Rat { return rat(string(x.AppendDecimal(nil, scale))) }
	o.seeds = append(o.seeds, tickerPart{c.OpenMs, c.FirstID, c.LastID, price(c.Open), price(c.High), price(c.Low), price(c.Close), sum(c.Volume, o.qtys), sum(c.QuoteVolume, o.prices+o.qtys), c.Trades})
}

func (o *tickerOracle) take(r *market.Record, v core.Verdict) {
	if v != core.Applied {
		return
	}
	second := r.EventMs / 1000 * 1000
	d := deal{r.EventMs, market.FormatDecimal(r.Trade.Price, o.prices), market.FormatDecimal(r.Trade.Qty, o.qtys), r.Trade.FirstID, r.Trade.LastID, false}
	switch r.Kind {
	case market.KindClock:
		o.nowMs = max(o.nowMs, second)
	case market.KindTrade:
		if second >= o.nowMs {
			o.nowMs, o.lastMs = second, max(o.lastMs, r.EventMs)
		}
		o.deals[r.Trade.AggID] = d
	case market.KindCorrection:
		o.nowMs = max(o.nowMs, second)
		o.deals[r.Trade.AggID] = d
	case market.KindBust:
		delete(o.deals, r.Trade.AggID)
	}
}

// want is the ticker's fields, as text.
func (o *tickerOracle) want() map[string]string {
	from := o.nowMs/60_000*60_000 - 24*60*60_000
	var parts []tickerPart
	for _, s := range o.seeds {
		if s.ms >= from {
			parts = append(parts, s)
		}
	}
	for _, d := range o.deals {
		if d.ms >= from {
			p, q := rat(d.price), rat(d.qty)
			parts = append(parts, tickerPart{d.ms, d.first, d.last, p, p, p, p, q, new(big.Rat).Mul(p, q), d.last - d.first + 1})
		}
	}
	byTime := func(id func(*tickerPart) int64) func(i, j int) bool {
		return func(i, j int) bool {
			a, b := &parts[i], &parts[j]
			return a.ms < b.ms || a.ms == b.ms && id(a) < id(b)
		}
	}
	sort.Slice(parts, byTime(func(p *tickerPart) int64 { return p.first }))
	first := parts[0]
	sort.Slice(parts, byTime(func(p *tickerPart) int64 { return p.last }))
	last := parts[len(parts)-1]
	hi, lo, v, qv, n := first.h, first.l, new(big.Rat), new(big.Rat), int64(0)
	for _, p := range parts {
		if p.h.Cmp(hi) > 0 {
			hi = p.h
		}
		if p.l.Cmp(lo) < 0 {
			lo = p.l
		}
		v.Add(v, p.v)
		qv.Add(qv, p.qv)
		n += p.n
	}
	change := new(big.Rat).Sub(last.c, first.o)
	percent := new(big.Rat).Quo(new(big.Rat).Mul(change, big.NewRat(100, 1)), first.o)
	return map[string]string{
		"o": first.o.FloatString(o.prices), "h": hi.FloatString(o.prices), "l": lo.FloatString(o.prices), "c": last.c.FloatString(o.prices),
		"v": v.FloatString(o.qtys), "qv": qv.FloatString(o.prices + o.qtys), "p": change.FloatString(o.prices), "P": percent.FloatString(3),
		"w": new(big.Rat).Quo(qv, v).FloatString(8), "n": fmt.Sprint(n), "f": fmt.Sprint(first.first), "L": fmt.Sprint(last.last),
		"O": fmt.Sprint(from), "C": fmt.Sprint(max(o.nowMs, o.lastMs)),
	}
}

func TestRandomMarketsGiveTheTickerOfFilterSortFold(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 17))
			var l scribe
			l.begin("")
			begin := ms("2020-05-31T21:13:00")
			hours, every := int64(1), 10
			if seed == 0 && !testing.Short() {
				hours, every = 26, 200 // the first trades fall out
			}
			var blocks oracle
			l.seeds(r, begin, 7_000_000, &blocks)
			chaos(r, &l, begin, begin+hours*market.HourMs, true)
			o := &tickerOracle{deals: map[int64]deal{}, nowMs: begin, prices: l.priceScale, qtys: l.qtyScale}
			for i := range blocks.minutes {
				o.seed(&blocks.minutes[i])
			}
			var out string
			m := New(l.contract, 0, func(x *core.Output) {
				if x.Topic == Tickers {
					out = string(x.Value)
				}
			})
			var d market.Decoder
			var rec market.Record
			checked := 0
			for i := range l.records {
				line := l.records[i].AppendJSON(nil)
				if err := d.Decode(line, &rec); err != nil {
					t.Fatal(err)
				}
				out = ""
				v, err := m.Apply(&core.Input{Record: &rec, Value: line})
				if err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				o.take(&rec, v)
				if out == "" || r.IntN(every) > 0 {
					continue
				}
				checked++
				var got map[string]any
				dec := json.NewDecoder(strings.NewReader(out))
				dec.UseNumber()
				if err := dec.Decode(&got); err != nil {
					t.Fatal(err)
				}
				for key, want := range o.want() {
					if fmt.Sprint(got[key]) != want {
						t.Fatalf("after %s\n%s is %v, want %s in\n%s", line, key, got[key], want, out)
					}
				}
			}
			if checked < 30 {
				t.Fatalf("only %d tickers were compared", checked)
			}
		})
	}
}
