package candle

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tickcast/tickcast/market"
)

// StateVersion changes when the form of a saved state does.
const StateVersion = 1

// SaveState appends the machine's state to a list of pieces, which are one byte string. They stay as they are while the machine goes on.
func (m *Machine) SaveState(pieces [][]byte) [][]byte {
	var w saver
	w.int(m.writer, m.epoch, m.seq, m.opened.Epoch, m.opened.Seq)
	w.bool(m.fresh, m.simulated, m.gapPending)
	w.bytes([]byte(m.source))
	w.spec(&m.spec)
	w.spec(&m.block.spec)
	w.int(m.block.atMs, int64(len(m.block.got)))
	for i := range m.block.got {
		w.bar(&bar{Candle: m.block.got[i]})
	}
	w.int(int64(m.phase), int64(m.enc.priceScale), int64(m.enc.qtyScale), m.beginMs, m.lastSeen, m.tradeSeq, m.tradeMs, int64(m.quality))
	for p := range m.open {
		w.bar(&m.open[p])
		r := &m.closed[p]
		w.int(int64(r.n))
		for i := range r.n {
			w.bar(r.at(i))
		}
	}
	w.int(int64(len(m.kept.chunks)))
	for _, c := range m.kept.chunks {
		saved := c.saved
		if saved == nil {
			saved = c.save()
			if len(c.ticks) == chunkLen { // it will not change any more, but by a bust
				c.saved = saved
			}
		}
		w.int(int64(len(saved)))
		pieces = append(pieces, w.b, saved)
		w.b = nil
	}
	return append(pieces, w.b)
}

func (c *chunk) save() []byte {
	w := saver{b: make([]byte, 0, 12*len(c.ticks)+32)}
	w.int(int64(len(c.ticks)))
	var before tick
	for i := range c.ticks {
		t := &c.ticks[i]
		w.int(t.EventMs-before.EventMs, t.Price-before.Price, t.Qty, t.AggID-before.AggID, t.FirstID-before.LastID, t.LastID-t.FirstID)
		w.bool(t.BuyerMaker)
		before = *t
	}
	return w.b
}

// LoadState makes the machine what it was when b was saved. What follows the state in b is returned. After an error the machine must not be used.
// The machine writes push topics again from the first record on that is not before its own start.
func (m *Machine) LoadState(b []byte) (rest []byte, err error) {
	r := loader{b: b}
	m.writer, m.epoch, m.seq = r.int(), r.int(), r.int()
	m.opened = market.Version{Epoch: r.int(), Seq: r.int()}
	m.fresh, m.simulated, m.gapPending = r.bool(), r.bool(), r.bool()
	m.source = string(r.bytes())
	spec := r.spec()
	m.block.spec, m.block.atMs = r.spec(), r.int()
	for range r.count(maxSeeds) {
		var s bar
		r.bar(&s)
		m.block.got = append(m.block.got, s.Candle)
	}
	at, priceScale, qtyScale := r.int(), r.int(), r.int()
	m.beginMs, m.lastSeen, m.tradeSeq, m.tradeMs = r.int(), r.int(), r.int(), r.int()
	quality := r.int()
	if r.err == nil && (at < 0 || at > int64(running) || min(priceScale, qtyScale) < 0 || max(priceScale, qtyScale) > market.MaxScale || quality < 0 || quality > int64(market.QualitySuspect)) {
		r.err = errors.New("impossible value")
	}
	if r.err != nil {
		return nil, r.err
	}
	m.phase, m.quality = phase(at), market.Quality(quality)
	m.spec = spec
	if m.phase != unseeded {
		m.setSpec(spec)
		m.makeRings()
	}
	m.enc.priceScale, m.enc.qtyScale = int(priceScale), int(qtyScale)
	for p := range m.open {
		r.bar(&m.open[p])
		for range r.count(len(m.closed[p].buf)) {
			var c bar
			r.bar(&c)
			m.closed[p].push(&c)
		}
	}
	for range r.count(1 << 20) {
		chunk := loader{b: r.bytes()}
		chunk.ticks(&m.kept)
		if r.err == nil {
			r.err = chunk.err
		}
	}
	m.dirty = allPeriods
	return r.b, r.err
}

// saver writes integers in the variable form of encoding/binary.
type saver struct{ b []byte }

func (w *saver) int(vs ...int64) {
	for _, v := range vs {
		w.b = binary.AppendVarint(w.b, v)
	}
}

