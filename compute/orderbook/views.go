package orderbook

import (
	"fmt"
	"slices"

	"github.com/tickcast/tickcast/book"
	"github.com/tickcast/tickcast/market"
)

// change is what a version of a key needs.
type change struct {
	seq, eventMs int64 // of the log record that last changed the key
	update       int64 // the source's id of the last command by then
	dirty        bool  // a version was not published
}

// top is the best of both sides.
type top struct {
	change
	bid, ask market.Level // quantity 0: the side is empty
}

// view is the book at one resolution.
type view struct {
	change
	resolution market.Unit
	step       int64 // the resolution at the tick's scale
	depth      int
	key        []byte

	own     [2]book.Side // sums per price step
	sums    [2]*book.Side
	shown   [2][]market.Level // the first levels, as after the record that last changed the key; asks with their real prices
	touched [2]bool           // shown may have changed
	slot    int64             // event time of the last publication, by slotMs
}

// setViews makes a view for each resolution of the contract, and says whether one is new; what stays as it was keeps its versions.
func (m *Machine) setViews(c *market.Contract) (added bool, err error) {
	var views []*view
	if c.Depth > 0 {
		for _, u := range c.Books {
			if slices.ContainsFunc(views, func(v *view) bool { return v.resolution == u }) {
				continue
			}
			step, err := market.Rescale(u.Size, u.Scale, c.Tick.Scale)
			if err != nil {
				return false, fmt.Errorf("contract record: resolution %s is finer than the tick %s", u, c.Tick)
			}
			i := slices.IndexFunc(m.views, func(v *view) bool { return v.resolution == u && v.step == step && v.depth == c.Depth })
			if i >= 0 {
				views = append(views, m.views[i])
				continue
			}
			v := &view{resolution: u, step: step, depth: c.Depth, key: bookKey(m.contract, u), slot: -1}
			v.begin(&m.levels)
			added = true
			views = append(views, v)
		}
	}
	for _, v := range m.views {
		if !hasUnit(c.Books, v.resolution) || c.Depth == 0 {
			m.clear(v.key, m.ev.Record.Seq)
		}
	}
	m.views = views
	return added, nil
}

func hasUnit(us []market.Unit, u market.Unit) bool { return slices.Contains(us, u) }

// begin sums up a book that is there. Where the step is the unit of prices the levels are their own sums.
func (v *view) begin(levels *[2]book.Side) {
	for s := range levels {
		v.sums[s], v.touched[s] = &v.own[s], true
		if v.step == 1 {
			v.sums[s] = &levels[s]
			continue
		}
		v.own[s].Reset()
		for i := levels[s].Len() - 1; i >= 0; i-- {
			l := levels[s].At(i)
			v.own[s].Add(v.floor(l.Price), l.Qty)
		}
	}
}

// floor is the step that a price belongs to: rounded down, which for asks, being negative, is up.
func (v *view) floor(price int64) int64 {
	q := price / v.step
	if price < 0 && q*v.step != price {
		q--
	}
	return q * v.step
}

// add changes the sum of a price's step; false if it is too large.
func (v *view) add(side int, price, delta int64) bool {
	if v.step != 1 {
		price = v.floor(price)
		if v.own[side].Add(price, delta) < 0 {
			return false
		}
	}
	if !v.touched[side] {
		shown := v.shown[side]
		n := len(shown)
		v.touched[side] = n < v.depth || price >= signed(shown[n-1].Price, side)
	}
	return true
}

func signed(price int64, side int) int64 {
	if side == asks {
		return -price
	}
	return price
}

// look brings what is shown up to date; it says whether that changed.
func (v *view) look() (changed bool) {
	for s := range v.sums {
		if !v.touched[s] {
			continue
		}
		v.touched[s] = false
		sums, shown := v.sums[s], v.shown[s]
		n := min(v.depth, sums.Len())
		i := 0
		if n == len(shown) {
			for i < n && (market.Level{Price: signed(sums.At(i).Price, s), Qty: sums.At(i).Qty}) == shown[i] {
				i++
			}
			if i == n {
				continue
			}
		}
		changed = true
		shown = shown[:min(i, len(shown))]
		for ; i < n; i++ {
			l := sums.At(i)
			shown = append(shown, market.Level{Price: signed(l.Price, s), Qty: l.Qty})
		}
		v.shown[s] = shown
	}
	return changed
}

// best returns the best level of a side with its real price.
func (m *Machine) best(side int) (l market.Level) {
	if m.levels[side].Len() > 0 {
		l = m.levels[side].At(0)
		l.Price = signed(l.Price, side)
	}
	return l
}

// settle finds what the record at hand has changed, gives it the record's version, and publishes what is due. added: an order book is new.
func (m *Machine) settle(added bool) {
	if !m.known || !m.listed {
		return
	}
	q := m.qualityNow()
	all := q != m.shown
	m.shown = q
	bid, ask := m.best(bids), m.best(asks)
	if all || m.top.seq == 0 || bid != m.top.bid || ask != m.top.ask {
		m.top.bid, m.top.ask = bid, ask
		m.mark(&m.top.change)
	}
	for _, v := range m.views {
		if v.look() || all || v.seq == 0 {
			m.mark(&v.change)
		}
	}
	m.publishDue(all || added)
}

// mark gives a key the version of the record at hand.
func (m *Machine) mark(c *change) {
	r := m.ev.Record
	c.seq, c.eventMs, c.update, c.dirty = r.Seq, r.EventMs, m.update, true
}
