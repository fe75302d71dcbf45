package depth

import (
	"fmt"
	"sort"

	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/market"
)

// diff is a checked diff.
type diff struct {
	first, last int64 // update ids
	ms          int64 // event time
	change      market.BookChange
	raw         []byte
}

func (d *diff) levels() int { return len(d.change.Bids) + len(d.change.Asks) }

// heldDiffs are diffs sorted by their last id, each once.
type heldDiffs struct {
	items  []diff
	levels int
}

func (h *heldDiffs) clear() { h.items, h.levels = nil, 0 }

// index is where the first diff stands that ends after the id.
func (h *heldDiffs) index(id int64) int {
	return sort.Search(len(h.items), func(i int) bool { return h.items[i].last > id })
}

// lastID is the id with which the last diff ends; 0 if there is none.
func (h *heldDiffs) lastID() int64 {
	if len(h.items) == 0 {
		return 0
	}
	return h.items[len(h.items)-1].last
}

// after returns the first diff that ends after the id.
func (h *heldDiffs) after(id int64) (diff, bool) {
	i := h.index(id)
	if i == len(h.items) {
		return diff{}, false
	}
	return h.items[i], true
}

// put inserts a diff; false if one that ends with the same id is there.
func (h *heldDiffs) put(d diff) bool {
	i := h.index(d.last - 1)
	if i < len(h.items) && h.items[i].last == d.last {
		return false
	}
	h.items = append(h.items, diff{})
	copy(h.items[i+1:], h.items[i:])
	h.items[i] = d
	h.levels += d.levels()
	return true
}

// dropOldest takes the first diff away.
func (h *heldDiffs) dropOldest() {
	h.levels -= h.items[0].levels()
	h.items[0] = diff{}
	h.items = h.items[1:]
}

// dropThrough takes the diffs away that end at or before the id.
func (h *heldDiffs) dropThrough(id int64) {
	for len(h.items) > 0 && h.items[0].last <= id {
		h.dropOldest()
	}
}

// dropImpossible takes away diffs that are ahead of d by id and behind it by time: their ids are wrong. Two connections need not cut the updates into the same
// diffs, nor be equally fast.
func (h *heldDiffs) dropImpossible(f *Feed, nowMs int64, d *diff) {
	i := h.index(d.last)
	slack := int64(0)
	if f.conns.Len() > 1 {
		slack = regressMs
	}
	keep := h.items[:i]
	for _, ahead := range h.items[i:] {
		if ahead.ms >= d.ms-slack {
			keep = append(keep, ahead)
			continue
		}
		h.levels -= ahead.levels()
		f.quarantine(nowMs, 0, "depth", core.ReasonIDRegression, fmt.Sprintf("updates %d to %d came before %d", ahead.first, ahead.last, d.last), ahead.raw)
	}
	clear(h.items[len(keep):])
	h.items = keep
}

// hold keeps a diff for a snapshot to come. When the buffer is full the oldest go: a newer snapshot will not need them.
func (f *Feed) hold(nowMs int64, d diff) {
	f.held.dropImpossible(f, nowMs, &d)
	if !f.held.put(d) {
		f.Counts.Duplicates++
		return
	}
	for len(f.held.items) > f.cfg.MaxHeld || f.held.levels > f.cfg.MaxHeldLevels && len(f.held.items) > 1 {
		f.held.dropOldest()
		f.Counts.Dropped++
	}
}
