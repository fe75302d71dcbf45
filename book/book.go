// Package book is the order book as its commands make it: sorted price levels on both sides. It is pure, and shared by what writes commands (ingest) and what
// computes products from them (compute).
package book

import "github.com/tickcast/tickcast/market"

// Book is an order book. The zero value is an empty one. It belongs to one goroutine; a method that reads returns levels in the tick's and step's scale.
type Book struct {
	bids Side
	asks Side
}

// Reset empties the book; its room is kept.
func (b *Book) Reset() {
	b.bids.levels, b.asks.levels = b.bids.levels[:0], b.asks.levels[:0]
}

// Set makes the book what a snapshot says. The levels must be as market.BookChange has them in a snapshot: best first, each price once, no quantity of 0.
func (b *Book) Set(snapshot *market.BookChange) {
	b.Reset()
	for i := len(snapshot.Bids) - 1; i >= 0; i-- {
		b.bids.levels = append(b.bids.levels, snapshot.Bids[i])
	}
	for i := len(snapshot.Asks) - 1; i >= 0; i-- {
		l := snapshot.Asks[i]
		b.asks.levels = append(b.asks.levels, market.Level{Price: -l.Price, Qty: l.Qty})
	}
}

// Apply applies a diff: quantities are absolute, 0 takes the level away, and to take away a level that is not there is normal. Where a price is twice in one
// diff the later one counts.
func (b *Book) Apply(diff *market.BookChange) {
	for _, l := range diff.Bids {
		b.bids.Put(l.Price, l.Qty)
	}
	for _, l := range diff.Asks {
		b.asks.Put(-l.Price, l.Qty)
	}
}

// NumBids counts the bid levels.
func (b *Book) NumBids() int { return len(b.bids.levels) }

// NumAsks counts the ask levels.
func (b *Book) NumAsks() int { return len(b.asks.levels) }

// Bid returns the i-th best bid; 0 is the highest. i must be below NumBids.
func (b *Book) Bid(i int) market.Level { return b.bids.levels[len(b.bids.levels)-1-i] }

// Ask returns the i-th best ask; 0 is the lowest. i must be below NumAsks.
func (b *Book) Ask(i int) market.Level {
	l := b.asks.levels[len(b.asks.levels)-1-i]
	return market.Level{Price: -l.Price, Qty: l.Qty}
}

// BestBid returns the highest bid; false if there is none.
func (b *Book) BestBid() (market.Level, bool) { return b.bids.best() }

// BestAsk returns the lowest ask; false if there is none.
func (b *Book) BestAsk() (market.Level, bool) {
	l, ok := b.asks.best()
	return market.Level{Price: -l.Price, Qty: l.Qty}, ok
}

// Crossed says whether a bid is at or above an ask, which no book that is right ever shows.
func (b *Book) Crossed() bool {
	bid, okBid := b.bids.best()
	ask, okAsk := b.asks.best()
	return okBid && okAsk && bid.Price >= -ask.Price
}

// AppendBids appends the best n bids, best first; fewer if there are fewer.
func (b *Book) AppendBids(dst []market.Level, n int) []market.Level {
	for i := range min(n, b.NumBids()) {
		dst = append(dst, b.Bid(i))
	}
	return dst
}

// AppendAsks appends the best n asks, best first; fewer if there are fewer.
func (b *Book) AppendAsks(dst []market.Level, n int) []market.Level {
	for i := range min(n, b.NumAsks()) {
		dst = append(dst, b.Ask(i))
	}
	return dst
}

// Trim keeps the best n levels of each side.
func (b *Book) Trim(n int) {
	b.bids.trim(n)
	b.asks.trim(n)
}

// BidsFrom counts the bids at this price or above.
func (b *Book) BidsFrom(price int64) int { return b.NumBids() - b.bids.find(price) }

// AsksTo counts the asks at this price or below.
func (b *Book) AsksTo(price int64) int { return b.NumAsks() - b.asks.find(-price) }
