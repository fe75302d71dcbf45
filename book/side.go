package book

import "github.com/tickcast/tickcast/market"

// side holds levels in ascending order with the best one last: changes crowd near the best, and there an insertion moves little. Asks are kept with negative
// prices, so that both sides are alike.
type side struct{ levels []market.Level }

func (s *side) best() (market.Level, bool) {
	if len(s.levels) == 0 {
		return market.Level{}, false
	}
	return s.levels[len(s.levels)-1], true
}

// find returns where the price is or belongs.
func (s *side) find(price int64) int {
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

// put sets the quantity at a price; 0 takes it away.
func (s *side) put(price, qty int64) {
	i := s.find(price)
	there := i < len(s.levels) && s.levels[i].Price == price
	switch {
	case there && qty != 0:
		s.levels[i].Qty = qty
	case there:
		s.levels = append(s.levels[:i], s.levels[i+1:]...)
	case qty != 0:
		s.levels = append(s.levels, market.Level{})
		copy(s.levels[i+1:], s.levels[i:])
		s.levels[i] = market.Level{Price: price, Qty: qty}
	}
}

// trim keeps the best n.
func (s *side) trim(n int) {
	if over := len(s.levels) - n; over > 0 {
		s.levels = append(s.levels[:0], s.levels[over:]...)
	}
}
