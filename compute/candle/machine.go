// Package candle computes candles from one contract's log of trades, and the 24 h ticker, which is made of its minutes: a pure state machine, log records in, output records out. It has no clock and does no I/O;
// flink-sql/README.md is its specification and flink-sql/testdata its golden files.
package candle

import (
	"fmt"

	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/market"
)

// Limits of what a record can ask for, so that a poisoned one costs nothing.
const (
	maxSeeds   = 20_000
	keptMs     = 10 * market.MinuteMs                    // trades and 1s candles, in whole minutes
	minutesMs  = market.DayMs + 11*market.MinuteMs       // 1m candles: a day that closed as long ago as trades are kept
	allPeriods = uint32(1)<<market.PeriodCount - 1       //
	fastest    = 1<<market.Period1s | 1<<market.Period1m // published on every trade
)

type phase uint8

const (
	unseeded phase = iota // waits for a complete seed block
	joining               // the source has no past: waits for the first trade, which gives a price
	running
)

// Machine is the state of one contract. It belongs to one goroutine.
type Machine struct {
	core.Fence
	contract string
	startMs  int64
	emit     func(*core.Output)
	fresh    bool // every record of the epoch was seen, and none began the contract
	phase    phase
	live     bool // a record not older than the job was seen: push topics are written

	spec        market.Spec
	delistedSeq int64 // of the record that ended it
	source      string
	simulated   bool
	mask        uint32 // served periods
	block       block  // seed records on the way

	beginMs  int64 // the log holds everything from here on
	lastSeen int64 // close before the log began

	// open are the candles in progress. 1s and 1m hold all of their trades; 3m to 1d hold their closed minutes, 3d to 1M their closed days: whole() adds the rest.
	open       [market.PeriodCount]bar
	closed     [market.PeriodCount]bars
	kept       ticks
	tradeSeq   int64 // the last trade in order changed every open candle that is older
	tradeMs    int64
	dirty      uint32 // open candles with a version that was not published
	quality    market.Quality
	gapPending bool  // between a gap record and the next trade
	seeding    bool  // closed candles come from seeds
	advancing  int64 // to where the clock goes while it closes candles; else 0
	ticker     ticker

	ev  *core.Input // the record at hand
	enc encoder
}

// New returns the machine of a contract without state. Push topics are written from the first record on that Kafka has not before startMs.
// Each output is handed to emit, which must copy what it keeps.
func New(contract string, startMs int64, emit func(*core.Output)) *Machine {
	m := &Machine{Fence: core.NewFence(), contract: contract, startMs: startMs, emit: emit}
	m.enc.init(contract)
	return m
}

// Apply takes the next record of the contract's log.
func (m *Machine) Apply(in *core.Input) (core.Verdict, error) {
	r := in.Record
	m.ev = in
	if v := m.fence(r); v != core.Applied {
		return v, nil
	}
	if err := core.CheckTime(r.EventMs); err != nil {
		return core.Invalid, err
	}
	before := m.pulse(r)
	if m.Hole && m.phase == running {
		m.changeQuality(m.quality, true) // lost records are a gap
	}
	v, err := m.apply(r)
	m.tick(before)
	if !m.live && in.AppendMs >= m.startMs {
		m.live = true
		m.PublishAll(in.ComputeMs)
	}
	return v, err
}

// fence says whether the record counts, and forgets what it puts an end to.
func (m *Machine) fence(r *market.Record) core.Verdict {
	v := m.Take(r)
	if m.Begins {
		m.reset()
		m.fresh = m.Whole
	}
	if v == core.Applied && (r.Kind == market.KindOpen || m.Hole) {
		m.block.drop()
	}
	m.fresh = m.fresh && !m.Hole
	return v
}

// reset forgets all but what fences records.
func (m *Machine) reset() {
	m.phase = unseeded
	m.block.drop()
	m.ticker = ticker{}
	m.dirty, m.gapPending, m.quality, m.tradeSeq, m.tradeMs = 0, false, market.QualityOK, -1, 0
	m.kept = ticks{free: m.kept.free}
	for p := range m.closed {
		m.closed[p].head, m.closed[p].n = 0, 0
	}
}

