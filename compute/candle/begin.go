package candle

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/market"
)

// block collects the seed records that a contract record announces.
type block struct {
	spec market.Spec
	atMs int64 // the log holds every trade from here on
	got  []market.Candle
	days []market.Candle // while a block is replayed: its 1d seeds, oldest first
}

func (b *block) drop() { *b = block{} }

// preferSeed replaces a day that was rolled up from seeded minutes by the venue's own candle of the day, if there is one.
func (b *block) preferSeed(day *bar) {
	i, ok := slices.BinarySearchFunc(b.days, day.OpenMs, func(c market.Candle, t int64) int { return cmp.Compare(c.OpenMs, t) })
	if ok {
		*day = seedBar(&b.days[i])
	}
}

// seedBar is a candle as the venue gave it.
func seedBar(c *market.Candle) bar {
	b := bar{Candle: *c}
	b.Closed = false
	b.FirstMs, b.LastMs = c.OpenMs, c.Period.NextMs(c.OpenMs)-1
	if b.Fill {
		b.FirstID, b.LastID = -1, -1
		b.setPrice(c.Close)
	}
	return b
}

// contractRecord takes the contract's catalogue entry.
func (m *Machine) contractRecord(r *market.Record) (core.Verdict, error) {
	m.block.drop()
	spec := r.Spec
	if spec.Seeds > maxSeeds {
		return core.Invalid, fmt.Errorf("contract record announces %d seeds, at most %d are taken", spec.Seeds, maxSeeds)
	}
	if spec.Contract.Tick.Scale > market.MaxScale || spec.Contract.Step.Scale > market.MaxScale {
		return core.Invalid, fmt.Errorf("contract record: tick or step has more than %d decimals", market.MaxScale)
	}
	m.source, m.simulated = r.Source, r.Simulated
	if spec.Delisted {
		m.reset()
		m.spec = spec
		m.delistedSeq = r.Seq
		m.clearAll()
		return core.Delisted, nil
	}
	if spec.Seeds > 0 {
		m.block = block{spec: spec, atMs: r.EventMs}
	}
	if m.phase != unseeded {
		m.update(spec)
		return core.Applied, nil
	}
	m.spec = spec
	if spec.Seeds == 0 && m.fresh { // the epoch begins here and the source has nothing before
		m.block = block{spec: spec, atMs: r.EventMs}
		m.begin()
		m.block.drop()
		return core.Applied, nil
	}
	if spec.Seeds == 0 {
		return core.Waiting, nil
	}
	return core.Applied, nil
}

// seed takes one record of a block; the last one begins the contract.
func (m *Machine) seed(r *market.Record) (core.Verdict, error) {
	want := m.block.spec.Seeds
	if want == 0 {
		return core.Waiting, nil
	}
	if u := &m.block.spec.Contract; r.PriceScale != u.Tick.Scale || r.QtyScale != u.Step.Scale {
		m.block.drop()
		return core.Invalid, fmt.Errorf("seed record with %d and %d decimals, the contract has %d and %d", r.PriceScale, r.QtyScale, u.Tick.Scale, u.Step.Scale)
	}
	if r.Seed.OpenMs < core.MinEventMs || r.Seed.OpenMs >= core.MaxEventMs {
		m.block.drop()
		return core.Invalid, fmt.Errorf("seed record: open time %d is impossible", r.Seed.OpenMs)
	}
	m.block.got = append(m.block.got, r.Seed)
	if len(m.block.got) < want {
		return core.Applied, nil
	}
	if m.phase == running && m.block.endMs() <= m.nowMs()+core.MaxJumpMs {
		m.heal()
	} else {
		m.begin()
	}
	m.block.drop()
	return core.Applied, nil
}

// endMs is the end of the newest seed.
func (b *block) endMs() (t int64) {
	for i := range b.got {
		if p := b.got[i].Period; p == p1m || p == p1d {
			t = max(t, p.NextMs(b.got[i].OpenMs))
		}
	}
	return t
}

// of returns the seeds of one period, oldest first and each once.
func (b *block) of(p market.Period) []market.Candle {
	var cs []market.Candle
	for i := range b.got {
		if b.got[i].Period == p {
			cs = append(cs, b.got[i])
		}
	}
	slices.SortStableFunc(cs, func(x, y market.Candle) int { return cmp.Compare(x.OpenMs, y.OpenMs) })
	return slices.CompactFunc(cs, func(x, y market.Candle) bool { return x.OpenMs == y.OpenMs })
}

