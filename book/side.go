package book

import "github.com/tickcast/tickcast/market"

// Side holds levels in ascending order with the best one last: changes crowd near the best, and there an insertion moves little. Asks are kept with negative
// prices, so that both sides are alike.
type Side struct{ levels []market.Level }

// Len counts the levels.
func (s *Side) Len() int { return len(s.levels) }

// At returns the i-th best; i must be below Len.
func (s *Side) At(i int) market.Level { return s.levels[len(s.levels)-1-i] }

// Reset empties the side; its room is kept.
func (s *Side) Reset() { s.levels = s.levels[:0] }

// Append adds a level that is better than all.
func (s *Side) Append(l market.Level) { s.levels = append(s.levels, l) }

// Put sets the quantity at a price and returns the one before; 0 takes the level away.
func (s *Side) Put(price, qty int64) (before int64) {
	i := s.find(price)
	if i < len(s.levels) && s.levels[i].Price == price {
		before = s.levels[i].Qty
	}
	s.set(i, price, before, qty)
	return before
}

// Add changes the quantity at a price by so much and returns what it is then; a level of 0 is taken away.
func (s *Side) Add(price, delta int64) (after int64) {
	i := s.find(price)
	var before int64
	if i < len(s.levels) && s.levels[i].Price == price {
		before = s.levels[i].Qty
	}
	s.set(i, price, before, before+delta)
	return before + delta
}

func (s *Side) best() (market.Level, bool) {
	if len(s.levels) == 0 {
		return market.Level{}, false
	}
	return s.levels[len(s.levels)-1], true
}

// find returns where the price is or belongs.
func (s *Side) find(price int64) int {
	lo, hi := 0, len(s.levels)
	for near := 16; near < hi && s.levels[hi-near].Price > price; near *= 4 { // look near the best first
		hi -= near
	}
	if near := 64; hi > near && s.levels[hi-near].Price <= price {
		lo = hi - near
	}
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if s.levels[mid].Price < price {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// set makes the level at index i, where price is or belongs, what it shall be; before is its quantity, 0 if it is not there.
func (s *Side) set(i int, price, before, qty int64) {
	switch {
	case before != 0 && qty != 0:
		s.levels[i].Qty = qty
	case before != 0:
		s.levels = append(s.levels[:i], s.levels[i+1:]...)
	case qty != 0:
		s.levels = append(s.levels, market.Level{})
		copy(s.levels[i+1:], s.levels[i:])
		s.levels[i] = market.Level{Price: price, Qty: qty}
	}
}

// trim keeps the best n.
func (s *Side) trim(n int) {
	if over := len(s.levels) - n; over > 0 {
		s.levels = append(s.levels[:0], s.levels[over:]...)
	}
}
