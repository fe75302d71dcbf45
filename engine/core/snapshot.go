package core

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"

	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/matching"
)

// state is a Market as a snapshot has it.
type state struct {
	Contract market.Contract
	Open     bool
	Writer   int64
	NowUs    int64
	Quality  market.Quality
	Entries  int64
	Orders   int64
	Streams  [2]streamState
	Minutes  []market.Candle
	Days     []market.Candle
	Trades   []kept
	LostMs   int64
	Book     []byte
	Flow     []byte // nil: none
}

type streamState struct{ Epoch, Seq, ClockMs, PendingMs, DelayMs int64 }

// Snapshot returns the whole state; there must be no records that were not taken.
func (m *Market) Snapshot() ([]byte, error) {
	s := state{Contract: m.contract, Open: m.open, Writer: m.writer, NowUs: m.nowUs, Quality: m.quality, Entries: m.entries, Orders: m.orders,
		Minutes: m.past.minutes, Days: m.past.days, Trades: m.past.trades, LostMs: m.past.lostMs, Book: m.book.AppendSnapshot(nil)}
	for l, x := range m.streams {
		s.Streams[l] = streamState{x.epoch, x.seq, x.clockMs, x.pendingMs, x.delayMs}
	}
	if m.flow != nil {
		s.Flow = m.flow.AppendSnapshot(nil)
	}
	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(&s); err != nil {
		return nil, fmt.Errorf("encode the market's state: %w", err)
	}
	return buf.Bytes(), nil
}

// Load makes the market that Snapshot wrote.
func Load(snapshot []byte) (*Market, error) {
	var s state
	if err := gob.NewDecoder(bytes.NewReader(snapshot)).Decode(&s); err != nil {
		return nil, fmt.Errorf("decode the market's state: %w", err)
	}
	m := &Market{contract: s.Contract, open: s.Open, writer: s.Writer, nowUs: s.NowUs, quality: s.Quality, entries: s.Entries, orders: s.Orders,
		past: past{minutes: s.Minutes, days: s.Days, trades: s.Trades, lostMs: s.LostMs}}
	for l, x := range s.Streams {
		m.streams[l] = stream{epoch: x.Epoch, seq: x.Seq, clockMs: x.ClockMs, pendingMs: x.PendingMs, delayMs: x.DelayMs}
	}
	var rest []byte
	var err error
	if m.book, rest, err = matching.Load(s.Book); err == nil && len(rest) > 0 {
		err = errors.New("more than a book")
	}
	if err == nil && s.Flow != nil {
		m.flow, _, err = matching.LoadFlow(s.Flow)
	}
	if err != nil {
		return nil, fmt.Errorf("decode the market's state: %w", err)
	}
	return m, nil
}
