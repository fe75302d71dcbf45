package candle

import (
	"errors"

	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/market"
)

// StateVersion changes when the form of a saved state does.
const StateVersion = 2

// SaveState appends the machine's state to a list of pieces, which are one byte string. They stay as they are while the machine goes on.
func (m *Machine) SaveState(pieces [][]byte) [][]byte {
	var w saver
	m.Fence.Save(&w.Saver)
	w.Bool(m.fresh, m.simulated, m.gapPending)
	w.Bytes([]byte(m.source))
	w.Spec(&m.spec)
	w.Spec(&m.block.spec)
	w.Int(m.block.atMs, int64(len(m.block.got)))
	for i := range m.block.got {
		w.bar(&bar{Candle: m.block.got[i]})
	}
	w.Int(int64(m.phase), int64(m.enc.priceScale), int64(m.enc.qtyScale), m.beginMs, m.lastSeen, m.tradeSeq, m.tradeMs, int64(m.quality))
	w.Int(m.delistedSeq)
	m.ticker.save(&w.Saver)
	for p := range m.open {
		w.bar(&m.open[p])
		r := &m.closed[p]
		w.Int(int64(r.n))
		for i := range r.n {
			w.bar(r.at(i))
		}
	}
	w.Int(int64(len(m.kept.chunks)))
	for _, c := range m.kept.chunks {
		saved := c.saved
		if saved == nil {
			saved = c.save()
			if len(c.ticks) == chunkLen { // it will not change any more, but by a bust
				c.saved = saved
			}
		}
		w.Int(int64(len(saved)))
		pieces = append(pieces, w.B, saved)
		w.B = nil
	}
	return append(pieces, w.B)
}

func (c *chunk) save() []byte {
	w := saver{core.Saver{B: make([]byte, 0, 12*len(c.ticks)+32)}}
	w.Int(int64(len(c.ticks)))
	var before tick
	for i := range c.ticks {
		t := &c.ticks[i]
		w.Int(t.EventMs-before.EventMs, t.Price-before.Price, t.Qty, t.AggID-before.AggID, t.FirstID-before.LastID, t.LastID-t.FirstID)
		w.Bool(t.BuyerMaker)
		before = *t
	}
	return w.B
}

// LoadState makes the machine what it was when b was saved. What follows the state in b is returned. After an error the machine must not be used.
// The machine writes push topics again from the first record on that is not before its own start.
func (m *Machine) LoadState(b []byte) (rest []byte, err error) {
	r := loader{core.Loader{B: b}}
	m.Fence.Load(&r.Loader)
	m.fresh, m.simulated, m.gapPending = r.Bool(), r.Bool(), r.Bool()
	m.source = string(r.Bytes())
	spec := r.Spec()
	m.block.spec, m.block.atMs = r.Spec(), r.Int()
	for range r.Count(maxSeeds) {
		var s bar
		r.bar(&s)
		m.block.got = append(m.block.got, s.Candle)
	}
	at, priceScale, qtyScale := r.Int(), r.Int(), r.Int()
	m.beginMs, m.lastSeen, m.tradeSeq, m.tradeMs = r.Int(), r.Int(), r.Int(), r.Int()
	m.quality = r.Quality()
	if at < 0 || at > int64(running) || min(priceScale, qtyScale) < 0 || max(priceScale, qtyScale) > market.MaxScale {
		r.Fail(errors.New("state: impossible value"))
	}
	if r.Err != nil {
		return nil, r.Err
	}
	m.phase = phase(at)
	m.spec = spec
	if m.phase != unseeded {
		m.setSpec(spec)
		m.makeRings()
	}
	m.enc.priceScale, m.enc.qtyScale = int(priceScale), int(qtyScale)
	m.delistedSeq = r.Int()
	m.ticker.load(&r.Loader)
	for p := range m.open {
		r.bar(&m.open[p])
		for range r.Count(len(m.closed[p].buf)) {
			var c bar
			r.bar(&c)
			m.closed[p].push(&c)
		}
	}
	for range r.Count(1 << 20) {
		chunk := loader{core.Loader{B: r.Bytes()}}
		chunk.ticks(&m.kept)
		if r.Err == nil {
			r.Err = chunk.Err
		}
	}
	m.dirty = allPeriods
	return r.B, r.Err
}

type saver struct{ core.Saver }

func (w *saver) bar(b *bar) {
	w.Int(int64(b.Period), b.OpenMs, b.Open, b.High-b.Open, b.Low-b.Open, b.Close-b.Open)
	w.Wide(b.Volume, b.QuoteVolume, b.BuyVolume, b.BuyQuoteVolume)
	w.Int(b.Trades, b.FirstID, b.LastID-b.FirstID, b.FirstMs-b.OpenMs, b.LastMs-b.OpenMs, int64(b.Revision), b.Seq, b.EventMs-b.OpenMs, int64(b.Quality), int64(b.Flags))
	w.Bool(b.Closed, b.Fill)
}

type loader struct{ core.Loader }

func (r *loader) bar(b *bar) {
	period := r.Int()
	b.OpenMs, b.Open = r.Int(), r.Int()
	b.High, b.Low, b.Close = b.Open+r.Int(), b.Open+r.Int(), b.Open+r.Int()
	b.Volume, b.QuoteVolume, b.BuyVolume, b.BuyQuoteVolume = r.Wide(), r.Wide(), r.Wide(), r.Wide()
	b.Trades, b.FirstID = r.Int(), r.Int()
	b.LastID, b.FirstMs, b.LastMs = b.FirstID+r.Int(), b.OpenMs+r.Int(), b.OpenMs+r.Int()
	b.Revision, b.Seq, b.EventMs = int(r.Int()), r.Int(), b.OpenMs+r.Int()
	b.Quality, b.Flags = market.Quality(r.Int()), uint8(r.Int())
	b.Closed, b.Fill = r.Bool(), r.Bool()
	if (period < 0 || period >= market.PeriodCount || b.Quality > market.QualitySuspect) && r.Err == nil {
		r.Err = errors.New("state: impossible candle")
	}
	b.Period = market.Period(period)
}

func (r *loader) ticks(kept *ticks) {
	var t tick
	for range r.Count(chunkLen) {
		t.EventMs, t.Price, t.Qty = t.EventMs+r.Int(), t.Price+r.Int(), r.Int()
		t.AggID, t.FirstID = t.AggID+r.Int(), t.LastID+r.Int()
		t.LastID = t.FirstID + r.Int()
		t.BuyerMaker = r.Bool()
		kept.push(&t)
	}
}
