package simexchange

import (
	"sort"

	"github.com/tickcast/tickcast/binanceapi"
	"github.com/tickcast/tickcast/market"
)

// decimals is the scale of every price and quantity inside the simulator: the eight decimals that Binance answers with. Quote amounts have twice as many.
const decimals = 8

// trade is one aggregate trade: the fills of one taker order at one price and time.
type trade struct {
	ID              int64 // aggregate id, without holes
	FirstID, LastID int64 // the single trades it covers
	TimeUs          int64
	Price, Qty      int64 // in units of 10^-8
	BuyerMaker      bool
	Fills           []int64 // quantities of the single trades; nil where there is one
}

// fillQty is the quantity of the i-th single trade.
func (t *trade) fillQty(i int) int64 {
	if t.Fills == nil {
		return t.Qty
	}
	return t.Fills[i]
}

// bar is one kline. Its fields are exported for the snapshot's encoding only.
type bar struct {
	OpenMs                 int64
	Open, High, Low, Close int64
	Volume, Quote          market.Int128
	BuyVolume, BuyQuote    market.Int128 // of takers that bought
	Trades                 int64
	FirstID, LastID        int64 // -1 without trades
}

func emptyBar(openMs, price int64) bar {
	return bar{OpenMs: openMs, Open: price, High: price, Low: price, Close: price, FirstID: -1, LastID: -1}
}

func (b *bar) add(t *trade) {
	quote := market.Mul(t.Price, t.Qty)
	one := bar{Open: t.Price, High: t.Price, Low: t.Price, Close: t.Price, Volume: market.Int128From(t.Qty), Quote: quote,
		Trades: t.LastID - t.FirstID + 1, FirstID: t.FirstID, LastID: t.LastID}
	if !t.BuyerMaker {
		one.BuyVolume, one.BuyQuote = one.Volume, quote
	}
	b.merge(&one)
}

// merge joins the bar that follows b in time; a bar without trades brings nothing but keeps the price.
func (b *bar) merge(o *bar) {
	if o.Trades == 0 {
		return
	}
	if b.Trades == 0 {
		openMs := b.OpenMs
		*b = *o
		b.OpenMs = openMs
		return
	}
	b.High, b.Low, b.Close = max(b.High, o.High), min(b.Low, o.Low), o.Close
	b.Volume, b.Quote = b.Volume.Add(o.Volume), b.Quote.Add(o.Quote)
	b.BuyVolume, b.BuyQuote = b.BuyVolume.Add(o.BuyVolume), b.BuyQuote.Add(o.BuyQuote)
	b.Trades += o.Trades
	b.LastID = o.LastID
}

// series is a run of bars of one period without holes; the last one may still be open.
type series struct {
	period market.Period
	keep   int
	bars   []bar
	cut    bool // bars were dropped at its beginning: the first block of a roll-up may be incomplete
}

// advance opens bars, empty ones at the last close, up to the one that holds timeMs.
func (s *series) advance(timeMs int64) {
	open := s.period.OpenMs(timeMs)
	n := len(s.bars)
	if n == 0 || s.bars[n-1].OpenMs >= open {
		return
	}
	price := s.bars[n-1].Close
	next := s.period.NextMs(s.bars[n-1].OpenMs)
	if span := int64(s.keep) * (s.period.NextMs(open) - open); s.period <= market.Period1d && open-next > span { // long halt: older empty bars would be dropped at once
		next, s.bars, s.cut = s.period.OpenMs(open-span), s.bars[:0], true
	}
	for ; next <= open; next = s.period.NextMs(next) {
		s.bars = append(s.bars, emptyBar(next, price))
	}
	if len(s.bars) > s.keep+s.keep/4+16 {
		s.bars = append(make([]bar, 0, s.keep+s.keep/2), s.bars[len(s.bars)-s.keep:]...)
		s.cut = true
	}
}

// find returns the bar that opens at openMs, nil if it is not kept.
func (s *series) find(openMs int64) *bar {
	i := s.from(openMs)
	if i == len(s.bars) || s.bars[i].OpenMs != openMs {
		return nil
	}
	return &s.bars[i]
}

// from is the index of the first bar that opens at or after openMs.
func (s *series) from(openMs int64) int {
	n := len(s.bars)
	if n > 0 && openMs >= s.bars[n-1].OpenMs { // by far the most frequent
		if openMs == s.bars[n-1].OpenMs {
			return n - 1
		}
		return n
	}
	return sort.Search(n, func(i int) bool { return s.bars[i].OpenMs >= openMs })
}