func (m *Machine) apply(r *market.Record) (core.Verdict, error) {
	switch r.Kind {
	case market.KindOpen:
		return core.Applied, nil
	case market.KindContract:
		return m.contractRecord(r)
	case market.KindSeed:
		return m.seed(r)
	}
	m.block.drop()
	m.fresh = m.fresh && r.Kind == market.KindQuality
	switch {
	case m.spec.Delisted:
		return core.Delisted, nil
	case m.phase == unseeded:
		return core.Waiting, nil
	}
	switch r.Kind {
	case market.KindTrade:
		return m.trade(r)
	case market.KindClock:
		return m.clock(r)
	case market.KindBust, market.KindCorrection:
		if m.phase == joining {
			return core.Waiting, nil
		}
		return m.amend(r)
	case market.KindGap:
		m.changeQuality(m.quality, true)
	case market.KindQuality:
		m.changeQuality(r.Quality, m.gapPending)
	}
	return core.Applied, nil
}

// tradeOf reads the trade of a record at the contract's scales.
func (m *Machine) tradeOf(r *market.Record) (t tick, err error) {
	t = tick{EventMs: r.EventMs, Price: r.Trade.Price, Qty: r.Trade.Qty, AggID: r.Trade.AggID, FirstID: r.Trade.FirstID, LastID: r.Trade.LastID, BuyerMaker: r.Trade.BuyerMaker}
	if r.PriceScale != m.enc.priceScale {
		if t.Price, err = market.Rescale(t.Price, r.PriceScale, m.enc.priceScale); err != nil {
			return t, fmt.Errorf("price: %w", err)
		}
	}
	if r.QtyScale != m.enc.qtyScale {
		if t.Qty, err = market.Rescale(t.Qty, r.QtyScale, m.enc.qtyScale); err != nil {
			return t, fmt.Errorf("quantity: %w", err)
		}
	}
	return t, nil
}

// nowMs is the contract's clock: the open time of its open second.
func (m *Machine) nowMs() int64 { return m.open[market.Period1s].OpenMs }

// keepMs is the time from which on trades and 1s candles are kept, whole minutes.
func (m *Machine) keepMs() int64 { return market.Period1m.OpenMs(m.nowMs()) - keptMs }

func (m *Machine) trade(r *market.Record) (core.Verdict, error) {
	t, err := m.tradeOf(r)
	if err != nil {
		return core.Invalid, err
	}
	second := market.Period1s.OpenMs(t.EventMs)
	joined := m.phase == joining
	if joined {
		if t.EventMs < m.beginMs {
			return core.Seeded, nil
		}
		m.join(t.EventMs, t.Price)
	}
	now := m.nowMs()
	if second < now {
		return m.lateTrade(&t)
	}
	if second > now {
		if second > now+core.MaxJumpMs {
			return core.Invalid, core.ErrJump
		}
		m.advance(second) // its clock record is missing: the trade stands for it
	}
	m.kept.push(&t)
	m.open[market.Period1s].add(&t)
	m.open[market.Period1m].add(&t)
	m.tradeSeq, m.tradeMs = r.Seq, r.EventMs
	m.ticker.tradeMs, m.ticker.changed = max(m.ticker.tradeMs, r.EventMs), true
	m.dirty = allPeriods
	m.gapPending = false
	switch {
	case joined:
		m.publish(allPeriods)
	case second > now:
		m.publishOpen(allPeriods)
	case !m.ev.Thin:
		m.publishOpen(fastest)
	}
	return core.Applied, nil
}

func (m *Machine) clock(r *market.Record) (core.Verdict, error) {
	if m.phase == joining {
		return core.Waiting, nil // no price is known that an empty candle could show
	}
	if r.EventMs > m.nowMs()+core.MaxJumpMs {
		return core.Invalid, core.ErrJump
	}
	m.advance(market.Period1s.OpenMs(r.EventMs))
	m.publishOpen(allPeriods)
	return core.Applied, nil
}
