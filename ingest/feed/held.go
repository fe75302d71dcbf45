package feed

import (
	"sort"

	"github.com/tickcast/tickcast/market"
)

// written is a checked trade with its time: comparable, to tell a duplicate from a conflict.
type written struct {
	trade market.Trade
	ms    int64
}

type heldKind uint8

const (
	heldGood      heldKind = iota
	heldTombstone          // the source took the trade back: its id counts, nothing is written
	heldBad                // REST's row is not usable: its id becomes a gap
)

type heldTrade struct {
	written
	kind heldKind
	rest bool
}

// heldTrades are trades ahead of the next one, sorted by id, each id once. Nearly all arrive in order, so put is an append.
type heldTrades struct {
	items []heldTrade
	head  int
}

func (h *heldTrades) len() int          { return len(h.items) - h.head }
func (h *heldTrades) empty() bool       { return h.head == len(h.items) }
func (h *heldTrades) first() *heldTrade { return &h.items[h.head] }
func (h *heldTrades) max() int64        { return h.items[len(h.items)-1].trade.AggID }

func (h *heldTrades) pop() {
	h.head++
	if h.head == len(h.items) {
		h.items, h.head = h.items[:0], 0
	}
}

func (h *heldTrades) dropNewest() { h.items = h.items[:len(h.items)-1] }

// run says whether the first n have ids in a row.
func (h *heldTrades) run(n int) bool {
	return h.len() >= n && h.items[h.head+n-1].trade.AggID == h.first().trade.AggID+int64(n)-1
}

func (h *heldTrades) clear() { h.items, h.head = nil, 0 }

// put inserts a trade and returns the one of the same id that was there. REST replaces what a frame brought; a frame replaces nothing.
func (h *heldTrades) put(t heldTrade) (old heldTrade, had bool) {
	id := t.trade.AggID
	if h.head > 1024 && h.head > len(h.items)/2 {
		h.items, h.head = append(h.items[:0], h.items[h.head:]...), 0
	}
	if h.empty() || id > h.max() {
		h.items = append(h.items, t)
		return old, false
	}
	live := h.items[h.head:]
	i := sort.Search(len(live), func(i int) bool { return live[i].trade.AggID >= id })
	if live[i].trade.AggID == id {
		old = live[i]
		if t.rest {
			live[i] = t
		}
		return old, true
	}
	h.items = append(h.items, heldTrade{})
	copy(h.items[h.head+i+1:], h.items[h.head+i:])
	h.items[h.head+i] = t
	return old, false
}

// ringSize bounds how far back a duplicate is compared with what was written.
const ringSize = 1024

// ring remembers the newest trades of the log by id.
type ring struct{ items []written }

func (r *ring) put(t written) {
	if r.items == nil {
		r.items = make([]written, ringSize)
	}
	r.items[t.trade.AggID&(ringSize-1)] = t
}

func (r *ring) get(id int64) (written, bool) {
	if r.items == nil {
		return written{}, false
	}
	t := r.items[id&(ringSize-1)]
	return t, t.ms != 0 && t.trade.AggID == id
}

func (r *ring) clear() { r.items = nil }
