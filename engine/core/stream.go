package core

import (
	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/matching"
)

// How long after a trade or a change of the book its clock record comes at the latest (the rules allow 250 and 100).
const (
	tradeClockMs = 200
	bookClockMs  = 80
)

// stream is where one of the logs stands.
type stream struct {
	epoch, seq int64
	clockMs    int64 // X of the last clock record
	pendingMs  int64 // when a clock record is due for what came since; 0: nothing came
	delayMs    int64
}

// touch notes that something was written which wants a clock record behind it.
func (s *stream) touch(us int64) {
	if s.pendingMs == 0 {
		s.pendingMs = us/1000 + 1 + s.delayMs
	}
}

// dueMs is when the next clock record comes: soon after a change, and at each whole second.
func (s *stream) dueMs() int64 {
	due := s.clockMs - s.clockMs%market.SecondMs + market.SecondMs
	if s.pendingMs != 0 {
		due = min(due, s.pendingMs)
	}
	return due
}

// advance lets the time pass: every clock record that has become due is written with the time at which it was due. All entries before are in the logs, and
// none to come is earlier, so that is what is proved complete.
func (m *Market) advance(toUs int64) {
	for {
		due, ok := m.DeadlineUs()
		if !ok || due > toUs {
			break
		}
		m.nowUs = max(m.nowUs, due)
		for l := range m.streams {
			if m.streams[l].dueMs()*1000 <= due {
				m.clock(Log(l), due/1000)
			}
		}
	}
	m.nowUs = max(m.nowUs, toUs)
}

// clock writes a clock record, and what belongs behind it: a snapshot of the book after each whole minute, the days at 00:00 UTC.
func (m *Market) clock(l Log, x int64) {
	s := &m.streams[l]
	s.pendingMs = 0
	if x <= s.clockMs {
		return
	}
	was := s.clockMs
	s.clockMs = x
	m.emit(l, market.Record{Kind: market.KindClock, EventMs: x})
	minute := market.Period1m.OpenMs(x)
	if l == Books {
		if minute > was {
			m.emitContract(Books, x, 0) // for a reader that begins here
			m.emitSnapshot(x)
		}
		return
	}
	if day := market.Period1d.OpenMs(x); day > was {
		m.past.closeDays(day)
		m.emitBlock(day, m.past.days)
	}
}

func (m *Market) emit(l Log, r market.Record) {
	s := &m.streams[l]
	s.seq++
	r.Contract, r.Source, r.Simulated = m.contract.ID, m.contract.Source, true
	r.Writer, r.Epoch, r.Seq, r.Quality = m.writer, s.epoch, s.seq, m.quality
	m.out = append(m.out, Effect{l, r})
}

func (m *Market) emitTrade(k market.Kind, t market.Trade, ms int64) {
	m.emit(Trades, market.Record{Kind: k, EventMs: ms, PriceScale: m.contract.Tick.Scale, QtyScale: m.contract.Step.Scale, Trade: t})
}

func (m *Market) emitDiff(o *matching.Outcome, ms int64) {
	change := market.BookChange{FirstID: o.UpdateID, LastID: o.UpdateID}
	change.Bids = m.side(func(add func(price, lots int64)) {
		for _, c := range o.Levels {
			if c.Side == matching.Buy {
				add(c.Price, c.Qty)
			}
		}
	})
	change.Asks = m.side(func(add func(price, lots int64)) {
		for _, c := range o.Levels {
			if c.Side == matching.Sell {
				add(c.Price, c.Qty)
			}
		}
	})
	m.emitBook(market.KindDiff, change, ms)
}

func (m *Market) emitSnapshot(ms int64) {
	id := m.book.UpdateID()
	change := market.BookChange{FirstID: id, LastID: id}
	for s := matching.Buy; s <= matching.Sell; s++ {
		ls := m.side(func(add func(price, lots int64)) {
			for i := range m.book.Levels(s) {
				l := m.book.Level(s, i)
				add(l.Price, l.Qty)
			}
		})
		if s == matching.Buy {
			change.Bids = ls
		} else {
			change.Asks = ls
		}
	}
	m.emitBook(market.KindSnapshot, change, ms)
}

// side collects levels in the contract's scales.
func (m *Market) side(each func(add func(price, lots int64))) []market.Level {
	from := len(m.levels)
	each(func(price, lots int64) {
		m.levels = append(m.levels, market.Level{Price: price * m.contract.Tick.Size, Qty: lots * m.contract.Step.Size})
	})
	return m.levels[from:len(m.levels):len(m.levels)]
}

func (m *Market) emitBook(k market.Kind, c market.BookChange, ms int64) {
	m.emit(Books, market.Record{Kind: k, EventMs: ms, PriceScale: m.contract.Tick.Scale, QtyScale: m.contract.Step.Scale, Book: c})
}

// emitBlock writes the contract's entry and the candles that it announces.
func (m *Market) emitBlock(ms int64, seeds []market.Candle) {
	m.emitContract(Trades, ms, len(seeds))
	for _, c := range seeds {
		c.Closed = true
		m.emit(Trades, market.Record{Kind: market.KindSeed, EventMs: c.Period.NextMs(c.OpenMs) - 1, PriceScale: m.contract.Tick.Scale, QtyScale: m.contract.Step.Scale, Seed: c})
	}
}

func (m *Market) emitContract(l Log, ms int64, seeds int) {
	m.emit(l, market.Record{Kind: market.KindContract, EventMs: ms, Spec: market.Spec{Contract: m.contract, Seeds: seeds}})
}
