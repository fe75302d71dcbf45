package broker

// dirtySet holds the topics whose current value a connection has still to get: each at most once, in the order in which they became dirty. A busy topic
// goes to the end of the line each time, so it starves none; memory does not depend on how many updates a slow client missed.
type dirtySet struct {
	line   ring[*topic]
	in     bitmap // topics in line
	retain bitmap // those of them that are (also) part of a snapshot: sent with the RETAIN bit
}

// mark puts a topic in line; false if it was already there, which is one update conflated.
func (d *dirtySet) mark(t *topic, snapshot bool) bool {
	if snapshot {
		d.retain.set(t.id)
	}
	if d.in.has(t.id) {
		return false
	}
	d.in.set(t.id)
	d.line.push(t)
	return true
}

func (d *dirtySet) has(t *topic) bool { return d.in.has(t.id) }

func (d *dirtySet) len() int { return d.line.len() }

// drop takes a topic out of the set; its place in line stays and pop passes over it.
func (d *dirtySet) drop(t *topic) {
	d.in.unset(t.id)
	d.retain.unset(t.id)
}

// dropWhere drops the topics that gone says yes to.
func (d *dirtySet) dropWhere(gone func(*topic) bool) {
	for t := range d.line.all() {
		if gone(*t) {
			d.drop(*t)
		}
	}
}

// pop takes the first in line; false if there is none. The caller loads the topic's value only afterwards, or an update in between would be lost.
func (d *dirtySet) pop() (t *topic, snapshot, ok bool) {
	for d.line.len() > 0 {
		t = d.line.pop()
		if d.in.has(t.id) {
			snapshot = d.retain.has(t.id)
			d.drop(t)
			return t, snapshot, true
		}
	}
	return nil, false, false
}

func (d *dirtySet) reset() { *d = dirtySet{} }

// bitmap is a set of small numbers that grows as needed.
type bitmap []uint64

func (b bitmap) has(i uint32) bool {
	w := int(i >> 6)
	return w < len(b) && b[w]&(1<<(i&63)) != 0
}

func (b *bitmap) set(i uint32) {
	w := int(i >> 6)
	if w >= len(*b) {
		*b = append(*b, make([]uint64, w+1-len(*b))...)
	}
	(*b)[w] |= 1 << (i & 63)
}

func (b bitmap) unset(i uint32) {
	if w := int(i >> 6); w < len(b) {
		b[w] &^= 1 << (i & 63)
	}
}
