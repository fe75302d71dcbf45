package core

import (
	"slices"
	"sort"

	"github.com/tickcast/tickcast/market"
)

// Bounds of what a market remembers of its past.
const (
	keepMinutes  = 2 * 1440             // time over which minutes with trades are kept
	keepDays     = 62                   // closed days: what a block of seeds has
	keepTradesMs = 15 * market.MinuteMs // trades that may still be taken back: more than a reader keeps
	maxTrades    = 65_536
)

// past is what seeds, busts and corrections are made of.
type past struct {
	minutes []market.Candle // with trades, oldest first; the last one may be open
	days    []market.Candle // closed ones with trades, oldest first
	trades  []kept          // oldest first
	lostMs  int64           // time of the newest trade that is not kept any more
}

// kept is a trade as it is now.
type kept struct {
	Trade  market.Trade
	Ms     int64
	Busted bool
}

func (p *past) add(t market.Trade, ms int64) {
	open := market.Period1m.OpenMs(ms)
	if n := len(p.minutes); n == 0 || p.minutes[n-1].OpenMs < open {
		p.minutes = append(p.minutes, market.Candle{Period: market.Period1m, OpenMs: open})
		if drop := sort.Search(n, func(i int) bool { return p.minutes[i].OpenMs > open-keepMinutes*market.MinuteMs }); drop > 0 {
			p.minutes = slices.Delete(p.minutes, 0, drop)
		}
	}
	fold(&p.minutes[len(p.minutes)-1], &t)
	if n := len(p.trades); n > 0 && (n == maxTrades || p.trades[0].Ms < ms-2*keepTradesMs) { // seldom, and then many at once
		p.forget(max(n/4, p.firstFrom(ms-keepTradesMs)))
	}
	p.trades = append(p.trades, kept{Trade: t, Ms: ms})
}

// forget drops the oldest n trades.
func (p *past) forget(n int) {
	if n > 0 {
		p.lostMs = p.trades[n-1].Ms
		p.trades = slices.Delete(p.trades, 0, n)
	}
}

// firstFrom is the index of the first trade at or after ms.
func (p *past) firstFrom(ms int64) int {
	return sort.Search(len(p.trades), func(i int) bool { return p.trades[i].Ms >= ms })
}

// fold adds a trade to a candle.
func fold(c *market.Candle, t *market.Trade) {
	quote := market.Mul(t.Price, t.Qty)
	one := market.Candle{Open: t.Price, High: t.Price, Low: t.Price, Close: t.Price, Volume: market.Int128From(t.Qty), QuoteVolume: quote,
		Trades: t.LastID - t.FirstID + 1, FirstID: t.FirstID, LastID: t.LastID}
	if !t.BuyerMaker {
		one.BuyVolume, one.BuyQuoteVolume = one.Volume, quote
	}
	merge(c, &one)
}

// merge joins a candle that follows c.
func merge(c, o *market.Candle) {
	if c.Trades == 0 {
		c.Open, c.High, c.Low, c.FirstID = o.Open, o.High, o.Low, o.FirstID
	}
	c.High, c.Low, c.Close, c.LastID = max(c.High, o.High), min(c.Low, o.Low), o.Close, o.LastID
	c.Volume, c.QuoteVolume = c.Volume.Add(o.Volume), c.QuoteVolume.Add(o.QuoteVolume)
	c.BuyVolume, c.BuyQuoteVolume = c.BuyVolume.Add(o.BuyVolume), c.BuyQuoteVolume.Add(o.BuyQuoteVolume)
	c.Trades += o.Trades
}

// closeDays makes up the days before the one that opens at openMs.
func (p *past) closeDays(openMs int64) {
	var next int64
	if n := len(p.days); n > 0 {
		next = market.Period1d.NextMs(p.days[n-1].OpenMs)
	}
	for _, m := range p.minutes {
		if m.OpenMs >= next && m.OpenMs < openMs {
			if day := market.Period1d.OpenMs(m.OpenMs); len(p.days) == 0 || p.days[len(p.days)-1].OpenMs < day {
				p.days = append(p.days, market.Candle{Period: market.Period1d, OpenMs: day})
			}
			merge(&p.days[len(p.days)-1], &m)
		}
	}
	if n := len(p.days) - keepDays; n > 0 {
		p.days = slices.Delete(p.days, 0, n)
	}
}

// closedMinutes are those of the last 24 hours before openMs, a whole minute.
func (p *past) closedMinutes(openMs int64) []market.Candle {
	from := sort.Search(len(p.minutes), func(i int) bool { return p.minutes[i].OpenMs >= openMs-market.DayMs })
	to := sort.Search(len(p.minutes), func(i int) bool { return p.minutes[i].OpenMs >= openMs })
	return p.minutes[from:to]
}

// find returns a trade, or why it cannot be changed.
func (p *past) find(aggID int64) (t kept, why string) {
	i, ok := slices.BinarySearchFunc(p.trades, aggID, func(k kept, id int64) int { return int(k.Trade.AggID - id) })
	switch {
	case !ok && len(p.trades) > 0 && aggID > p.trades[len(p.trades)-1].Trade.AggID:
		return t, "there is no such trade yet"
	case !ok, market.Period1m.OpenMs(p.trades[i].Ms) <= p.lostMs: // its minute could not be made up again
		return t, "the trade is older than what is kept"
	case p.trades[i].Busted:
		return t, "the trade was taken back already"
	}
	return p.trades[i], ""
}

// amend puts the changed trade, which find has found, in its place and makes its minute and its day up again. It returns false if nothing changes.
func (p *past) amend(t kept) bool {
	i, _ := slices.BinarySearchFunc(p.trades, t.Trade.AggID, func(k kept, id int64) int { return int(k.Trade.AggID - id) })
	if p.trades[i] == t {
		return false
	}
	p.trades[i] = t
	ms := t.Ms
	minute := market.Candle{Period: market.Period1m, OpenMs: market.Period1m.OpenMs(ms)}
	for _, k := range p.trades[p.firstFrom(minute.OpenMs):] {
		if market.Period1m.OpenMs(k.Ms) != minute.OpenMs {
			break
		}
		if !k.Busted {
			fold(&minute, &k.Trade)
		}
	}
	at := sort.Search(len(p.minutes), func(i int) bool { return p.minutes[i].OpenMs >= minute.OpenMs })
	if minute.Trades == 0 {
		p.minutes = slices.Delete(p.minutes, at, at+1)
	} else {
		p.minutes[at] = minute
	}
	if n := len(p.days); n > 0 && p.days[n-1].OpenMs == market.Period1d.OpenMs(ms) { // closed a moment ago
		day := p.days[n-1].OpenMs
		p.days = p.days[:n-1]
		p.closeDays(market.Period1d.NextMs(day))
	}
	return true
}
