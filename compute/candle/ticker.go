package candle

import (
	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/market"
)

// KindTicker is the header `kind` of tickers.
const KindTicker = "ticker"

// Tickers is their topic.
const Tickers = catalog.PushTickers

// ticker is the rolling 24 hours over the contract's minutes: it has no trades of its own.
type ticker struct {
	wholeMs int64 // from here on the minutes hold every trade
	tradeMs int64 // greatest time of a trade in order

	seq, eventMs int64 // of the log record that last changed it
	closeMs      int64 // of the window, by then

	changed bool // by the record at hand, which is not yet applied to its end
	dirty   bool // a version was not published
	rolled  bool // minutes is up to date
	minutes bar  // the closed minutes of the window, rolled up
}

// windowMs is the beginning of the ticker's window.
func (m *Machine) windowMs() int64 { return m.open[p1m].OpenMs - market.DayMs }

// day returns what was traded in the window, and what its minutes are marked with.
func (m *Machine) day() (t market.Ticker, flags uint8) {
	k := &m.ticker
	if !k.rolled {
		k.minutes.empty(p1m, m.windowMs(), 0)
		m.closed[p1m].roll(&k.minutes, m.open[p1m].OpenMs)
		k.rolled = true
	}
	b := k.minutes
	b.merge(&m.open[p1m])
	t = market.Ticker{OpenMs: m.windowMs(), CloseMs: k.closeMs, Close: m.open[p1m].Close, FirstID: -1, LastID: -1}
	if !b.Fill {
		t.Open, t.High, t.Low, t.Close = b.Open, b.High, b.Low, b.Close
		t.Volume, t.QuoteVolume, t.Trades = b.Volume, b.QuoteVolume, b.Trades
		t.FirstID, t.LastID = b.FirstID, b.LastID
		if t.FirstID < 0 && t.LastID >= t.Trades { // a venue's candles do not say; its ids have no holes
			t.FirstID = t.LastID - t.Trades + 1
		}
	}
	return t, b.Flags
}

func (m *Machine) tickerQuality(flags uint8) market.Quality {
	if m.windowMs() < m.ticker.wholeMs {
		flags |= flagPartial
	}
	return m.qualityOf(flags & (flagGap | flagPartial))
}

// pulse is what a record is compared with, after it was applied, to see what it did to the ticker.
type pulse struct {
	phase            phase
	secondMs, minute int64
	quality          market.Quality
	asked            bool // quality is set: only some records can change it alone
}

func (m *Machine) pulse(r *market.Record) pulse {
	p := pulse{phase: m.phase, secondMs: m.nowMs(), minute: m.open[p1m].OpenMs}
	if m.phase == running && (m.Hole || r.Kind == market.KindGap || r.Kind == market.KindQuality) {
		_, flags := m.day()
		p.quality, p.asked = m.tickerQuality(flags), true
	}
	return p
}

// tick gives the ticker the version of the record that was applied, if that changed it, and publishes it: at once, or with the next clock record while old
// records are caught up with.
func (m *Machine) tick(before pulse) {
	k := &m.ticker
	if m.phase != running {
		k.changed = false
		return
	}
	r := m.ev.Record
	moved := m.nowMs() != before.secondMs
	urgent := moved || before.phase != running || r.Kind == market.KindClock || !m.ev.Thin
	if moved && (m.mask&(1<<p1s) == 0 || m.open[p1m].OpenMs != before.minute) {
		k.changed = true
	}
	if before.asked {
		if _, flags := m.day(); m.tickerQuality(flags) != before.quality {
			k.changed, urgent = true, true
		}
	}
	if k.changed {
		k.seq, k.eventMs, k.closeMs = r.Seq, r.EventMs, max(m.nowMs(), k.tradeMs)
		k.changed, k.dirty = false, true
	}
	if urgent && k.dirty && m.live {
		m.publishTicker()
	}
}

func (m *Machine) publishTicker() {
	e, k := &m.enc, &m.ticker
	k.dirty = false
	t, flags := m.day()
	h := m.header(k.seq, k.eventMs, m.tickerQuality(flags))
	e.value = t.AppendJSON(h.AppendJSON(e.value[:0]), e.priceScale, e.qtyScale)
	m.write(Tickers, KindTicker, market.Version{Epoch: m.Epoch, Seq: k.seq}, e.ticker, e.value)
}

// write hands an output over.
func (m *Machine) write(topic, kind string, v market.Version, key, value []byte) {
	e := &m.enc
	e.ver = v.Append(e.ver[:0])
	e.out = core.Output{Topic: topic, Kind: kind, Version: v, Key: key, Ver: e.ver, Value: value}
	m.emit(&e.out)
}

func (k *ticker) save(w *core.Saver) {
	w.Int(k.wholeMs, k.tradeMs, k.seq, k.eventMs, k.closeMs)
}

func (k *ticker) load(r *core.Loader) {
	k.wholeMs, k.tradeMs, k.seq, k.eventMs, k.closeMs = r.Int(), r.Int(), r.Int(), r.Int(), r.Int()
	k.dirty = true
}
