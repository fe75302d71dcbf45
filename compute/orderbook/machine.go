// Package orderbook computes the best bid and offer, and the order book at each price resolution, from one contract's log of books: a pure state machine, log
// records in, output records out. It has no clock and does no I/O; flink-sql/README.md is its specification and flink-sql/testdata/books its golden files.
package orderbook

import (
	"errors"
	"fmt"

	"github.com/tickcast/tickcast/book"
	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/market"
)

// Limits of what a record can ask for, so that a poisoned one costs nothing.
const (
	maxLevels = 4 * market.MaxLevels // per side
	maxViews  = 16                   // resolutions of a contract
	slotMs    = 100                  // at most one record per key in each of these, by event time
)

// Machine is the state of one contract's books. It belongs to one goroutine.
type Machine struct {
	core.Fence
	contract string
	startMs  int64
	emit     func(*core.Output)
	live     bool // a record not older than the job was seen: outputs are written

	listed      bool // spec is set, and the contract has not left the catalogue
	spec        market.Spec
	delistedSeq int64 // of the record that ended it; 0: none
	source      string
	simulated   bool

	quality market.Quality // of the feed
	known   bool           // a snapshot was seen: there is something to show
	valid   bool           // the book is the source's: from a snapshot on, until a gap
	update  int64          // the source's id of the last command in the book
	levels  [2]book.Side   // bids, asks; prices of asks are negative, so that a better price is a greater one on both sides

	shown market.Quality // of all keys
	top   top
	views []*view

	ev  *core.Input // the record at hand
	enc encoder
}

// Sides of a book.
const (
	bids = iota
	asks
)

// New returns the machine of a contract without state. Outputs are written from the first record on that Kafka has not before startMs.
// Each is handed to emit, which must copy what it keeps.
func New(contract string, startMs int64, emit func(*core.Output)) *Machine {
	m := &Machine{Fence: core.NewFence(), contract: contract, startMs: startMs, emit: emit}
	m.enc.init(contract)
	return m
}

// Apply takes the next record of the contract's log of books.
func (m *Machine) Apply(in *core.Input) (core.Verdict, error) {
	r := in.Record
	m.ev = in
	v := m.Take(r)
	if m.Begins {
		m.reset()
	}
	if v != core.Applied {
		return v, nil
	}
	if m.Hole {
		m.valid = false
	}
	v, added, err := m.apply(r)
	m.settle(added)
	if !m.live && in.AppendMs >= m.startMs {
		m.live = true
		m.PublishAll(in.ComputeMs)
	}
	return v, err
}

// reset forgets all but what fences records.
func (m *Machine) reset() {
	m.listed, m.known, m.valid = false, false, false
	m.spec, m.delistedSeq = market.Spec{}, 0
	m.quality, m.shown, m.update = market.QualityOK, market.QualityOK, 0
	m.top, m.views = top{}, nil
	m.empty()
}

// empty takes all orders away.
func (m *Machine) empty() {
	for s := range m.levels {
		m.levels[s].Reset()
		for _, v := range m.views {
			v.sums[s].Reset()
			v.touched[s] = true
		}
	}
}

// apply says also whether an order book is new.
func (m *Machine) apply(r *market.Record) (v core.Verdict, added bool, err error) {
	switch {
	case r.Kind == market.KindContract:
		return m.contractRecord(r)
	case r.Kind == market.KindOpen: // nobody knows what came between the writers
		if r.Epoch == m.Epoch {
			m.valid = false
		}
		return core.Applied, false, nil
	case m.spec.Delisted:
		return core.Delisted, false, nil
	case !m.listed:
		return core.Waiting, false, nil
	}
	err = core.CheckTime(r.EventMs)
	switch {
	case r.Kind == market.KindDiff && !m.valid:
		return core.Waiting, false, nil
	case err == nil && r.Kind == market.KindSnapshot:
		err = m.snapshot(r)
	case err == nil && r.Kind == market.KindDiff:
		err = m.diff(r)
	case r.Kind == market.KindGap:
		m.valid = false
	case r.Kind == market.KindQuality:
		m.quality = r.Quality
	}
	if err == nil {
		return core.Applied, false, nil
	}
	if r.Kind == market.KindSnapshot || r.Kind == market.KindDiff { // a part of it may be in the book, and what it says is lost
		m.empty()
		m.valid = false
	}
	return core.Invalid, false, err
}

