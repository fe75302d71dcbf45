package depth

import (
	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/market"
)

// Config holds the feed's times (milliseconds) and bounds.
type Config struct {
	Levels        int   // levels a side that a REST snapshot is asked for; what lies beyond is not known
	RefreshLevels int   // with fewer known levels left on a side the book is fetched anew, while it stays valid
	RefreshMinMs  int64 // between such fetches
	FirstMs       int64 // after a connection came up its first diff is waited for so long, so that a snapshot can join the diffs
	QuietMs       int64 // a snapshot ahead of all diffs waits for one that joins it; then the market is quiet and it counts
	ReorderMs     int64 // while two connections are up (one replaces the other) a hole may be so long; on one it is a gap at once
	RetryMinMs    int64 // between fetches, doubled each time
	RetryMaxMs    int64
	HealthyMs     int64 // so long without a gap forgets the fetches before it
	MaxHeld       int   // diffs held back; beyond it the oldest go
	MaxHeldLevels int   // their levels
	ClockMs       int64 // at most so long after a command comes the clock record
	QuietClockMs  int64 // on a quiet book a clock record is due so long after the last one
	LagMs         int64 // on a quiet book the source's time less this is proved, while frames come
	AliveMs       int64 // a connection without a frame for so long proves nothing
	StaleMs       int64 // without a clock record for so long the quality is stale
	QualityMs     int64 // between quality records while no clock is written
	SnapshotMs    int64 // of event time: so often the whole book is written
	FutureMs      int64 // a diff so far ahead of the source's clock is impossible
	AncientMs     int64 // a diff so far behind the one before it is impossible
	BusyMs        int64 // between ticks while something is being waited for
}

// DefaultConfig returns the values that the log's rules and Binance's limits ask for.
func DefaultConfig() Config {
	return Config{
		Levels: 1000, RefreshLevels: 400, RefreshMinMs: 10_000, FirstMs: 1_000, QuietMs: 1_000, ReorderMs: 250, RetryMinMs: 250, RetryMaxMs: 8_000, HealthyMs: 30_000,
		MaxHeld: 2_000, MaxHeldLevels: 400_000, ClockMs: 80, QuietClockMs: 900, LagMs: 250, AliveMs: 1_500, StaleMs: 2_000, QualityMs: 1_000, SnapshotMs: market.MinuteMs,
		FutureMs: 5_000, AncientMs: 60_000, BusyMs: 20,
	}
}

// RawDiff is a diff as the source sent it: nothing in it is checked.
type RawDiff struct {
	Symbol     string
	EventMs    int64
	FirstID    int64
	LastID     int64
	Bids, Asks [][2]string // price, quantity
	Raw        []byte      // for quarantine
}

// Request asks the caller to fetch a snapshot. A feed has at most one under way.
type Request struct {
	Serial int64 // to be given back in the Answer
	Levels int
}

// Answer is what came of a Request: a snapshot as REST answered it, in which nothing is checked.
type Answer struct {
	Serial     int64
	Err        error
	LastID     int64
	Bids, Asks [][2]string // best first; nil: the answer had none
}

// Effects is what inputs caused.
type Effects struct {
	core.Effects
	Requests []Request
}
