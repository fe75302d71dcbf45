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

	out   core.Output
	head  market.Header
	keys  [market.PeriodCount][]byte // of push.candles and push.closed
	late  []byte                     // key of market.late
	key   []byte                     // scratch
	ver   []byte
	value []byte
}

func (e *encoder) init(contract string) {
	for p := range e.keys {
		e.keys[p] = []byte(catalog.CandleKey(contract, market.Period(p)))
	}
	e.late = []byte(contract)
	e.head.Contract = contract
}

// ledgerKey is catalog.LedgerKey without garbage.
func (e *encoder) ledgerKey(p market.Period, openMs int64) []byte {
	e.key = append(append(e.key[:0], e.keys[p]...), '/')
	return strconv.AppendInt(e.key, openMs, 10)
}

func (m *Machine) encode(b *bar, q market.Quality) *core.Output {
	e := &m.enc
	h := &e.head
	h.Source, h.Simulated, h.Epoch, h.Seq, h.EventMs, h.ComputeMs, h.Quality = m.source, m.simulated, m.Epoch, b.Seq, b.EventMs, m.ev.ComputeMs, q
	e.value = b.AppendJSON(h.AppendJSON(e.value[:0]), e.priceScale, e.qtyScale)
	e.out.Kind, e.out.Key, e.out.Value = KindCandle, e.keys[b.Period], e.value
	e.out.Version = market.Version{Epoch: m.Epoch, T: b.OpenMs, Seq: b.Seq}
	e.ver = e.out.Version.Append(e.ver[:0])
	e.out.Ver = e.ver
	return &e.out
}

// writeClosed writes a closed candle, or its revision, to the ledger and to the clients.
func (m *Machine) writeClosed(b *bar) {
	if m.mask&(1<<b.Period) == 0 || b.Flags&flagPartial != 0 {
		return
	}
	out := m.encode(b, b.Quality)
	if m.live && !m.seeding {
		out.Topic = Closed
		m.emit(out)
	}
	out.Topic, out.Key = Ledger, m.enc.ledgerKey(b.Period, b.OpenMs)
	m.emit(out)
}

// publishClosed writes a closed candle to the clients again.
func (m *Machine) publishClosed(b *bar) {
	if b == nil || !m.live || m.mask&(1<<b.Period) == 0 || b.Flags&flagPartial != 0 {
		return
	}
	out := m.encode(b, b.Quality)
	out.Topic = Closed
	m.emit(out)
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
			out := m.encode(&b, b.Quality)
			out.Topic = Live
			m.emit(out)
		}
	}
}

// publish writes the newest closed and the open candle of the given periods, whatever was published before.
func (m *Machine) publish(which uint32) {
	for p := p1s; p < end; p++ {
		if which&(1<<p) != 0 {
			m.publishClosed(m.closed[p].newest())
		}
	}
	m.dirty |= which
	m.publishOpen(which)
}

// PublishAll writes the full state of every key: at the beginning, and whenever the surroundings want a new complete set in the log.
func (m *Machine) PublishAll(computeMs int64) {
	if m.phase != running {
		return
	}
	at := core.Input{ComputeMs: computeMs}
	before, live := m.ev, m.live
	m.ev, m.live = &at, true
	m.publish(allPeriods)
	m.ev, m.live = before, live
}

// writeLate passes a record on that came too late.
func (m *Machine) writeLate() {
	r := m.ev.Record
	m.enc.out = core.Output{Topic: Beyond, Kind: r.Kind.String(), Version: r.Version(), Key: m.enc.late, Ver: r.Version().Append(m.enc.ver[:0]), Value: m.ev.Value}
	m.emit(&m.enc.out)
}
