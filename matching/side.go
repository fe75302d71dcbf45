package matching

import "slices"

// level is a price level: a queue of orders, first come first.
type level struct {
	price      int64
	qty        int64
	head, tail int32 // orders; 0: none
	orders     int32
	side       Side
}

// entry places a level in its side's order. key is the price for bids and its negative for asks, so that both sides are alike.
type entry struct {
	key   int64
	level int32
}

// ladder holds one side's levels in ascending order of key, the best last: orders crowd near the best, and there an insertion moves little.
type ladder struct {
	side    Side
	entries []entry
	orders  int
}

func (l *ladder) key(price int64) int64 {
	if l.side == Sell {
		return -price
	}
	return price
}

// find returns where the key is or belongs.
func (l *ladder) find(key int64) (int, bool) {
	es := l.entries
	lo, hi := 0, len(es)
	for step := 8; step < hi; step *= 4 { // most are near the best
		if es[hi-step].key <= key {
			lo = hi - step
			break
		}
		hi -= step
	}
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if es[mid].key < key {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < len(es) && es[lo].key == key
}

// best returns the best level's number, 0 if the side is empty.
func (l *ladder) best() int32 {
	if n := len(l.entries); n > 0 {
		return l.entries[n-1].level
	}
	return 0
}

func (l *ladder) remove(price int64) {
	n := len(l.entries)
	if l.entries[n-1].key == l.key(price) {
		l.entries = l.entries[:n-1]
		return
	}
	i, _ := l.find(l.key(price))
	l.entries = append(l.entries[:i], l.entries[i+1:]...)
}

func (l *ladder) insert(i int, e entry) { l.entries = slices.Insert(l.entries, i, e) }
