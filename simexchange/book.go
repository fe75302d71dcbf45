package simexchange

import "sort"

// level is a price and the whole quantity at it, in units of 10^-8.
type level struct{ Price, Qty int64 }

// levelChange is the new quantity of one level; 0 takes the level out.
type levelChange struct {
	Bid        bool
	Price, Qty int64
}

// side is one side of a book, the best level last: changes come mostly near the best, and there they move little.
type side struct {
	bid    bool
	levels []level
}

// at is the index of the first level that is not worse than price.
func (s *side) at(price int64) int {
	ls := s.levels
	if s.bid {
		return sort.Search(len(ls), func(i int) bool { return ls[i].Price >= price })
	}
	return sort.Search(len(ls), func(i int) bool { return ls[i].Price <= price })
}

func (s *side) qty(price int64) int64 {
	if i := s.at(price); i < len(s.levels) && s.levels[i].Price == price {
		return s.levels[i].Qty
	}
	return 0
}

func (s *side) set(price, qty int64) {
	i := s.at(price)
	have := i < len(s.levels) && s.levels[i].Price == price
	switch {
	case have && qty == 0:
		s.levels = append(s.levels[:i], s.levels[i+1:]...)
	case have:
		s.levels[i].Qty = qty
	case qty != 0:
		s.levels = append(s.levels, level{})
		copy(s.levels[i+1:], s.levels[i:])
		s.levels[i] = level{price, qty}
	}
}

// best is the zero level where the side is empty.
func (s *side) best() level {
	if n := len(s.levels); n > 0 {
		return s.levels[n-1]
	}
	return level{}
}

// top returns the best n levels, best first.
func (s *side) top(n int) []level {
	n = min(n, len(s.levels))
	out := make([]level, n)
	for i := range out {
		out[i] = s.levels[len(s.levels)-1-i]
	}
	return out
}

// book is the order book of one symbol by price. It has no clock and no locks. It shares nothing with package book on purpose: Tickcast's books are
// tested against this one.
type book struct {
	lastID     int64 // update id of the last change
	bids, asks side
}

func newBook() *book { return &book{bids: side{bid: true}} }

func (b *book) side(bid bool) *side {
	if bid {
		return &b.bids
	}
	return &b.asks
}

// apply makes the changes that end with update id lastID.
func (b *book) apply(lastID int64, changes []levelChange) {
	for _, c := range changes {
		b.side(c.Bid).set(c.Price, c.Qty)
	}
	b.lastID = lastID
}

// top copies the best n levels of both sides, best first.
func (b *book) top(n int) bookTop {
	return bookTop{lastID: b.lastID, bids: b.bids.top(n), asks: b.asks.top(n)}
}

// bookTop is the upper part of a book at one moment.
type bookTop struct {
	lastID     int64
	bids, asks []level // best first
}

func (t bookTop) limit(n int) bookTop {
	t.bids, t.asks = t.bids[:min(n, len(t.bids))], t.asks[:min(n, len(t.asks))]
	return t
}

// best is what a bookTicker frame says. A side without orders is zero.
type best struct {
	ID       int64 // update id
	Bid, Ask level
}

func (b *book) best() best { return best{b.lastID, b.bids.best(), b.asks.best()} }
