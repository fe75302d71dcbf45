// Package live is the newest state of each contract's market, as the push.* topics and market.trades tell it: the newest version of every key, the candles that have just
// closed, and a bounded number of trades. It does no I/O.
package live

import (
	"fmt"
	"sync"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/market"
)

// Topics are the topics of full state that State.Apply takes; beside them it takes market.trades.
var Topics = [...]string{catalog.PushCandles, catalog.PushClosed, catalog.PushTickers, catalog.PushBBO, catalog.PushBooks}

// Value is the newest value of a key, as its writer wrote it. It must not be changed.
type Value struct {
	Version market.Version
	JSON    []byte // nil: not known, or taken back because the contract was delisted
	AtMs    int64  // when it came
}

// newer keeps v if its version is newer.
func (l *Value) newer(v Value) bool {
	if l.AtMs != 0 && !l.Version.Less(v.Version) {
		return false
	}
	*l = v
	return true
}

// Record is a record of one of the topics. Apply keeps Value.
type Record struct {
	Topic      string
	Key, Value []byte
	Version    market.Version
}

// State is the live state of all contracts. Apply belongs to one goroutine; everything else is safe for any number of them.
type State struct {
	keepTrades int // per contract

	mu      sync.RWMutex // of the maps, which Follow changes
	byID    map[string]*Contract
	candles map[string]*candles // by key of push.candles and push.closed
	tickers map[string]*Value
	bbos    map[string]*Value
	books   map[string]*Value // of each contract's finest resolution
	owner   map[*Value]*Contract

	decoder market.Decoder
	trade   market.Record
	candle  market.CandleMessage
}

// Contract is the live state of one contract.
type Contract struct {
	mu      sync.RWMutex
	candles [market.PeriodCount]candles
	ticker  Value
	bbo     Value
	book    Value
	bookKey string // of push.books: the finest resolution; empty: none
	trades  trades
}

// New makes the state of the catalogue's contracts; of each it keeps so many trades.
func New(contracts []market.Contract, keepTrades int) *State {
	s := &State{keepTrades: keepTrades, byID: map[string]*Contract{}, candles: map[string]*candles{}, tickers: map[string]*Value{}, bbos: map[string]*Value{}, books: map[string]*Value{},
		owner: map[*Value]*Contract{}}
	s.Follow(contracts)
	return s
}

// Follow takes a changed catalogue: the state of contracts that are new is kept from now on. Those that have left stay: a question about one may be under way.
func (s *State) Follow(contracts []market.Contract) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range contracts {
		m := &contracts[i]
		c := s.byID[m.ID]
		if c == nil {
			c = &Contract{trades: trades{keep: s.keepTrades}}
			s.byID[m.ID] = c
			s.tickers[catalog.TickerKey(m.ID)] = &c.ticker
			s.bbos[catalog.BBOKey(m.ID)] = &c.bbo
			s.owner[&c.ticker], s.owner[&c.bbo], s.owner[&c.book] = c, c, c
		}
		for _, p := range m.Period {
			c.candles[p].owner, c.candles[p].period = c, p
			s.candles[catalog.CandleKey(m.ID, p)] = &c.candles[p]
		}
		c.setBooks(s, m)
	}
}

// setBooks makes the finest resolution the one that is kept.
func (c *Contract) setBooks(s *State, m *market.Contract) {
	key := ""
	if len(m.Books) > 0 {
		key = catalog.BookKey(m.ID, finest(m.Books))
	}
	if key == c.bookKey {
		return
	}
	delete(s.books, c.bookKey)
	if c.bookKey = key; key != "" {
		s.books[key] = &c.book
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.book = Value{}
}

func finest(us []market.Unit) market.Unit {
	best := us[0]
	for _, u := range us[1:] {
		scale := max(best.Scale, u.Scale)
		a, errA := market.Rescale(u.Size, u.Scale, scale)
		b, errB := market.Rescale(best.Size, best.Scale, scale)
		if errA == nil && (errB != nil || a < b) {
			best = u
		}
	}
	return best
}

// Contract returns the state of a contract of the catalogue, nil for another one.
func (s *State) Contract(id string) *Contract {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byID[id]
}

// Apply takes one record; news is false if it changes nothing: an older version, or of no interest here. nowMs is when it came.
func (s *State) Apply(r Record, nowMs int64) (news bool, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch r.Topic {
	case catalog.PushCandles:
		if c := s.candles[string(r.Key)]; c != nil {
			return c.setOpen(Value{r.Version, r.Value, nowMs}), nil
		}
	case catalog.PushClosed:
		if c := s.candles[string(r.Key)]; c != nil && len(r.Value) > 0 {
			return s.setClosed(c, r)
		}
	case catalog.PushTickers:
		return s.set(s.tickers[string(r.Key)], r, nowMs), nil
	case catalog.PushBBO:
		return s.set(s.bbos[string(r.Key)], r, nowMs), nil
	case catalog.PushBooks:
		return s.set(s.books[string(r.Key)], r, nowMs), nil
	case catalog.MarketTrades:
		if c := s.byID[string(r.Key)]; c != nil {
			return s.setTrade(c, r)
		}
	}
	return false, nil
}

func (s *State) set(l *Value, r Record, nowMs int64) bool {
	if l == nil {
		return false
	}
	c := s.owner[l]
	c.mu.Lock()
	defer c.mu.Unlock()
	return l.newer(Value{r.Version, r.Value, nowMs})
}

func (s *State) setClosed(c *candles, r Record) (bool, error) {
	m := &s.candle
	if err := s.decoder.DecodeCandle(r.Value, m); err != nil {
		return false, fmt.Errorf("closed candle: %w", err)
	}
	if m.Period != c.period || m.Version() != r.Version || !m.Closed {
		return false, fmt.Errorf("closed candle: it is the one of %s %d, its key %.60s", m.Period, m.OpenMs, r.Key)
	}
	return c.setClosed(m), nil
}

func (s *State) setTrade(c *Contract, r Record) (bool, error) {
	if err := s.decoder.Decode(r.Value, &s.trade); err != nil {
		return false, fmt.Errorf("log record: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trades.apply(&s.trade), nil
}

// Ticker is the newest value of push.tickers.
func (c *Contract) Ticker() Value { return c.value(&c.ticker) }

// BBO is the newest value of push.bbo.
func (c *Contract) BBO() Value { return c.value(&c.bbo) }

// Book is the newest value of push.books at the contract's finest resolution.
func (c *Contract) Book() Value { return c.value(&c.book) }

func (c *Contract) value(l *Value) Value {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return *l
}