// setSpec takes over scales and served periods.
func (m *Machine) setSpec(spec market.Spec) {
	m.spec = spec
	m.mask = 0
	for _, p := range spec.Contract.Period {
		m.mask |= 1 << p
	}
	if len(spec.Contract.Period) == 0 {
		m.mask = allPeriods
	}
	m.enc.priceScale, m.enc.qtyScale = spec.Contract.Tick.Scale, spec.Contract.Step.Scale
}

// begin starts the contract with the seeds of a complete block: days make up what lies before the first minute, minutes everything after it.
func (m *Machine) begin() {
	days, minutes := m.block.of(p1d), m.block.of(p1m)
	m.block.days = days
	m.restart()
	m.setSpec(m.block.spec)
	m.makeRings()
	m.beginMs, m.lastSeen = m.block.atMs, 0
	if len(days)+len(minutes) == 0 {
		m.phase = joining
		return
	}
	m.seeding = true
	if n := len(minutes); n > 0 {
		for minutes[0].OpenMs < minutes[n-1].OpenMs-minutesMs {
			minutes, n = minutes[1:], n-1
		}
		m.beginMinutes(days, minutes)
	} else {
		m.beginDays(days)
	}
	m.openAt(p1s, m.open[p1m].OpenMs, m.lastSeen)
	if m.beginMs > m.nowMs() {
		m.skipHole(m.beginMs)
		m.ticker.wholeMs = m.beginMs
	}
	m.beginMs = max(m.beginMs, m.nowMs())
	m.seeding = false
	m.ticker.rolled, m.ticker.changed = false, true
	m.phase = running
	if m.live {
		m.PublishAll(m.ev.ComputeMs)
	}
}

// restart is reset, but for the block at hand.
func (m *Machine) restart() {
	b := m.block
	m.reset()
	m.block = b
}

func (m *Machine) makeRings() {
	for p := range m.closed {
		n := 8 // 3m candles that hold a trade of the kept 10 minutes, whole minutes: 5
		switch market.Period(p) {
		case p1s:
			n = int((keptMs + 2*market.MinuteMs) / market.SecondMs)
		case p1m:
			n = int(minutesMs/market.MinuteMs) + 2
		case p1d:
			n = 64
		}
		if len(m.closed[p].buf) < n {
			m.closed[p] = bars{buf: make([]bar, n)}
		}
	}
}

// replayDays closes the seeded days before untilMs, and leaves the longer candles open that hold untilMs.
func (m *Machine) replayDays(days []market.Candle, untilMs, price int64) {
	from := untilMs
	if len(days) > 0 && days[0].OpenMs < untilMs {
		from, price = days[0].OpenMs, days[0].Open
	}
	for p := p3d; p < end; p++ {
		m.openAt(p, p.OpenMs(from), price)
		if m.open[p].OpenMs < from {
			m.open[p].Flags |= flagPartial
		}
	}
	for i := range days {
		if days[i].OpenMs >= untilMs {
			break
		}
		m.skipTo(days[i].OpenMs)
		day := seedBar(&days[i])
		m.closeDay(&day, days[i].OpenMs+market.DayMs)
	}
	m.skipTo(untilMs)
	for p := p3d; p < end; p++ {
		if m.open[p].OpenMs < from {
			m.open[p].Flags &^= flagPartial // what is still open began to trade then: a block has more days than a month
		}
	}
}

// skipTo closes candles over a day that end at or before dayMs: the venue has no candles of the days between.
func (m *Machine) skipTo(dayMs int64) {
	for p := p3d; p < end; p++ {
		if b := &m.open[p]; p.NextMs(b.OpenMs) <= dayMs {
			m.close(p, b)
			m.openAt(p, p.OpenMs(dayMs), b.Close)
		}
	}
}

// beginMinutes replays seeded days, then seeded minutes; the log must hold every trade from the end of the last one.
func (m *Machine) beginMinutes(days, minutes []market.Candle) {
	first := &minutes[0]
	if len(days) > 0 {
		m.ticker.wholeMs = first.OpenMs
	}
	m.replayDays(days, p1d.OpenMs(first.OpenMs), first.Open)
	for p := p1s; p <= p1d; p++ {
		m.openAt(p, p.OpenMs(first.OpenMs), first.Open)
		if m.open[p].OpenMs < first.OpenMs && len(days) > 0 {
			m.open[p].Flags |= flagPartial
		}
	}
	for i := range minutes {
		for b := &m.open[p1m]; b.OpenMs < minutes[i].OpenMs; {
			m.closeMinute(b.OpenMs + market.MinuteMs) // no candle: nothing was traded
		}
		m.open[p1m] = seedBar(&minutes[i])
		m.closeMinute(minutes[i].OpenMs + market.MinuteMs)
	}
	m.lastSeen = m.open[p1m].Close
}

