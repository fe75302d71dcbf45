package simexchange

import (
	"fmt"
	"hash/fnv"
	"strings"
	"sync"

	"github.com/tickcast/tickcast/market"
)

// checkpoint is the random market's state at a whole minute: every event before it taken, none after.
type checkpoint struct {
	MinuteMs int64
	State    marketState
}

// instrument is one symbol: where its trades come from, and its event log.
type instrument struct {
	Symbol
	params marketParams
	src    source

	streams streamNames

	told   ticker // what ticker streams said last, without its times; the publishing goroutine's
	ticker ticker // the same with them

	mu          sync.RWMutex // guards what follows: the publishing goroutine writes, REST reads
	log         *eventLog
	checkpoints []checkpoint // the newest ones, so that the first lies back by the backlog
}

func newInstrument(s Symbol, p marketParams, keep int) *instrument {
	return &instrument{Symbol: s, params: p, log: newEventLog(keep), streams: namesOf(strings.ToLower(s.Symbol))}
}

// seedOf makes each symbol's market another one.
func seedOf(seed uint64, symbol string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(symbol))
	return h.Sum64() ^ seed*0x9e3779b97f4a7c15
}

// Ids of a random market begin here; the made-up past counts back from them.
const (
	firstAggID   = 1_000_000_000
	firstTradeID = 2_000_000_000
	firstUpdate  = 5_000_000_000
)

// begin starts a random market whose orders begin at startMs, a whole minute.
func (in *instrument) begin(seed uint64, startMs int64) error {
	seed = seedOf(seed, in.Symbol.Symbol)
	g, err := newGenerator(in.params, seed, startMs*1000, marketIDs(firstAggID, firstTradeID, firstUpdate))
	if err != nil {
		return fmt.Errorf("%s: %w", in.Symbol.Symbol, err)
	}
	addHistory(in.log.bars, in.params, seed, startMs, in.params.Anchor, firstTradeID)
	in.log.bars.advance(startMs)
	in.src = g
	in.checkpoints = []checkpoint{{MinuteMs: startMs, State: g.state()}}
	return nil
}

// catchUp takes all events before untilUs into the log, without sending anything.
func (in *instrument) catchUp(untilUs int64, backlogMin int) error {
	g, isMarket := in.src.(*generator)
	for {
		at, ok := in.src.nextUs()
		if !ok || at >= untilUs {
			break
		}
		in.tick(at/1000, backlogMin)
		e := in.src.take()
		if isMarket { // only its last book counts
			e.Book = nil
		}
		if _, err := in.log.enter(e); err != nil {
			return fmt.Errorf("%s: %w", in.Symbol.Symbol, err)
		}
		in.log.depth.forget()
	}
	if isMarket {
		in.log.depth.reset(g.book.UpdateID(), g.levels())
	}
	in.tick(untilUs/1000, backlogMin)
	in.log.bars.advance(untilUs / 1000)
	in.log.depth.remember(untilUs / 1000)
	return nil
}

// tick keeps a checkpoint of the random market for each whole minute that timeMs has reached.
func (in *instrument) tick(timeMs int64, backlogMin int) {
	g, ok := in.src.(*generator)
	if !ok || timeMs < in.checkpoints[len(in.checkpoints)-1].MinuteMs+market.MinuteMs {
		return
	}
	in.checkpoints = append(in.checkpoints, checkpoint{MinuteMs: market.Period1m.OpenMs(timeMs), State: g.state()})
	if n := len(in.checkpoints) - backlogMin - 1; n > 0 {
		in.checkpoints = append(in.checkpoints[:0], in.checkpoints[n:]...)
	}
}

func (in *instrument) firstCheckpointMs() int64 {
	in.mu.RLock()
	defer in.mu.RUnlock()
	return in.checkpoints[0].MinuteMs
}

// play makes a recording the source; its times are moved by shiftMs.
func (in *instrument) play(r *recorded, seed uint64, shiftMs int64) {
	for i := range r.events {
		e := &r.events[i]
		e.TimeUs += shiftMs * 1000
		for i := range e.Trades {
			e.Trades[i].TimeUs += shiftMs * 1000
		}
	}
	for i := range r.klines {
		r.klines[i].OpenMs += shiftMs
	}
	in.params.Anchor = r.trades[0].Price
	addPast(in.log.bars, in.params, seedOf(seed, in.Symbol.Symbol), r.trades, r.klines)
	in.log.bars.advance(r.trades[0].TimeUs / 1000)
	d := in.log.depth
	d.reset(r.snapshot.LastID, r.snapshot.Levels)
	d.recorded = len(r.tops) > 0
	in.src = &playback{left: r.events}
}