// mergeBar adds a finished shorter bar, or one of the same period.
func (s *series) mergeBar(b *bar) {
	open := s.period.OpenMs(b.OpenMs)
	if len(s.bars) == 0 {
		s.bars = append(s.bars, emptyBar(open, b.Open))
	}
	s.advance(open)
	if cur := s.find(open); cur != nil {
		cur.merge(b)
	}
}

// barTable holds the base periods, of which all others are roll-ups.
type barTable struct {
	seconds, minutes, hours, days series
}

func newBarTable() *barTable {
	return &barTable{
		seconds: series{period: market.Period1s, keep: 2 * 3600, cut: true},
		minutes: series{period: market.Period1m, keep: 2*1440 + 60, cut: true},
		hours:   series{period: market.Period1h, keep: 2400},
		days:    series{period: market.Period1d, keep: 1500},
	}
}

func (bt *barTable) all() [4]*series {
	return [4]*series{&bt.seconds, &bt.minutes, &bt.hours, &bt.days}
}

func (bt *barTable) base(p market.Period) *series {
	switch {
	case p == market.Period1s:
		return &bt.seconds
	case p < market.Period1h:
		return &bt.minutes
	case p < market.Period1d:
		return &bt.hours
	}
	return &bt.days
}

func (bt *barTable) add(t *trade) {
	ms := t.TimeUs / 1000
	for _, s := range bt.all() {
		open := s.period.OpenMs(ms)
		if len(s.bars) == 0 {
			s.bars = append(s.bars, emptyBar(open, t.Price))
		}
		s.advance(ms)
		if b := s.find(open); b != nil {
			b.add(t)
		}
	}
}

func (bt *barTable) advance(timeMs int64) {
	if m := bt.minutes.bars; len(bt.seconds.bars) == 0 && len(m) > 0 { // the past is made up of minutes
		bt.seconds.bars = append(bt.seconds.bars, emptyBar(market.Period1s.OpenMs(timeMs), m[len(m)-1].Close))
	}
	for _, s := range bt.all() {
		s.advance(timeMs)
	}
}

// addMinute adds a finished minute from before the first trade.
func (bt *barTable) addMinute(b *bar) {
	bt.minutes.mergeBar(b)
	bt.hours.mergeBar(b)
	bt.days.mergeBar(b)
}

// one returns the kline of period p that opens at openMs as far as it is known.
func (bt *barTable) one(p market.Period, openMs int64) (bar, bool) {
	s := bt.base(p)
	if s.period == p {
		if b := s.find(openMs); b != nil {
			return *b, true
		}
		return bar{}, false
	}
	end := p.NextMs(openMs)
	i := s.from(openMs)
	if i == len(s.bars) || s.bars[i].OpenMs >= end || i == 0 && s.cut && s.bars[i].OpenMs != openMs {
		return bar{}, false
	}
	b := s.bars[i]
	b.OpenMs = openMs
	for i++; i < len(s.bars) && s.bars[i].OpenMs < end; i++ {
		b.merge(&s.bars[i])
	}
	return b, true
}

// noTime stands for a limit that was not given.
const noTime int64 = binanceapi.Absent

// klines answers like GET /api/v3/klines: open times in [startMs, endMs], oldest first; without startMs the newest ones.
func (bt *barTable) klines(p market.Period, startMs, endMs int64, limit int) []bar {
	s := bt.base(p)
	if len(s.bars) == 0 {
		return nil
	}
	last := p.OpenMs(s.bars[len(s.bars)-1].OpenMs)
	first := p.OpenMs(s.bars[0].OpenMs)
	if endMs != noTime {
		if endMs < 0 {
			return nil
		}
		last = min(last, p.OpenMs(endMs))
	}
	if startMs != noTime {
		if o := p.OpenMs(startMs); o < startMs {
			first = max(first, p.NextMs(o))
		} else {
			first = max(first, o)
		}
	}
	var out []bar
	if startMs != noTime {
		for o := first; o <= last && len(out) < limit; o = p.NextMs(o) {
			if b, ok := bt.one(p, o); ok {
				out = append(out, b)
			}
		}
		return out
	}
	for o := last; o >= first && len(out) < limit; o = p.OpenMs(o - 1) {
		if b, ok := bt.one(p, o); ok {
			out = append(out, b)
		}
		if o == 0 {
			break
		}
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}