func (w *saver) bool(vs ...bool) {
	for _, v := range vs {
		if v {
			w.b = append(w.b, 1)
		} else {
			w.b = append(w.b, 0)
		}
	}
}

func (w *saver) bytes(b []byte) {
	w.int(int64(len(b)))
	w.b = append(w.b, b...)
}

// spec is kept as the log has it.
func (w *saver) spec(s *market.Spec) {
	if s.Contract.ID == "" {
		w.bytes(nil)
		return
	}
	r := market.Record{Kind: market.KindContract, Contract: s.Contract.ID, Source: s.Contract.Source, Spec: *s}
	w.bytes(r.AppendJSON(nil))
}

func (w *saver) wide(vs ...market.Int128) {
	for _, v := range vs {
		w.int(v.Hi)
		w.b = binary.AppendUvarint(w.b, v.Lo)
	}
}

func (w *saver) bar(b *bar) {
	w.int(int64(b.Period), b.OpenMs, b.Open, b.High-b.Open, b.Low-b.Open, b.Close-b.Open)
	w.wide(b.Volume, b.QuoteVolume, b.BuyVolume, b.BuyQuoteVolume)
	w.int(b.Trades, b.FirstID, b.LastID-b.FirstID, b.FirstMs-b.OpenMs, b.LastMs-b.OpenMs, int64(b.Revision), b.Seq, b.EventMs-b.OpenMs, int64(b.Quality), int64(b.Flags))
	w.bool(b.Closed, b.Fill)
}

// loader reads what saver wrote. After the first error it returns zeros.
type loader struct {
	b   []byte
	err error
}

var errShort = errors.New("state ends too early")

func (r *loader) int() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *loader) fail() {
	if r.err == nil {
		r.err = errShort
	}
	r.b = nil
}

func (r *loader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *loader) bool() bool {
	if len(r.b) == 0 {
		r.fail()
		return false
	}
	v := r.b[0] != 0
	r.b = r.b[1:]
	return v
}

func (r *loader) count(most int) int {
	n := r.int()
	if n < 0 || n > int64(most) {
		if r.err == nil {
			r.err = fmt.Errorf("state: %d entries, at most %d", n, most)
		}
		r.b = nil
		return 0
	}
	return int(n)
}

func (r *loader) bytes() []byte {
	n := r.count(1 << 30)
	if n > len(r.b) {
		r.fail()
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *loader) spec() (s market.Spec) {
	b := r.bytes()
	if len(b) == 0 {
		return s
	}
	var d market.Decoder
	var rec market.Record
	if err := d.Decode(b, &rec); err != nil && r.err == nil {
		r.err = fmt.Errorf("state: %w", err)
	}
	return rec.Spec
}

func (r *loader) wide() market.Int128 { return market.Int128{Hi: r.int(), Lo: r.uint()} }

func (r *loader) bar(b *bar) {
	period := r.int()
	b.OpenMs, b.Open = r.int(), r.int()
	b.High, b.Low, b.Close = b.Open+r.int(), b.Open+r.int(), b.Open+r.int()
	b.Volume, b.QuoteVolume, b.BuyVolume, b.BuyQuoteVolume = r.wide(), r.wide(), r.wide(), r.wide()
	b.Trades, b.FirstID = r.int(), r.int()
	b.LastID, b.FirstMs, b.LastMs = b.FirstID+r.int(), b.OpenMs+r.int(), b.OpenMs+r.int()
	b.Revision, b.Seq, b.EventMs = int(r.int()), r.int(), b.OpenMs+r.int()
	b.Quality, b.Flags = market.Quality(r.int()), uint8(r.int())
	b.Closed, b.Fill = r.bool(), r.bool()
	if (period < 0 || period >= market.PeriodCount || b.Quality > market.QualitySuspect) && r.err == nil {
		r.err = errors.New("state: impossible candle")
	}
	b.Period = market.Period(period)
}

func (r *loader) ticks(kept *ticks) {
	var t tick
	for range r.count(chunkLen) {
		t.EventMs, t.Price, t.Qty = t.EventMs+r.int(), t.Price+r.int(), r.int()
		t.AggID, t.FirstID = t.AggID+r.int(), t.LastID+r.int()
		t.LastID = t.FirstID + r.int()
		t.BuyerMaker = r.bool()
		kept.push(&t)
	}
}