func (m *Machine) contractRecord(r *market.Record) (core.Verdict, bool, error) {
	spec := r.Spec
	m.source, m.simulated = r.Source, r.Simulated
	if spec.Delisted {
		m.delist(r)
		return core.Delisted, false, nil
	}
	c := &spec.Contract
	if c.Tick.Scale > market.MaxScale || c.Step.Scale > market.MaxScale || len(c.Books) > maxViews {
		return core.Invalid, false, errors.New("contract record: tick, step or number of resolutions is impossible")
	}
	was := &m.spec.Contract
	if m.listed && (was.Tick.Scale != c.Tick.Scale || was.Step.Scale != c.Step.Scale) {
		m.empty() // its numbers mean something else
		m.valid = false
	}
	added, err := m.setViews(c)
	if err != nil {
		return core.Invalid, false, err
	}
	m.spec, m.listed, m.delistedSeq = spec, true, 0
	m.enc.priceScale, m.enc.qtyScale = c.Tick.Scale, c.Step.Scale
	return core.Applied, added, nil
}

// delist clears what was retained of the contract: at all resolutions that it had.
func (m *Machine) delist(r *market.Record) {
	spec := r.Spec
	for _, v := range m.views {
		if !hasUnit(spec.Contract.Books, v.resolution) {
			spec.Contract.Books = append(spec.Contract.Books, v.resolution)
		}
	}
	m.reset()
	m.spec, m.delistedSeq = spec, r.Seq
	m.clearAll()
}

func (m *Machine) snapshot(r *market.Record) error {
	m.empty()
	for s, ls := range [2][]market.Level{r.Book.Bids, r.Book.Asks} {
		for i := len(ls) - 1; i >= 0; i-- {
			l, err := m.level(r, ls[i], s)
			if err != nil {
				return err
			}
			m.levels[s].Append(l)
			if err := m.sum(s, l.Price, l.Qty); err != nil {
				return err
			}
		}
	}
	m.known, m.valid, m.update = true, true, r.Book.LastID
	return nil
}

func (m *Machine) diff(r *market.Record) error {
	for s, ls := range [2][]market.Level{r.Book.Bids, r.Book.Asks} {
		for i := range ls {
			l, err := m.level(r, ls[i], s)
			if err != nil {
				return err
			}
			before := m.levels[s].Put(l.Price, l.Qty)
			if before == l.Qty {
				continue
			}
			if err := m.sum(s, l.Price, l.Qty-before); err != nil {
				return err
			}
		}
		if m.levels[s].Len() > maxLevels {
			return fmt.Errorf("more than %d levels on a side", maxLevels)
		}
	}
	if b, a := &m.levels[bids], &m.levels[asks]; b.Len() > 0 && a.Len() > 0 && b.At(0).Price >= -a.At(0).Price {
		return fmt.Errorf("the book is crossed by update %d", r.Book.LastID)
	}
	m.update = r.Book.LastID
	return nil
}

// level reads a level of a record at the contract's scales, with the sign of its side.
func (m *Machine) level(r *market.Record, l market.Level, side int) (market.Level, error) {
	var err error
	if r.PriceScale != m.enc.priceScale {
		if l.Price, err = market.Rescale(l.Price, r.PriceScale, m.enc.priceScale); err != nil {
			return l, fmt.Errorf("price: %w", err)
		}
	}
	if r.QtyScale != m.enc.qtyScale {
		if l.Qty, err = market.Rescale(l.Qty, r.QtyScale, m.enc.qtyScale); err != nil {
			return l, fmt.Errorf("quantity: %w", err)
		}
	}
	if side == asks {
		l.Price = -l.Price
	}
	return l, nil
}

var errSum = errors.New("the quantities of a price step are too large to be added")

// sum changes the sums that a price belongs to.
func (m *Machine) sum(side int, price, delta int64) error {
	for _, v := range m.views {
		if !v.add(side, price, delta) {
			return errSum
		}
	}
	return nil
}

// qualityNow is that of all keys.
func (m *Machine) qualityNow() market.Quality {
	if !m.valid {
		return market.QualityStale
	}
	return m.quality
}
