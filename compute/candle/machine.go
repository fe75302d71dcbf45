// Package candle computes candles from one contract's log of trades: a pure state machine, log records in, output records out. It has no clock and does no I/O;
// flink-sql/README.md is its specification and flink-sql/testdata its golden files.
package candle

import (
	"errors"
	"fmt"

	"github.com/tickcast/tickcast/market"
)

// Limits of what a record can ask for, so that a poisoned one costs nothing.
const (
	maxSeeds   = 20_000
	maxJumpMs  = market.MaxClockJumpMs                   // after a longer outage a seed block begins anew
	minEventMs = 31 * market.DayMs                       // before it, weeks and months would open before 1970
	maxEventMs = 253402300800000                         // year 10000
	keptMs     = 10 * market.MinuteMs                    // trades and 1s candles, in whole minutes
	minutesMs  = market.DayMs + 11*market.MinuteMs       // 1m candles: a day that closed as long ago as trades are kept
	allPeriods = uint32(1)<<market.PeriodCount - 1       //
	fastest    = 1<<market.Period1s | 1<<market.Period1m // published on every trade
)

// Input is one log record with what the surroundings know about it.
type Input struct {
	Record    *market.Record
	Value     []byte // the record as it was read, for market.late
	AppendMs  int64  // Kafka's timestamp
	ComputeMs int64  // printed as tsc; decides nothing
	Thin      bool   // leave out in-progress versions until the next clock record
}

// Verdict says what became of a record.
type Verdict uint8

// The verdicts. All but Applied and Late mean that the record changed nothing.
const (
	Applied   Verdict = iota
	OldWriter         // written by a fenced writer
	OldEpoch
	OldSeq   // seen before
	Waiting  // the contract has no complete seed block yet
	Seeded   // event time before the log began: the seeds hold it
	Late     // beyond what is kept: sent to market.late
	Delisted // the contract has left the catalogue
	Invalid  // impossible: the error says why
	verdictCount
)

var verdictNames = [verdictCount]string{"applied", "old_writer", "old_epoch", "old_seq", "waiting", "seeded", "late", "delisted", "invalid"}

func (v Verdict) String() string { return verdictNames[v] }

type phase uint8

const (
	unseeded phase = iota // waits for a complete seed block
	joining               // the source has no past: waits for the first trade, which gives a price
	running
)

// Machine is the state of one contract. It belongs to one goroutine.
type Machine struct {
	Missing int64 // records that the log should have held, by its sequence numbers; the loop may set it back

	contract string
	startMs  int64
	emit     func(*Output)

	writer, epoch, seq int64          // fencing
	opened             market.Version // place of the last open record
	hole               bool           // before the record at hand
	fresh              bool           // every record of the epoch was seen, and none began the contract
	phase              phase
	live               bool // a record not older than the job was seen: push topics are written

	spec      market.Spec
	source    string
	simulated bool
	mask      uint32 // served periods
	block     block  // seed records on the way

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

	ev  *Input // the record at hand
	enc encoder
}

// New returns the machine of a contract without state. Push topics are written from the first record on that Kafka has not before startMs.
// Each output is handed to emit, which must copy what it keeps.
func New(contract string, startMs int64, emit func(*Output)) *Machine {
	m := &Machine{contract: contract, startMs: startMs, emit: emit, epoch: -1}
	m.enc.init(contract)
	return m
}

var errJump = errors.New("event time is too far ahead of the contract's clock")

// Apply takes the next record of the contract's log.
func (m *Machine) Apply(in *Input) (Verdict, error) {
	r := in.Record
	m.ev = in
	m.hole = false
	if v := m.fence(r); v != Applied {
		return v, nil
	}
	if r.EventMs < minEventMs || r.EventMs >= maxEventMs {
		return Invalid, fmt.Errorf("event time %d is impossible", r.EventMs)
	}
	if m.hole && m.phase == running {
		m.changeQuality(m.quality, true) // lost records are a gap
	}
	v, err := m.apply(r)
	if !m.live && in.AppendMs >= m.startMs {
		m.live = true
		m.PublishAll(in.ComputeMs)
	}
	return v, err
}