// beginDays replays days only. If the last one ends where the log begins, nothing is missing: so it is at midnight.
func (m *Machine) beginDays(days []market.Candle) {
	last := &days[len(days)-1]
	m.lastSeen = last.Close
	m.ticker.wholeMs = last.OpenMs + market.DayMs
	m.replayDays(days, last.OpenMs+market.DayMs, last.Close)
	for p := p1s; p <= p1d; p++ {
		m.openAt(p, last.OpenMs+market.DayMs, last.Close)
	}
}

// skipHole goes on where the log begins, when the seeds end before: what lies between is not known, and no candle that holds a part of it is ever closed.
func (m *Machine) skipHole(toMs int64) {
	for p := p1s; p < end; p++ {
		b := &m.open[p]
		b.Flags |= flagPartial
		if p.NextMs(b.OpenMs) <= toMs {
			m.close(p, b)
			m.openAt(p, p.OpenMs(toMs), b.Close)
			if b.OpenMs < toMs {
				b.Flags |= flagPartial
			}
		}
	}
}

// join opens the candles of a source without a past at its first trade. Nothing proves that they hold all of their trades.
func (m *Machine) join(eventMs, price int64) {
	for p := p1s; p < end; p++ {
		m.openAt(p, p.OpenMs(eventMs), price)
		m.open[p].Flags |= flagPartial
	}
	m.beginMs, m.lastSeen, m.phase = m.nowMs(), price, running
	m.ticker.wholeMs = p1m.NextMs(m.open[p1m].OpenMs)
}

// heal takes from a block the days that the state knows only in part.
func (m *Machine) heal() {
	if u := &m.block.spec.Contract; u.Tick.Scale != m.enc.priceScale || u.Step.Scale != m.enc.qtyScale {
		return // the state is finer than the block: see rescale
	}
	for _, c := range m.block.of(p1d) {
		i := m.closed[p1d].find(c.OpenMs)
		if i < 0 || m.closed[p1d].at(i).Flags&flagPartial == 0 {
			continue
		}
		day := m.closed[p1d].at(i)
		*day = seedBar(&c)
		day.Closed, day.Quality = true, market.QualityFilled
		day.Seq, day.EventMs = m.ev.Record.Seq, m.ev.Record.EventMs
		m.writeClosed(day)
		for p := p3d; p < end; p++ {
			m.healLonger(p, p.OpenMs(c.OpenMs))
		}
	}
	m.publishOpen(allPeriods)
}

// healLonger rolls a candle over a day up again. It is complete only when all of its days are there and whole.
func (m *Machine) healLonger(p market.Period, openMs int64) {
	b := &m.open[p]
	i := -1
	if b.OpenMs != openMs {
		if i = m.closed[p].find(openMs); i < 0 {
			return
		}
		b = m.closed[p].at(i)
	}
	b.Flags &^= flagPartial
	m.rebuild(p, b)
	if n := m.closed[p1d].from(openMs); n == m.closed[p1d].n || m.closed[p1d].at(n).OpenMs != openMs {
		b.Flags |= flagPartial
	}
	if i < 0 {
		m.touch(p)
		return
	}
	b.Seq, b.EventMs = m.ev.Record.Seq, m.ev.Record.EventMs
	m.writeClosed(b)
}

// update takes a changed catalogue entry into a contract that runs.
func (m *Machine) update(spec market.Spec) {
	served := m.mask
	price, qty := m.enc.priceScale, m.enc.qtyScale
	m.rescale(spec.Contract.Tick.Scale-price, spec.Contract.Step.Scale-qty)
	m.setSpec(spec)
	m.enc.priceScale, m.enc.qtyScale = max(price, m.enc.priceScale), max(qty, m.enc.qtyScale)
	if m.phase != running {
		return
	}
	m.clear(served&^m.mask, m.ev.Record.Seq)
	added := m.mask &^ served
	for p := p1s; p < end; p++ {
		if added&(1<<p) != 0 {
			m.touch(p) // newer than what may have cleared it before
		}
	}
	if m.live {
		m.publish(added)
	}
}
