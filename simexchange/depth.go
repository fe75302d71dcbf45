package simexchange

import (
	"slices"

	"github.com/tickcast/tickcast/binanceapi"
)

// bookChange is the content of a depth frame: ids without holes between frames, bids from the highest price down, asks from the lowest up.
type bookChange struct {
	FirstID, LastID int64
	Levels          []levelChange // bids first
}

// window collects what changes in a book until the next frame of a stream.
type window struct {
	firstID int64 // 0: nothing has changed
	keys    []levelChange
}

func (w *window) add(firstID int64, changes []levelChange) {
	if w.firstID == 0 {
		w.firstID = firstID
	}
	w.keys = append(w.keys, changes...)
}

// take empties the window: each level once, with the quantity that it has now. The levels are only valid until the window is used again.
func (w *window) take(b *book) (bookChange, bool) {
	if w.firstID == 0 {
		return bookChange{}, false
	}
	slices.SortFunc(w.keys, compareLevels)
	w.keys = slices.CompactFunc(w.keys, func(x, y levelChange) bool { return x.Bid == y.Bid && x.Price == y.Price })
	for i := range w.keys {
		k := &w.keys[i]
		k.Qty = b.side(k.Bid).qty(k.Price)
	}
	c := bookChange{FirstID: w.firstID, LastID: b.lastID, Levels: w.keys}
	w.forget()
	return c, true
}

func (w *window) forget() { w.firstID, w.keys = 0, w.keys[:0] }

// compareLevels is the order within a frame.
func compareLevels(x, y levelChange) int {
	switch {
	case x.Bid != y.Bid && x.Bid:
		return -1
	case x.Bid != y.Bid:
		return 1
	case x.Price == y.Price:
		return 0
	case x.Price > y.Price == x.Bid:
		return -1
	}
	return 1
}

// staleSeconds is how far back a stale snapshot can reach.
const staleSeconds = 10

// depth is a symbol's book and what of it has still to be told. It has no clock and no locks.
type depth struct {
	book       *book
	best       best   // as told by bookTicker
	fast, slow window // of the streams with 100 ms and 1000 ms
	older      []oldTop
	recorded   bool // bookTicker frames were recorded: they alone change best
}

// oldTop is what REST would have answered at a whole second.
type oldTop struct {
	timeMs int64
	top    bookTop
}

func newDepth() *depth { return &depth{book: newBook()} }

// reset begins with a whole book.
func (d *depth) reset(lastID int64, levels []levelChange) {
	d.book = newBook()
	d.book.apply(lastID, levels)
	d.best = d.book.best()
}

// add makes a change; frame says that it is one frame of 100 ms. told says whether best bid or ask became others. What a recording has from before its
// snapshot changes nothing.
func (d *depth) add(c *bookChange, frame bool) (told bool) {
	if c.LastID <= d.book.lastID {
		return false
	}
	d.book.apply(c.LastID, c.Levels)
	if frame {
		d.slow.add(c.FirstID, c.Levels)
	} else {
		d.fast.add(c.FirstID, c.Levels)
	}
	now := d.book.best()
	if d.recorded || now.Bid == d.best.Bid && now.Ask == d.best.Ask {
		return false
	}
	d.best = now
	return true
}

// takeFast ends the window of 100 ms.
func (d *depth) takeFast() (bookChange, bool) {
	c, ok := d.fast.take(d.book)
	if ok {
		d.slow.add(c.FirstID, c.Levels)
	}
	return c, ok
}

// takeSlow ends the window of 1000 ms.
func (d *depth) takeSlow() (bookChange, bool) { return d.slow.take(d.book) }

// forget empties the windows: nobody is told what was before the start.
func (d *depth) forget() {
	d.fast.forget()
	d.slow.forget()
}

// maxDepth is the most that REST answers with per side.
const maxDepth = binanceapi.MaxDepth

// remember keeps the book of a whole second for a while.
func (d *depth) remember(timeMs int64) {
	if len(d.older) > staleSeconds {
		d.older = append(d.older[:0], d.older[1:]...)
	}
	d.older = append(d.older, oldTop{timeMs, d.book.top(maxDepth)})
}

// staleAt is the newest kept book that is not after timeMs, or the oldest.
func (d *depth) staleAt(timeMs int64) (bookTop, bool) {
	if len(d.older) == 0 {
		return bookTop{}, false
	}
	for i := len(d.older) - 1; i > 0; i-- {
		if d.older[i].timeMs <= timeMs {
			return d.older[i].top, true
		}
	}
	return d.older[0].top, true
}
