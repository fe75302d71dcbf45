package candle

import "github.com/tickcast/tickcast/market"

const (
	p1s = market.Period1s
	p1m = market.Period1m
	p3m = market.Period3m
	p1d = market.Period1d
	p3d = market.Period3d
	end = market.Period(market.PeriodCount)
)

// advance closes every candle that ends at or before nowMs, second by second, so that the order of closing is that of time and then of period.
// After a silence of hours that is a second's work of tens of thousands of candles: clients get those that are kept, the ledger gets all.
func (m *Machine) advance(nowMs int64) {
	m.advancing = nowMs
	defer func() { m.advancing = 0 }()
	for s := &m.open[p1s]; s.OpenMs+market.SecondMs <= nowMs; {
		next := s.OpenMs + market.SecondMs
		m.close(p1s, s)
		m.openAt(p1s, next, s.Close)
		if next%market.MinuteMs == 0 {
			m.closeMinute(next)
		}
	}
}

// closeMinute closes the open minute and every longer candle that ends with it.
func (m *Machine) closeMinute(nextMs int64) {
	m.ticker.rolled = false
	minute := m.open[p1m]
	m.close(p1m, &minute)
	m.openAt(p1m, nextMs, minute.Close)
	for p := p3m; p <= p1d; p++ {
		b := &m.open[p]
		b.merge(&minute)
		if p != p1d && p.NextMs(b.OpenMs) == nextMs {
			m.close(p, b)
			m.openAt(p, nextMs, b.Close)
		}
	}
	if nextMs%market.DayMs == 0 {
		day := m.open[p1d]
		if m.seeding {
			m.block.preferSeed(&day)
		}
		m.closeDay(&day, nextMs)
		m.openAt(p1d, nextMs, day.Close)
	}
	m.forget(nextMs)
}

// closeDay closes a day and every longer candle that ends with it.
func (m *Machine) closeDay(day *bar, nextMs int64) {
	m.close(p1d, day)
	for p := p3d; p < end; p++ {
		b := &m.open[p]
		b.merge(day)
		if p.NextMs(b.OpenMs) <= nextMs {
			m.close(p, b)
			m.openAt(p, p.OpenMs(nextMs), b.Close)
		}
	}
}

// openAt begins the next candle of p: without trades, at the close before.
func (m *Machine) openAt(p market.Period, openMs, price int64) {
	b := &m.open[p]
	b.empty(p, openMs, price)
	b.Seq, b.EventMs = m.ev.Record.Seq, m.ev.Record.EventMs
	if m.gapPending && p <= p1m { // longer ones take it over from their minute
		b.Flags = flagGap
	}
	m.dirty |= 1 << p
}

// close puts a candle that is over, with all it holds, among the closed ones and out.
func (m *Machine) close(p market.Period, b *bar) {
	last := m.closed[p].push(b)
	last.Closed = true
	last.Seq, last.EventMs = m.ev.Record.Seq, m.ev.Record.EventMs
	last.Quality = m.qualityOf(b.Flags)
	if m.seeding {
		last.Quality = market.QualityFilled
	}
	m.writeClosed(last)
}

// forget drops what is older than what is kept. The rings of longer periods are as long as needed.
func (m *Machine) forget(nowMs int64) {
	keepMs := nowMs - keptMs
	m.kept.evict(keepMs)
	for s := &m.closed[p1s]; s.n > 1 && s.at(0).OpenMs < keepMs; {
		s.dropOldest()
	}
	for s := &m.closed[p1m]; s.n > 1 && s.at(0).OpenMs < nowMs-minutesMs; {
		s.dropOldest()
	}
}

// whole returns the open candle of p with everything in it.
func (m *Machine) whole(p market.Period, b *bar) {
	*b = m.open[p]
	if p > p1d {
		b.merge(&m.open[p1d])
	}
	if p > p1m {
		b.merge(&m.open[p1m])
	}
	if m.tradeSeq > b.Seq {
		b.Seq, b.EventMs = m.tradeSeq, m.tradeMs
	}
	b.Quality = m.qualityOf(b.Flags)
}

func (m *Machine) qualityOf(flags uint8) market.Quality {
	switch {
	case m.quality == market.QualityStale:
		return market.QualityStale
	case flags&(flagGap|flagPartial) != 0:
		return market.QualityDegraded
	}
	return m.quality
}

// changeQuality sets the feed's quality and, at a gap, marks what is open until the next trade: the missing trades lie before it.
// Every candle that looks different is published at once.
func (m *Machine) changeQuality(q market.Quality, gap bool) {
	if m.phase != running {
		m.quality, m.gapPending = q, gap
		return
	}
	var before [market.PeriodCount]market.Quality
	var b bar
	for p := p1s; p < end; p++ {
		m.whole(p, &b)
		before[p] = b.Quality
	}
	m.quality, m.gapPending = q, gap
	if gap {
		m.open[p1s].Flags |= flagGap
		m.open[p1m].Flags |= flagGap
	}
	var changed uint32
	for p := p1s; p < end; p++ {
		if m.whole(p, &b); b.Quality != before[p] {
			m.touch(p)
			changed |= 1 << p
		}
	}
	m.publishOpen(changed)
}

// touch says that the record at hand changed the open candle of p.
func (m *Machine) touch(p market.Period) {
	m.open[p].Seq, m.open[p].EventMs = m.ev.Record.Seq, m.ev.Record.EventMs
	m.dirty |= 1 << p
}
