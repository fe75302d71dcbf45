package broker

// dirtySet holds the topics whose current value a connection has still to get: each at most once, in the order in which they became dirty. A busy topic
// goes to the end of the line each time, so it starves none; memory does not depend on how many updates a slow client missed.
type dirtySet struct {
	line   ring[place] // also has places of topics that were dropped since, and may be in line again
	in     bitmap      // topics in line
	count  int         // of them
	retain bitmap      // those of them that are (also) part of a snapshot: sent with the RETAIN bit
}

// place is a topic's in the line, and since when.
type place struct {
	t       *topic
	since   uint32 // coarseMS
	updates uint32 // of the topic by then: what came since was conflated
}

// mark puts a topic in line at a time (coarseMS); false if it was already there, which is one update conflated.
func (d *dirtySet) mark(t *topic, snapshot bool, now uint32) bool {
	if snapshot {
		d.retain.set(t.id)
	}
	if d.in.has(t.id) {
		return false
	}
	d.in.set(t.id)
	d.count++
	d.line.push(place{t, now, t.updates.Load()})
	if d.line.len() > 2*d.count+64 {
		d.tidy()
	}
	return true
}

// tidy takes the places of dropped topics out of the line: a client that subscribes and unsubscribes but reads nothing must not make it grow.
func (d *dirtySet) tidy() {
	var line ring[place]
	for p := range d.waiting() {
		line.push(*p)
	}
	d.line = line
}

// waiting yields the topics in line, each once, the first first.
func (d *dirtySet) waiting() func(yield func(*place) bool) {
	return func(yield func(*place) bool) {
		var seen bitmap
		for p := range d.line.all() {
			if d.in.has(p.t.id) && !seen.has(p.t.id) {
				seen.set(p.t.id)
				if !yield(p) {
					return
				}
			}
		}
	}
}

func (d *dirtySet) len() int { return d.count }

// drop takes a topic out of the set; its place in line stays and pop passes over it.
func (d *dirtySet) drop(t *topic) {
	if d.in.has(t.id) {
		d.count--
	}
	d.in.unset(t.id)
	d.retain.unset(t.id)
}

// pop takes the first in line; false if there is none. The caller loads the topic's value only afterwards, or an update in between would be lost.
func (d *dirtySet) pop() (t *topic, snapshot, ok bool) {
	for d.line.len() > 0 {
		t = d.line.pop().t
		if d.in.has(t.id) {
			snapshot = d.retain.has(t.id)
			d.drop(t)
			return t, snapshot, true
		}
	}
	return nil, false, false
}

func (d *dirtySet) reset() { *d = dirtySet{} }

// promised is what a connection that ended had still to get of a snapshot, by the topics' numbers: two bits for each topic at most, however long its client stays
// away. Their order is lost.
type promised struct {
	topics bitmap
	retain bitmap // those to be sent with the RETAIN bit
}

// take moves what is in line in d to what was promised.
func (m *promised) take(d *dirtySet) {
	for p := range d.waiting() {
		m.topics.set(p.t.id)
		if d.retain.has(p.t.id) {
			m.retain.set(p.t.id)
		}
	}
	d.reset()
}

func (m *promised) drop(t *topic) {
	m.topics.unset(t.id)
	m.retain.unset(t.id)
}

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
