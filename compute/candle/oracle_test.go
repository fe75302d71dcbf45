package candle

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/tickcast/tickcast/market"
)

// This file is another author's way to the same candles: collect, sort, group, fold; with the calendar of package time and big rational numbers.

// deal is a trade as text.
type deal struct {
	ms          int64
	price, qty  string
	first, last int64
	maker       bool
}

// fold is a candle as text.
type fold struct {
	O, H, L, C, V, QV, BV, BQV string
	N, First, Last             int64
	Fill                       bool
}

func rat(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic("not a number: " + s)
	}
	return r
}

// spanOf returns begin and end of the candle of a named period that holds t.
func spanOf(period string, t time.Time) (from, to time.Time) {
	midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	switch period {
	case "1M":
		from = time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
		return from, from.AddDate(0, 1, 0)
	case "1w":
		for midnight.Weekday() != time.Monday {
			midnight = midnight.AddDate(0, 0, -1)
		}
		return midnight, midnight.AddDate(0, 0, 7)
	case "3d":
		for (midnight.Unix()/86400)%3 != 0 {
			midnight = midnight.AddDate(0, 0, -1)
		}
		return midnight, midnight.AddDate(0, 0, 3)
	case "1d":
		return midnight, midnight.AddDate(0, 0, 1)
	}
	d, err := time.ParseDuration(period)
	if err != nil {
		panic(err)
	}
	from = midnight.Add(t.Sub(midnight) / d * d)
	return from, from.Add(d)
}

// oracle knows everything that was traded.
type oracle struct {
	deals   []deal
	days    []market.Candle
	minutes []market.Candle
	price   int // scale
	qty     int
}

// candle folds what lies in [from, to).
func (o *oracle) candle(from, to time.Time) fold {
	var v, qv, bv, bqv big.Rat
	var f fold
	lo, hi := new(big.Rat), new(big.Rat)
	var closeBefore string
	some := false
	extreme := func(l, h *big.Rat) {
		if !some || l.Cmp(lo) < 0 {
			lo.Set(l)
		}
		if !some || h.Cmp(hi) > 0 {
			hi.Set(h)
		}
		some = true
	}
	seed := func(c *market.Candle) {
		p := func(x int64) string { return market.FormatDecimal(x, o.price) }
		if at := time.UnixMilli(c.OpenMs); at.Before(from) {
			closeBefore = p(c.Close)
			return
		} else if !at.Before(to) {
			return
		}
		if !some {
			f.O, f.First = p(c.Open), c.FirstID
		}
		f.C, f.Last = p(c.Close), c.LastID
		extreme(rat(p(c.Low)), rat(p(c.High)))
		scaled := func(sum *big.Rat, x market.Int128, scale int) {
			ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
			sum.Add(sum, new(big.Rat).SetFrac(x.Big(), ten))
		}
		scaled(&v, c.Volume, o.qty)
		scaled(&bv, c.BuyVolume, o.qty)
		scaled(&qv, c.QuoteVolume, o.price+o.qty)
		scaled(&bqv, c.BuyQuoteVolume, o.price+o.qty)
		f.N += c.Trades
	}
	// a day or longer: from days as far as there are any, then from minutes
	var firstMinute time.Time
	if to.Sub(from) >= 24*time.Hour {
		for i := range o.days {
			seed(&o.days[i])
			firstMinute = time.UnixMilli(o.days[i].OpenMs).AddDate(0, 0, 1)
		}
	}
	first := sort.Search(len(o.minutes), func(i int) bool { return o.minutes[i].OpenMs >= from.UnixMilli() })
	for i := max(first-1, 0); i < len(o.minutes); i++ {
		if !time.UnixMilli(o.minutes[i].OpenMs).Before(firstMinute) {
			seed(&o.minutes[i])
		}
	}
	first = sort.Search(len(o.deals), func(i int) bool { return o.deals[i].ms >= from.UnixMilli() })
	for i := max(first-1, 0); i < len(o.deals); i++ {
		d := &o.deals[i]
		if at := time.UnixMilli(d.ms); at.Before(from) {
			closeBefore = d.price
			continue
		} else if !at.Before(to) {
			break
		}
		if !some {
			f.O, f.First = d.price, d.first
		}
		f.C, f.Last = d.price, d.last
		p, q := rat(d.price), rat(d.qty)
		extreme(p, p)
		quote := new(big.Rat).Mul(p, q)
		v.Add(&v, q)
		qv.Add(&qv, quote)
		if !d.maker {
			bv.Add(&bv, q)
			bqv.Add(&bqv, quote)
		}
		f.N += d.last - d.first + 1
	}
	if !some {
		f.O, f.C, f.First, f.Last, f.Fill = closeBefore, closeBefore, -1, -1, true
		lo, hi = rat(closeBefore), rat(closeBefore)
	}
	f.H, f.L = hi.FloatString(o.price), lo.FloatString(o.price)
	f.V, f.BV, f.QV, f.BQV = v.FloatString(o.qty), bv.FloatString(o.qty), qv.FloatString(o.price+o.qty), bqv.FloatString(o.price+o.qty)
	return f
}

