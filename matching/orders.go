package matching

import "math/bits"

// order is a resting order in its level's queue.
type order struct {
	id         int64
	qty        int64
	level      int32
	prev, next int32 // in the queue; next also links the free ones
}

// arena holds orders or levels by number from 1 on, and uses freed places again.
type arena[T any] struct {
	items []T
	free  []int32
}

func (a *arena[T]) take() int32 {
	if n := len(a.free); n > 0 {
		i := a.free[n-1]
		a.free = a.free[:n-1]
		return i
	}
	var zero T
	if len(a.items) == 0 {
		a.items = append(a.items, zero)
	}
	a.items = append(a.items, zero)
	return int32(len(a.items) - 1)
}

func (a *arena[T]) give(i int32) { a.free = append(a.free, i) }

// index finds an order by its id: open addressing with linear probing, at most half full.
type index struct {
	slots []slot
	shift int
	used  int
}

type slot struct {
	id    int64 // 0: empty
	order int32
}

// home is where an id is looked for first: multiplicative hashing, which spreads ascending ids evenly (Knuth, TAOCP 3, 6.4).
func (x *index) home(id int64) int { return int(uint64(id) * 0x9e3779b97f4a7c15 >> x.shift) }

func (x *index) get(id int64) int32 {
	if x.used == 0 {
		return 0
	}
	mask := len(x.slots) - 1
	for i := x.home(id); ; i = (i + 1) & mask {
		switch x.slots[i].id {
		case id:
			return x.slots[i].order
		case 0:
			return 0
		}
	}
}

func (x *index) put(id int64, o int32) {
	if 2*x.used >= len(x.slots) {
		x.grow()
	}
	mask := len(x.slots) - 1
	i := x.home(id)
	for x.slots[i].id != 0 {
		i = (i + 1) & mask
	}
	x.slots[i] = slot{id, o}
	x.used++
}

func (x *index) grow() {
	old := x.slots
	n := max(1024, 2*len(old))
	*x = index{slots: make([]slot, n), shift: 64 - bits.TrailingZeros(uint(n))}
	for _, s := range old {
		if s.id != 0 {
			x.put(s.id, s.order)
		}
	}
}

// remove takes an id out and closes the hole: what was pushed on by it moves back.
func (x *index) remove(id int64) {
	mask := len(x.slots) - 1
	i := x.home(id)
	for x.slots[i].id != id {
		i = (i + 1) & mask
	}
	for j := (i + 1) & mask; x.slots[j].id != 0; j = (j + 1) & mask {
		if h := x.home(x.slots[j].id); (j-h)&mask >= (j-i)&mask {
			x.slots[i] = x.slots[j]
			i = j
		}
	}
	x.slots[i] = slot{}
	x.used--
}
