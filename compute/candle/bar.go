package candle

import "github.com/tickcast/tickcast/market"

// bar is a candle with what its versions need.
type bar struct {
	market.Candle
	Seq     int64 // of the log record that last changed it, apart from trades into an open candle (see Machine.open)
	EventMs int64 // of that record
	Quality market.Quality
	Flags   uint8
}

const (
	flagGap     uint8 = 1 << iota // trades in it are known to be missing
	flagPartial                   // the log does not hold all of it: never published as closed
	flagRevised                   // changed by the record at hand
)

// tick is one trade as it is kept: 10 minutes of them can be many.
type tick struct {
	EventMs         int64
	Price, Qty      int64 // Qty 0: taken back
	AggID           int64
	FirstID, LastID int64
	BuyerMaker      bool
}

// empty makes b the candle of a period without trades.
func (b *bar) empty(p market.Period, openMs, price int64) {
	*b = bar{Candle: market.Candle{Period: p, OpenMs: openMs, FirstID: -1, LastID: -1, Fill: true}}
	b.setPrice(price)
}

func (b *bar) setPrice(price int64) { b.Open, b.High, b.Low, b.Close = price, price, price, price }

// add counts one trade. The first and the last trade are those by (time, id), whatever the order of arrival.
func (b *bar) add(t *tick) {
	quote := market.Mul(t.Price, t.Qty)
	if b.Fill {
		b.Fill = false
		b.setPrice(t.Price)
		b.FirstMs, b.LastMs, b.FirstID, b.LastID = t.EventMs, t.EventMs, t.FirstID, t.LastID
	} else {
		if t.EventMs < b.FirstMs || t.EventMs == b.FirstMs && t.FirstID < b.FirstID {
			b.Open, b.FirstMs, b.FirstID = t.Price, t.EventMs, t.FirstID
		}
		if t.EventMs > b.LastMs || t.EventMs == b.LastMs && t.LastID > b.LastID {
			b.Close, b.LastMs, b.LastID = t.Price, t.EventMs, t.LastID
		}
		b.High, b.Low = max(b.High, t.Price), min(b.Low, t.Price)
	}
	b.Volume = b.Volume.AddInt(t.Qty)
	b.QuoteVolume = b.QuoteVolume.Add(quote)
	b.Trades += t.LastID - t.FirstID + 1
	if !t.BuyerMaker {
		b.BuyVolume = b.BuyVolume.AddInt(t.Qty)
		b.BuyQuoteVolume = b.BuyQuoteVolume.Add(quote)
	}
}

// merge appends a shorter candle that follows all that b holds.
func (b *bar) merge(s *bar) {
	b.Flags |= s.Flags & (flagGap | flagPartial)
	if s.Fill {
		return
	}
	if b.Fill {
		b.Fill = false
		b.Open, b.High, b.Low = s.Open, s.High, s.Low
		b.FirstMs, b.FirstID = s.FirstMs, s.FirstID
	} else {
		b.High, b.Low = max(b.High, s.High), min(b.Low, s.Low)
	}
	b.Close, b.LastMs, b.LastID = s.Close, s.LastMs, s.LastID
	b.Volume = b.Volume.Add(s.Volume)
	b.QuoteVolume = b.QuoteVolume.Add(s.QuoteVolume)
	b.BuyVolume = b.BuyVolume.Add(s.BuyVolume)
	b.BuyQuoteVolume = b.BuyQuoteVolume.Add(s.BuyQuoteVolume)
	b.Trades += s.Trades
}

// bars is a ring of closed candles of one period, oldest first.
type bars struct {
	buf  []bar
	head int
	n    int
}

// at returns the i-th oldest.
func (r *bars) at(i int) *bar {
	if i += r.head; i >= len(r.buf) {
		i -= len(r.buf)
	}
	return &r.buf[i]
}

// newestWhole returns the newest that is not partial, or nil: clients are shown no other.
func (r *bars) newestWhole() *bar {
	for i := r.n - 1; i >= 0; i-- {
		if b := r.at(i); b.Flags&flagPartial == 0 {
			return b
		}
	}
	return nil
}

// push appends a copy; a full ring loses its oldest.
func (r *bars) push(b *bar) *bar {
	if r.n == len(r.buf) {
		r.dropOldest()
	}
	r.n++
	last := r.at(r.n - 1)
	*last = *b
	return last
}

func (r *bars) dropOldest() {
	if r.head++; r.head == len(r.buf) {
		r.head = 0
	}
	r.n--
}

// find returns the index of the candle that opens at openMs, or -1. It looks from the newest: what is asked for is young.
func (r *bars) find(openMs int64) int {
	for i := r.n - 1; i >= 0; i-- {
		switch t := r.at(i).OpenMs; {
		case t == openMs:
			return i
		case t < openMs:
			return -1
		}
	}
	return -1
}

// from returns the index of the first candle that opens at openMs or later.
func (r *bars) from(openMs int64) int {
	lo, hi := 0, r.n
	for lo < hi {
		if mid := (lo + hi) / 2; r.at(mid).OpenMs < openMs {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}
