package core

import (
	"slices"

	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/matching"
)

// Foreign says why the logs at hand cannot be continued for a contract: a tick or step of another size, or another market. Both logs then need a new epoch, and the
// market begins with an empty book. Empty: they can be continued, or nothing has begun yet.
func (m *Market) Foreign(c *market.Contract) string {
	was := &m.contract
	switch {
	case m.writer == 0:
		return ""
	case was.Tick != c.Tick || was.Step != c.Step:
		return "the tick or the step has changed"
	case was.ID != c.ID || was.Symbol != c.Symbol || was.Source != c.Source:
		return "it is another market"
	}
	return ""
}

// takeOver opens the market for a process.
func (m *Market) takeOver(e *Entry) error {
	o := e.Opening
	foreign := m.Foreign(&o.Contract) != ""
	m.contract = o.Contract
	if foreign || m.writer == 0 {
		m.flow, m.past = nil, past{}
		if err := m.empty(m.book.LastTradeID()+1, m.book.LastAggID()+1, m.book.UpdateID()+1); err != nil {
			return err
		}
	}
	at := max(e.TimeUs, m.nowUs)
	if err := m.startFlow(o.Flow, at); err != nil {
		return err
	}
	resumed := m.quality != market.QualityOK
	m.writer, m.nowUs, m.open, m.quality = o.Writer, at, true, market.QualityOK
	m.streams[Trades].delayMs, m.streams[Books].delayMs = tradeClockMs, bookClockMs
	m.openTrades(o.TradesEpoch, resumed)
	m.openBooks(o.BooksEpoch, resumed)
	return nil
}

func (m *Market) startFlow(f *Flow, atUs int64) (err error) {
	switch {
	case f == nil:
		m.flow = nil
		return nil
	case m.flow != nil:
		return m.flow.Resume(f.Params, atUs)
	case m.book.Seq() > 0 || f.HistoryMs == 0: // a market that was driven by a file before has a past already
		m.flow, err = matching.NewFlow(f.Params, f.Seed, atUs)
		return err
	}
	return m.makeUp(f, atUs)
}

// Rates in the past that is made up: enough for candles, and few enough that two months take a second.
const (
	dayRateMilli    = 1000 // of the last day: a trade per second
	oldRateMilli    = 50
	oldRatePart     = 20 // its quotes are as much rarer than the last day's as its trades
	historyQuotes   = 1000
	historyLastPart = market.DayMs + 2*market.MinuteMs // the first minute of the 24 h ticker among them
)

// makeUp lets the market run through its past up to atUs: its trades make up the bars of the seeds and are in no log.
func (m *Market) makeUp(f *Flow, atUs int64) (err error) {
	slow := f.Params
	slow.Even = false
	slow.RateMilli, slow.QuoteMilli = min(slow.RateMilli, oldRateMilli), historyQuotes/oldRatePart
	if m.flow, err = matching.NewFlow(slow, f.Seed, max(0, atUs-f.HistoryMs*1000)); err != nil {
		return err
	}
	m.runHidden(atUs - historyLastPart*1000)
	slow.RateMilli, slow.QuoteMilli = min(f.Params.RateMilli, dayRateMilli), historyQuotes
	if err := m.flow.Resume(slow, max(m.nowUs, atUs-historyLastPart*1000)); err != nil {
		return err
	}
	m.runHidden(atUs)
	m.past.forget(len(m.past.trades))
	return m.flow.Resume(f.Params, atUs)
}

func (m *Market) runHidden(untilUs int64) {
	for {
		c := m.flow.Peek(m.book)
		if c.TimeUs >= untilUs {
			return
		}
		o := m.book.Apply(c)
		m.flow.Take()
		for i := range o.Trades {
			ms := c.TimeUs / 1000
			if n := len(m.past.minutes); n > 0 && m.past.minutes[n-1].OpenMs < market.Period1d.OpenMs(ms) {
				m.past.closeDays(market.Period1d.OpenMs(ms))
			}
			m.past.add(m.trade(&o.Trades[i]), ms)
		}
	}
}

func (m *Market) openTrades(epoch int64, resumed bool) {
	s, at := &m.streams[Trades], m.nowUs/1000
	s.pendingMs = 0
	if epoch == 0 {
		m.emit(Trades, market.Record{Kind: market.KindOpen, EventMs: at})
		m.emitContract(Trades, at, 0)
		if resumed {
			m.emit(Trades, market.Record{Kind: market.KindQuality, EventMs: at})
		}
		m.clock(Trades, at)
		return
	}
	s.epoch, s.seq = epoch, 0
	m.emit(Trades, market.Record{Kind: market.KindOpen, EventMs: at})
	join := market.Period1m.OpenMs(at) // from here on the log holds every trade
	if join <= m.past.lostMs {
		join = m.past.lostMs + 1
	}
	m.past.closeDays(market.Period1d.OpenMs(join))
	m.emitBlock(join, slices.Concat(m.past.days, m.past.closedMinutes(market.Period1m.OpenMs(join))))
	s.clockMs = join
	m.emit(Trades, market.Record{Kind: market.KindClock, EventMs: join})
	m.past.forget(m.past.firstFrom(join))
	for _, k := range m.past.trades {
		m.clock(Trades, k.Ms-k.Ms%market.SecondMs)
		m.emitTrade(market.KindTrade, k.Trade, k.Ms)
		if k.Busted {
			m.emitTrade(market.KindBust, k.Trade, at)
		}
	}
	m.clock(Trades, at)
}

func (m *Market) openBooks(epoch int64, resumed bool) {
	s, at := &m.streams[Books], m.nowUs/1000
	s.pendingMs = 0
	if epoch != 0 {
		s.epoch, s.seq, s.clockMs = epoch, 0, 0
	}
	m.emit(Books, market.Record{Kind: market.KindOpen, EventMs: at})
	m.emitContract(Books, at, 0)
	if resumed {
		m.emit(Books, market.Record{Kind: market.KindQuality, EventMs: at})
	}
	m.emitSnapshot(at)
	if at > s.clockMs { // without the snapshot of a whole minute that may have passed meanwhile: one is there
		s.clockMs = at
		m.emit(Books, market.Record{Kind: market.KindClock, EventMs: at})
	}
}
