package candle

import (
	"strconv"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/market"
)

// The output topics.
const (
	Live   = catalog.PushCandles   // in-progress candles
	Closed = catalog.PushClosed    // closed candles, the newest one last
	Ledger = catalog.LedgerCandles // every closed candle and revision
	Beyond = catalog.MarketLate    // records that came too late, as they were
)

// KindCandle is the header `kind` of candles.
const KindCandle = "candle"

// encoder makes output records in place.
type encoder struct {
	priceScale, qtyScale int

	out    core.Output
	head   market.Header
	keys   [market.PeriodCount][]byte // of push.candles and push.closed
	ticker []byte                     // key of push.tickers
	late   []byte                     // key of market.late
	key    []byte                     // scratch
	ver    []byte
	value  []byte
}

func (e *encoder) init(contract string) {
	for p := range e.keys {
		e.keys[p] = []byte(catalog.CandleKey(contract, market.Period(p)))
	}
	e.ticker, e.late = []byte(catalog.TickerKey(contract)), []byte(contract)
	e.head.Contract = contract
}

// ledgerKey is catalog.LedgerKey without garbage.
func (e *encoder) ledgerKey(p market.Period, openMs int64) []byte {
	e.key = append(append(e.key[:0], e.keys[p]...), '/')
	return strconv.AppendInt(e.key, openMs, 10)
}

// writeCandle writes a candle.
func (m *Machine) writeCandle(topic string, b *bar, key []byte) {
	m.write(topic, KindCandle, market.Version{Epoch: m.Epoch, T: b.OpenMs, Seq: b.Seq}, key, m.enc.value)
}

// encode makes the value of a candle's next outputs.
func (m *Machine) encode(b *bar) {
	e := &m.enc
	e.value = b.AppendJSON(m.header(b.Seq, b.EventMs, b.Quality).AppendJSON(e.value[:0]), e.priceScale, e.qtyScale)
}

// header is the envelope of a version.
func (m *Machine) header(seq, eventMs int64, q market.Quality) *market.Header {
	h := &m.enc.head
	h.Source, h.Simulated, h.Epoch, h.Seq, h.EventMs, h.ComputeMs, h.Quality = m.source, m.simulated, m.Epoch, seq, eventMs, m.ev.ComputeMs, q
	return h
}

// writeClosed writes a closed candle, or its revision, to the ledger and to the clients.
func (m *Machine) writeClosed(b *bar) {
	if m.mask&(1<<b.Period) == 0 || b.Flags&flagPartial != 0 {
		return
	}
	m.encode(b)
	if old := b.Period == p1s && b.OpenMs < m.advancing-keptMs; m.live && !m.seeding && !old {
		m.writeCandle(Closed, b, m.enc.keys[b.Period])
	}
	m.writeCandle(Ledger, b, m.enc.ledgerKey(b.Period, b.OpenMs))
}

// publishClosed writes a closed candle to the clients again.
func (m *Machine) publishClosed(b *bar) {
	if b == nil || !m.live || m.mask&(1<<b.Period) == 0 || b.Flags&flagPartial != 0 {
		return
	}
	m.encode(b)
	m.writeCandle(Closed, b, m.enc.keys[b.Period])
}

// publishOpen writes those of the given open candles that have changed.
func (m *Machine) publishOpen(which uint32) {
	which &= m.dirty & m.mask
	if !m.live || m.phase != running {
		return
	}
	m.dirty &^= which
	var b bar
	for p := p1s; which != 0; p, which = p+1, which>>1 {
		if which&1 != 0 {
			m.whole(p, &b)
			m.encode(&b)
			m.writeCandle(Live, &b, m.enc.keys[p])
		}
	}
}

// publish writes the newest closed and the open candle of the given periods, whatever was published before.
func (m *Machine) publish(which uint32) {
	for p := p1s; p < end; p++ {
		if which&(1<<p) != 0 {
			m.publishClosed(m.closed[p].newestWhole())
		}
	}
	m.dirty |= which
	m.publishOpen(which)
}

// PublishAll writes the full state of every key: at the beginning, and whenever the surroundings want a new complete set in the log.
func (m *Machine) PublishAll(computeMs int64) {
	if m.spec.Delisted {
		m.clearAll()
	}
	if m.phase != running {
		return
	}
	at := core.Input{ComputeMs: computeMs}
	before, live := m.ev, m.live
	m.ev, m.live = &at, true
	m.publish(allPeriods)
	if !m.ticker.changed { // else the record at hand is not applied to its end, and publishes it
		m.publishTicker()
	}
	m.ev, m.live = before, live
}

// clear takes what was retained of periods from the clients; with the version of the open candle's time, no older one comes back after it.
func (m *Machine) clear(which uint32, seq int64) {
	for p := range m.enc.keys {
		if which&(1<<p) != 0 {
			v := market.Version{Epoch: m.Epoch, T: m.open[p].OpenMs, Seq: seq}
			m.write(Live, KindCandle, v, m.enc.keys[p], nil)
			m.write(Closed, KindCandle, v, m.enc.keys[p], nil)
		}
	}
}

// clearAll takes what was retained of a delisted contract from the clients.
func (m *Machine) clearAll() {
	m.clear(allPeriods, m.delistedSeq)
	m.write(Tickers, KindTicker, market.Version{Epoch: m.Epoch, Seq: m.delistedSeq}, m.enc.ticker, nil)
}

// writeLate passes a record on that came too late.
func (m *Machine) writeLate() {
	r := m.ev.Record
	m.write(Beyond, r.Kind.String(), r.Version(), m.enc.late, m.ev.Value)
}
