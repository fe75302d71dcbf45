package candle

import (
	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/market"
)

// lateTrade takes a trade whose second is closed.
func (m *Machine) lateTrade(t *tick) (core.Verdict, error) {
	switch {
	case t.EventMs < m.beginMs:
		return core.Seeded, nil
	case t.EventMs < m.keepMs():
		m.writeLate()
		return core.Late, nil
	}
	m.kept.push(t)
	second := p1s.OpenMs(t.EventMs)
	m.revise(second, second)
	return core.Applied, nil
}

// amend takes a trade back (bust) or replaces it (correction).
func (m *Machine) amend(r *market.Record) (core.Verdict, error) {
	correction := r.Kind == market.KindCorrection
	var t tick
	if correction {
		var err error
		if t, err = m.tradeOf(r); err != nil {
			return core.Invalid, err
		}
		if t.EventMs > m.nowMs()+core.MaxJumpMs {
			return core.Invalid, core.ErrJump
		}
	}
	_, old := m.kept.find(r.Trade.AggID, m.keepMs())
	if old == nil || correction && (t.EventMs < m.keepMs() || t.EventMs < m.beginMs) {
		m.writeLate()
		return core.Late, nil
	}
	advanced := false
	if second := p1s.OpenMs(t.EventMs); correction && second > m.nowMs() {
		m.advance(second)
		advanced = true
	}
	c, old := m.kept.find(r.Trade.AggID, m.keepMs()) // advance may have forgotten it
	if old == nil {
		m.writeLate()
		m.publishOpen(allPeriods)
		return core.Late, nil
	}
	was := p1s.OpenMs(old.EventMs)
	now := was
	if correction {
		*old = t
		c.minMs, c.maxMs = min(c.minMs, t.EventMs), max(c.maxMs, t.EventMs)
		now = p1s.OpenMs(t.EventMs)
	} else {
		old.Qty = 0
	}
	c.saved = nil
	m.revise(min(was, now), max(was, now))
	if advanced {
		m.publishOpen(allPeriods)
	}
	return core.Applied, nil
}

// revise computes every candle again that holds one of two seconds whose trades have changed, and the prices of the empty candles after them.
func (m *Machine) revise(a, b int64) {
	m.ticker.rolled, m.ticker.changed = false, true
	for p := p1s; p < end; p++ {
		m.recompute(p, p.OpenMs(a))
		if p.OpenMs(b) != p.OpenMs(a) {
			m.recompute(p, p.OpenMs(b))
		}
		m.refill(p, p.OpenMs(a))
		m.refill(p, p.OpenMs(b))
		m.writeRevised(p)
	}
	if !m.ev.Thin {
		m.publishOpen(fastest)
	}
}

func (m *Machine) recompute(p market.Period, openMs int64) {
	if b := &m.open[p]; b.OpenMs == openMs {
		m.rebuild(p, b)
		m.touch(p)
		return
	}
	if i := m.closed[p].find(openMs); i >= 0 {
		b := m.closed[p].at(i)
		m.rebuild(p, b)
		m.mark(b)
	}
}

// mark gives a closed candle its next revision.
func (m *Machine) mark(b *bar) {
	if b.Flags&flagRevised == 0 {
		b.Flags |= flagRevised
		b.Revision++
	}
	b.Seq, b.EventMs = m.ev.Record.Seq, m.ev.Record.EventMs
}

// rebuild makes up the content of a candle from the shorter ones, of a second from its trades.
func (m *Machine) rebuild(p market.Period, b *bar) {
	var n bar
	n.empty(p, b.OpenMs, m.closeBefore(p, b.OpenMs))
	next := p.NextMs(b.OpenMs)
	switch {
	case p == p1s:
		m.kept.fold(&n, b.OpenMs, next)
	case p == p1m:
		m.closed[p1s].roll(&n, next)
		if m.open[p1s].OpenMs < next {
			n.merge(&m.open[p1s])
		}
	case p <= p1d:
		m.closed[p1m].roll(&n, next)
	default:
		m.closed[p1d].roll(&n, next)
	}
	n.Closed, n.Revision, n.Seq, n.EventMs, n.Quality = b.Closed, b.Revision, b.Seq, b.EventMs, b.Quality
	n.Flags |= b.Flags
	*b = n
}

// roll merges all that opens in [b.OpenMs, nextMs) into b.
func (r *bars) roll(b *bar, nextMs int64) {
	for i := r.from(b.OpenMs); i < r.n && r.at(i).OpenMs < nextMs; i++ {
		b.merge(r.at(i))
	}
}

// closeBefore is the close of the candle before the one that opens at openMs.
func (m *Machine) closeBefore(p market.Period, openMs int64) int64 {
	if i := m.closed[p].from(openMs); i > 0 {
		return m.closed[p].at(i - 1).Close
	}
	return m.lastSeen
}

// refill gives the empty candles that follow openMs the close before them, as far as it changed.
func (m *Machine) refill(p market.Period, openMs int64) {
	i := m.closed[p].find(openMs)
	if i < 0 {
		return
	}
	price := m.closed[p].at(i).Close
	for i++; i < m.closed[p].n; i++ {
		b := m.closed[p].at(i)
		if !b.Fill || b.Close == price {
			return
		}
		b.setPrice(price)
		m.mark(b)
	}
	if b := &m.open[p]; b.Fill && b.Close != price {
		b.setPrice(price)
		var w bar
		if m.whole(p, &w); w.Fill {
			m.touch(p)
		}
	}
}

// writeRevised writes the closed candles that the record at hand changed, and the newest one after them, which must stay the last word on its key.
func (m *Machine) writeRevised(p market.Period) {
	r := &m.closed[p]
	last := -1
	for i := r.from(p.OpenMs(m.keepMs())); i < r.n; i++ {
		if b := r.at(i); b.Flags&flagRevised != 0 {
			b.Flags &^= flagRevised
			m.writeClosed(b)
			last = i
		}
	}
	if last >= 0 && last != r.n-1 {
		m.publishClosed(r.newestWhole())
	}
}

// rescale goes over to finer scales, by so many decimals more. Coarser ones change nothing: prices already seen would not fit.
func (m *Machine) rescale(price, qty int) {
	if price <= 0 && qty <= 0 || m.phase == unseeded {
		return
	}
	pf, qf := market.Pow10(max(price, 0)), market.Pow10(max(qty, 0))
	m.lastSeen *= pf
	m.ticker.rolled = false
	for p := range m.closed {
		m.open[p].rescale(pf, qf)
		for i := range m.closed[p].n {
			m.closed[p].at(i).rescale(pf, qf)
		}
	}
	for _, c := range m.kept.chunks {
		c.saved = nil
		for i := range c.ticks {
			c.ticks[i].Price *= pf
			c.ticks[i].Qty *= qf
		}
	}
}

func (b *bar) rescale(pf, qf int64) {
	b.Open, b.High, b.Low, b.Close = b.Open*pf, b.High*pf, b.Low*pf, b.Close*pf
	for _, v := range []*market.Int128{&b.Volume, &b.BuyVolume} {
		*v = times(*v, qf)
	}
	for _, v := range []*market.Int128{&b.QuoteVolume, &b.BuyQuoteVolume} {
		*v = times(times(*v, pf), qf)
	}
}

// times multiplies a sum that is not negative.
func times(v market.Int128, f int64) market.Int128 {
	low := market.Mul(int64(v.Lo>>1), f)
	low = low.Add(low)
	if v.Lo&1 != 0 {
		low = low.AddInt(f)
	}
	low.Hi += v.Hi * f
	return low
}