func (o *oracle) sort() {
	sort.SliceStable(o.deals, func(i, j int) bool {
		a, b := o.deals[i], o.deals[j]
		return a.ms < b.ms || a.ms == b.ms && a.first < b.first
	})
}

// message is what a client reads.
type message struct {
	I                          string
	T                          int64 `json:"-"`
	O, H, L, C, V, QV, BV, BQV string
	N, F                       int64
	Last                       int64 `json:"-"`
	Fill, X                    bool
	Q                          string
}

func parse(t *testing.T, value string) message {
	t.Helper()
	var all map[string]json.RawMessage // encoding/json does not tell l from L
	if err := json.Unmarshal([]byte(value), &all); err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	get := func(key string, v any) {
		if err := json.Unmarshal(all[key], v); err != nil {
			t.Fatalf("%s: %s: %v", value, key, err)
		}
	}
	var m message
	for key, v := range map[string]any{"i": &m.I, "t": &m.T, "o": &m.O, "h": &m.H, "l": &m.L, "c": &m.C, "v": &m.V, "qv": &m.QV, "bv": &m.BV, "bqv": &m.BQV,
		"n": &m.N, "f": &m.F, "L": &m.Last, "fill": &m.Fill, "x": &m.X, "q": &m.Q} {
		get(key, v)
	}
	return m
}

func (m *message) fold() fold {
	return fold{m.O, m.H, m.L, m.C, m.V, m.QV, m.BV, m.BQV, m.N, m.F, m.Last, m.Fill}
}

// newest keeps the newest version of each key of a topic.
func newest(outs []output, topic string) map[string]output {
	best := map[string]output{}
	for _, o := range outs {
		if had, ok := best[o.Key]; o.Topic == topic && (!ok || had.Version.Less(o.Version)) {
			best[o.Key] = o
		}
	}
	return best
}

// check compares all that machines wrote about [begin, end) with the oracle.
func (o *oracle) check(t *testing.T, outs []output, contract string, begin, end int64) {
	t.Helper()
	o.sort()
	ledger, live, closed := newest(outs, Ledger), newest(outs, Live), newest(outs, Closed)
	for _, p := range market.Periods() {
		name := p.String()
		from, to := spanOf(name, time.UnixMilli(begin).UTC())
		var last string
		count := 0
		for ; to.UnixMilli() <= end; from, to = spanOf(name, to) {
			want := o.candle(from, to)
			got, ok := ledger[fmt.Sprintf("%s/%s/%d", contract, name, from.UnixMilli())]
			if !ok {
				t.Fatalf("%s of %s is not in the ledger", name, from)
			}
			m := parse(t, got.Value)
			if m.fold() != want || !m.X || m.T != from.UnixMilli() {
				t.Fatalf("%s of %s\n got %+v\nwant %+v", name, from, m.fold(), want)
			}
			last = got.Value
			count++
		}
		if count > 0 && closed[contract+"/"+name].Value != last {
			t.Errorf("%s: clients have\n%s\nthe newest is\n%s", name, closed[contract+"/"+name].Value, last)
		}
		m := parse(t, live[contract+"/"+name].Value)
		if want := o.candle(from, to); m.fold() != want || m.X || m.T != from.UnixMilli() {
			t.Fatalf("open %s of %s\n got %+v\nwant %+v", name, from, m.fold(), want)
		}
	}
	var keys []string
	for k, v := range ledger {
		if v.Version.T < begin && parse(t, v.Value).Q != "filled" && parse(t, v.Value).I == "1s" {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	if len(keys) > 0 {
		t.Errorf("seconds before the log's beginning are closed: %v", keys)
	}
}
