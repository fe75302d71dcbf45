// Package core is one market of the engine as a pure state machine: entries of its command log go in, the records of its two logs come out. It does no I/O and
// has no clock. The same entries give the same records, byte for byte, from the beginning or from a snapshot: that is how a restart finds what a killed
// process had not written yet.
package core

import (
	"fmt"

	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/matching"
)

// Log names one of a contract's two logs.
type Log uint8

// The logs.
const (
	Trades Log = iota
	Books
)

// Effect is a record and the log that it belongs to.
type Effect struct {
	Log    Log
	Record market.Record
}

// Market is one market. It belongs to one goroutine.
type Market struct {
	contract market.Contract
	book     *matching.Book
	flow     *matching.Flow // nil: commands come from a file
	open     bool           // between Open and Close
	writer   int64
	nowUs    int64
	quality  market.Quality
	streams  [2]stream // by Log
	past     past
	entries  int64 // applied since the market began; orders from a file count themselves by it
	orders   int64

	out    []Effect
	levels []market.Level // room of the book records in out
	Counts Counts
}

// Counts says what became of the entries.
type Counts struct {
	Orders   int64
	Rejected int64
	Trades   int64
	Changes  int64 // of the book
}

// New makes a market that has not been opened. The contract gives the units of the first lines of a log that does not begin with an Open.
func New(c market.Contract) (*Market, error) {
	m := &Market{contract: c}
	return m, m.empty(1, 1, 1)
}

// empty makes a new book whose ids go on.
func (m *Market) empty(trade, agg, update int64) (err error) {
	cfg := matching.DefaultConfig()
	cfg.MaxLevels = market.MaxLevels
	cfg.MaxPrice, cfg.MaxQty = cfg.MaxPrice/m.contract.Tick.Size, cfg.MaxQty/m.contract.Step.Size
	cfg.FirstTradeID, cfg.FirstAggID, cfg.FirstUpdateID = trade, agg, update
	m.book, err = matching.New(cfg)
	if err != nil {
		return fmt.Errorf("tick %s or step %s: %w", m.contract.Tick, m.contract.Step, err)
	}
	return nil
}

// Contract is the contract in whose units lines are read.
func (m *Market) Contract() *market.Contract { return &m.contract }

// Book is the order book; it is only to be read.
func (m *Market) Book() *matching.Book { return m.book }

// Place is where a record stands in a log.
type Place struct{ Epoch, Seq int64 }

// Place is that of the last record of a log; zeros before the first.
func (m *Market) Place(l Log) Place { return Place{m.streams[l].epoch, m.streams[l].seq} }

// Writer is the id in the last Open, 0 before it.
func (m *Market) Writer() int64 { return m.writer }

// NowUs is the time that entries have reached.
func (m *Market) NowUs() int64 { return m.nowUs }

// Orders counts the Order entries.
func (m *Market) Orders() int64 { return m.orders }

// LastID is the last aggregate trade's id.
func (m *Market) LastID() int64 { return m.book.LastAggID() }

// Next returns the flow's next command; false if commands come from a file.
func (m *Market) Next() (matching.Command, bool) {
	if m.flow == nil {
		return matching.Command{}, false
	}
	return m.flow.Peek(m.book), true
}

// DeadlineUs is when a clock record is due at the latest; an entry of that time or later must come then. ok is false while the market is closed.
func (m *Market) DeadlineUs() (us int64, ok bool) {
	return min(m.streams[Trades].dueMs(), m.streams[Books].dueMs()) * 1000, m.open
}

// Take returns the records since the last Take, in order per log. They are valid until the next Apply.
func (m *Market) Take() []Effect {
	out := m.out
	m.out = m.out[:0]
	m.levels = m.levels[:0]
	return out
}

// Apply takes an entry. What it returns says why the entry has had no effect; empty if it had.
func (m *Market) Apply(e *Entry) (refused string, err error) {
	m.entries++
	switch e.Verb {
	case Open:
		return "", m.takeOver(e)
	case Order, Bust, Correct:
		if !m.open {
			return "the market is closed", nil
		}
	}
	if e.Verb == Skip {
		m.skip(e.TimeUs)
		return "", nil
	}
	m.advance(e.TimeUs)
	switch e.Verb {
	case Order:
		return m.order(&e.Command), nil
	case Bust, Correct:
		return m.amend(e), nil
	case Close:
		m.close()
	}
	return "", nil
}

func (m *Market) order(c *matching.Command) string {
	m.orders++
	if m.flow != nil {
		if m.flow.Peek(m.book) == *c {
			m.flow.Take()
		} else { // written by another version of the flow: the log is what counts
			if err := m.flow.Resume(m.flow.Params(), c.TimeUs); err != nil {
				return err.Error() // its own parameters
			}
		}
	}
	o := m.book.Apply(*c)
	m.Counts.Orders++
	if o.Status == matching.Rejected {
		m.Counts.Rejected++
		return o.Reason.String()
	}
	ms := c.TimeUs / 1000
	for i := range o.Trades {
		t := m.trade(&o.Trades[i])
		m.past.add(t, ms)
		m.emitTrade(market.KindTrade, t, ms)
		m.Counts.Trades++
	}
	if len(o.Trades) > 0 {
		m.streams[Trades].touch(c.TimeUs)
	}
	if len(o.Levels) > 0 {
		m.emitDiff(o, ms)
		m.streams[Books].touch(c.TimeUs)
		m.Counts.Changes++
	}
	return ""
}

// trade turns ticks and lots into the contract's scales.
func (m *Market) trade(t *matching.Trade) market.Trade {
	return market.Trade{Price: t.Price * m.contract.Tick.Size, Qty: t.Qty * m.contract.Step.Size, BuyerMaker: t.TakerSide == matching.Sell,
		AggID: t.ID, FirstID: t.FirstID, LastID: t.LastID}
}

// amend takes a trade back or replaces it. The book is not touched: what was delivered is another system's.
func (m *Market) amend(e *Entry) string {
	t, why := m.past.find(e.AggID)
	if why != "" {
		return why
	}
	kind, at := market.KindBust, m.nowUs/1000
	if t.Busted = e.Verb == Bust; !t.Busted {
		if e.Price < 1 || e.Qty < 1 {
			return "the price and the quantity must be above 0"
		}
		kind, at = market.KindCorrection, t.Ms
		t.Trade.Price, t.Trade.Qty = e.Price*m.contract.Tick.Size, e.Qty*m.contract.Step.Size
	}
	if !m.past.amend(t) {
		return "the trade is as it should be already"
	}
	m.emitTrade(kind, t.Trade, at)
	m.streams[Trades].touch(m.nowUs)
	return ""
}

func (m *Market) close() {
	if !m.open {
		return
	}
	m.quality = market.QualityStale
	for l := range m.streams {
		m.emit(Log(l), market.Record{Kind: market.KindQuality, EventMs: m.nowUs / 1000})
	}
	m.open = false
}

// skip goes on at a later time without the clock records between: the process slept.
func (m *Market) skip(atUs int64) {
	if !m.open || atUs <= m.nowUs {
		return
	}
	m.advance(min(atUs, m.nowUs+(tradeClockMs+1)*1000)) // what was waiting for its clock record
	if m.flow != nil {
		if err := m.flow.Resume(m.flow.Params(), atUs); err != nil {
			panic(err) // its own parameters
		}
	}
	m.nowUs = atUs
	for l := range m.streams {
		m.clock(Log(l), atUs/1000)
	}
}
