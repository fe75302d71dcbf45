package redis

import (
	"sync"

	"github.com/tickcast/tickcast/market"
)

// value is what Redis should hold for a key.
type value struct {
	key     string
	version market.Version
	json    []byte // none: the key is cleared
}

// entry is the newest value of a key.
type entry struct {
	value
	waiting bool // it is to be written
}

// newest holds the newest value of every key, and which of them are to be written, in the order in which they changed. A value that changes while it waits is
// replaced: what waits is bounded by the number of keys, however long Redis is away.
type newest struct {
	mu      sync.Mutex
	entries map[string]*entry
	queue   []*entry
	wake    chan struct{}
}

func newNewest() *newest { return &newest{entries: map[string]*entry{}, wake: make(chan struct{}, 1)} }

// put takes a value if it is newer than what the key has; conflated says that it replaced one that was never written.
func (n *newest) put(v value) (newer, conflated bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.entries[v.key]
	switch {
	case e == nil:
		e = &entry{}
		n.entries[v.key] = e
	case !e.version.Less(v.version):
		return false, false
	}
	e.value = v
	if e.waiting {
		return true, true
	}
	n.enqueue(e)
	return true, false
}

func (n *newest) enqueue(e *entry) {
	e.waiting = true
	n.queue = append(n.queue, e)
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// take appends at most limit of the values that are to be written to into; they count as written.
func (n *newest) take(into []value, limit int) []value {
	n.mu.Lock()
	defer n.mu.Unlock()
	count := min(limit, len(n.queue))
	for _, e := range n.queue[:count] {
		e.waiting = false
		into = append(into, e.value)
	}
	n.queue = n.queue[count:]
	if len(n.queue) == 0 {
		n.queue = nil // lets go of what a long absence has piled up
	}
	return into
}

// again makes all values wait: nobody knows which of them Redis has.
func (n *newest) again() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.entries {
		if !e.waiting {
			n.enqueue(e)
		}
	}
}

func (n *newest) waiting() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.queue)
}
