package orderbook

import (
	"errors"
	"math"

	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/market"
)

// StateVersion changes when the form of a saved state does.
const StateVersion = 1

// SaveState appends the machine's state to a list of pieces, which are one byte string. They stay as they are while the machine goes on.
// Sums and what is shown are made up again from the levels.
func (m *Machine) SaveState(pieces [][]byte) [][]byte {
	w := core.Saver{B: make([]byte, 0, 512+8*(m.levels[bids].Len()+m.levels[asks].Len()))}
	m.Fence.Save(&w)
	w.Bool(m.listed, m.simulated, m.known, m.valid)
	w.Bytes([]byte(m.source))
	w.Spec(&m.spec)
	w.Int(m.delistedSeq, int64(m.quality), int64(m.shown), m.update)
	for s := range m.levels {
		w.Int(int64(m.levels[s].Len()))
		before := int64(math.MinInt64)
		for i := m.levels[s].Len() - 1; i >= 0; i-- {
			l := m.levels[s].At(i)
			w.Int(l.Price-before, l.Qty)
			before = l.Price
		}
	}
	m.top.save(&w)
	w.Int(int64(len(m.views)))
	for _, v := range m.views {
		v.save(&w)
	}
	return append(pieces, w.B)
}

func (c *change) save(w *core.Saver) { w.Int(c.seq, c.eventMs, c.update) }

func (c *change) load(r *core.Loader) {
	c.seq, c.eventMs, c.update = r.Int(), r.Int(), r.Int()
	c.dirty = true
}

var errState = errors.New("state: impossible order book")

// LoadState makes the machine what it was when b was saved. What follows the state in b is returned. After an error the machine must not be used.
// The machine writes outputs again from the first record on that is not before its own start.
func (m *Machine) LoadState(b []byte) (rest []byte, err error) {
	r := core.Loader{B: b}
	m.Fence.Load(&r)
	m.listed, m.simulated, m.known, m.valid = r.Bool(), r.Bool(), r.Bool(), r.Bool()
	m.source = string(r.Bytes())
	m.spec = r.Spec()
	m.delistedSeq, m.quality, m.shown, m.update = r.Int(), r.Quality(), r.Quality(), r.Int()
	for s := range m.levels {
		before := int64(math.MinInt64)
		for i := range r.Count(maxLevels) {
			l := market.Level{Price: before + r.Int(), Qty: r.Int()}
			if (i > 0 && l.Price <= before || l.Qty <= 0) && r.Err == nil {
				r.Fail(errState)
			}
			m.levels[s].Append(l)
			before = l.Price
		}
	}
	m.top.load(&r)
	m.top.bid, m.top.ask = m.best(bids), m.best(asks)
	if r.Err == nil && m.listed {
		m.enc.priceScale, m.enc.qtyScale = m.spec.Contract.Tick.Scale, m.spec.Contract.Step.Scale
		if _, err := m.setViews(&m.spec.Contract); err != nil {
			r.Fail(err)
		}
	}
	if n := r.Count(maxViews); n != len(m.views) {
		r.Fail(errState)
	}
	for _, v := range m.views {
		v.look()
		v.load(&r)
	}
	return r.B, r.Err
}
