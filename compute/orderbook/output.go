package orderbook

import (
	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/market"
)

// The output topics.
const (
	Tops  = catalog.PushBBO
	Books = catalog.PushBooks
)

// Header `kind` of the outputs.
const (
	KindBBO  = "bbo"
	KindBook = "orderbook"
)

// encoder makes output records in place.
type encoder struct {
	priceScale, qtyScale int

	out   core.Output
	head  market.Header
	top   []byte // key of push.bbo
	ver   []byte
	value []byte
}

func (e *encoder) init(contract string) {
	e.top = []byte(catalog.BBOKey(contract))
	e.head.Contract = contract
}

func bookKey(contract string, u market.Unit) []byte { return []byte(catalog.BookKey(contract, u)) }

// publishDue writes the versions that are due after the record at hand. urgent: all of them.
func (m *Machine) publishDue(urgent bool) {
	if !m.live {
		return
	}
	r := m.ev.Record
	thin := m.ev.Thin && r.Kind != market.KindClock && !urgent
	if m.top.dirty && !thin {
		m.publishTop()
	}
	slot := r.EventMs / slotMs
	for _, v := range m.views {
		if v.dirty && (urgent || slot != v.slot && !thin) {
			v.slot = slot
			m.publishView(v)
		}
	}
}

func (m *Machine) publishTop() {
	t, e := &m.top, &m.enc
	t.dirty = false
	b := market.BBO{Bid: t.bid, Ask: t.ask, UpdateID: t.update}
	e.value = b.AppendJSON(m.header(&t.change), e.priceScale, e.qtyScale)
	m.write(Tops, KindBBO, e.top, t.seq, e.value)
}

func (m *Machine) publishView(v *view) {
	e := &m.enc
	v.dirty = false
	b := market.OrderBook{Resolution: v.resolution, UpdateID: v.update, Bids: v.shown[bids], Asks: v.shown[asks]}
	e.value = b.AppendJSON(m.header(&v.change), e.priceScale, e.qtyScale)
	m.write(Books, KindBook, v.key, v.seq, e.value)
}

// header begins a value.
func (m *Machine) header(c *change) []byte {
	h := &m.enc.head
	h.Source, h.Simulated, h.Epoch, h.Seq, h.EventMs, h.ComputeMs, h.Quality = m.source, m.simulated, m.Epoch, c.seq, c.eventMs, m.ev.ComputeMs, m.shown
	return h.AppendJSON(m.enc.value[:0])
}

func (m *Machine) write(topic, kind string, key []byte, seq int64, value []byte) {
	e := &m.enc
	v := market.Version{Epoch: m.Epoch, Seq: seq}
	e.ver = v.Append(e.ver[:0])
	e.out = core.Output{Topic: topic, Kind: kind, Version: v, Key: key, Ver: e.ver, Value: value}
	m.emit(&e.out)
}

// PublishAll writes the full state of every key: at the beginning, and whenever the surroundings want a new complete set in the log.
func (m *Machine) PublishAll(computeMs int64) {
	if m.delistedSeq != 0 {
		m.clearAll()
	}
	if !m.known || !m.listed {
		return
	}
	at := core.Input{ComputeMs: computeMs}
	before := m.ev
	m.ev = &at
	m.publishTop()
	for _, v := range m.views {
		m.publishView(v)
	}
	m.ev = before
}

// clear takes a key's retained value from the clients.
func (m *Machine) clear(key []byte, seq int64) {
	m.write(Books, KindBook, key, seq, nil)
}

// clearAll clears every key of a delisted contract.
func (m *Machine) clearAll() {
	m.write(Tops, KindBBO, m.enc.top, m.delistedSeq, nil)
	for _, u := range m.spec.Contract.Books {
		m.clear(bookKey(m.contract, u), m.delistedSeq)
	}
}