// fence says whether the record is the next of its log.
func (m *Machine) fence(r *market.Record) Verdict {
	if r.Writer < m.writer {
		return OldWriter
	}
	m.writer = r.Writer
	if r.Kind == market.KindOpen { // fences, and counts, but begins nothing: its writer need not know the epoch yet
		m.block.drop()
		m.opened = market.Version{Epoch: r.Epoch, Seq: r.Seq}
		if r.Epoch == m.epoch && r.Seq > m.seq {
			m.advanceSeq(r.Seq)
		}
		return Applied
	}
	switch {
	case r.Epoch < m.epoch:
		return OldEpoch
	case r.Epoch > m.epoch:
		m.reset()
		m.epoch, m.seq = r.Epoch, r.Seq-1
		m.fresh = r.Seq == 1 || r.Seq == 2 && m.opened == market.Version{Epoch: r.Epoch, Seq: 1}
	}
	if r.Seq <= m.seq {
		return OldSeq
	}
	m.advanceSeq(r.Seq)
	return Applied
}

// advanceSeq takes a record's number, which is above the last; records between the two are lost.
func (m *Machine) advanceSeq(seq int64) {
	if m.hole = seq != m.seq+1; m.hole {
		m.Missing += seq - m.seq - 1
		m.block.drop()
		m.fresh = false
	}
	m.seq = seq
}

// reset forgets all but what fences records.
func (m *Machine) reset() {
	m.phase = unseeded
	m.block.drop()
	m.dirty, m.gapPending, m.quality, m.tradeSeq, m.tradeMs = 0, false, market.QualityOK, -1, 0
	m.kept = ticks{free: m.kept.free}
	for p := range m.closed {
		m.closed[p].head, m.closed[p].n = 0, 0
	}
}

func (m *Machine) apply(r *market.Record) (Verdict, error) {
	switch r.Kind {
	case market.KindOpen:
		return Applied, nil
	case market.KindContract:
		return m.contractRecord(r)
	case market.KindSeed:
		return m.seed(r)
	}
	m.block.drop()
	m.fresh = m.fresh && r.Kind == market.KindQuality
	switch {
	case m.spec.Delisted:
		return Delisted, nil
	case m.phase == unseeded:
		return Waiting, nil
	}
	switch r.Kind {
	case market.KindTrade:
		return m.trade(r)
	case market.KindClock:
		return m.clock(r)
	case market.KindBust, market.KindCorrection:
		if m.phase == joining {
			return Waiting, nil
		}
		return m.amend(r)
	case market.KindGap:
		m.changeQuality(m.quality, true)
	case market.KindQuality:
		m.changeQuality(r.Quality, m.gapPending)
	}
	return Applied, nil
}

// tick reads the trade of a record at the contract's scales.
func (m *Machine) tick(r *market.Record) (t tick, err error) {
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

func (m *Machine) trade(r *market.Record) (Verdict, error) {
	t, err := m.tick(r)
	if err != nil {
		return Invalid, err
	}
	second := market.Period1s.OpenMs(t.EventMs)
	joined := m.phase == joining
	if joined {
		if t.EventMs < m.beginMs {
			return Seeded, nil
		}
		m.join(t.EventMs, t.Price)
	}
	now := m.nowMs()
	if second < now {
		return m.lateTrade(&t)
	}
	if second > now {
		if second > now+maxJumpMs {
			return Invalid, errJump
		}
		m.advance(second) // its clock record is missing: the trade stands for it
	}
	m.kept.push(&t)
	m.open[market.Period1s].add(&t)
	m.open[market.Period1m].add(&t)
	m.tradeSeq, m.tradeMs = r.Seq, r.EventMs
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
	return Applied, nil
}

func (m *Machine) clock(r *market.Record) (Verdict, error) {
	if m.phase == joining {
		return Waiting, nil // no price is known that an empty candle could show
	}
	if r.EventMs > m.nowMs()+maxJumpMs {
		return Invalid, errJump
	}
	m.advance(market.Period1s.OpenMs(r.EventMs))
	m.publishOpen(allPeriods)
	return Applied, nil
}
