package compute

import (
	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/compute/candle"
	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/compute/orderbook"
)

// machine is the pure core of one contract's log. It belongs to the loop's goroutine, does no I/O and has no clock.
type machine interface {
	// Apply takes the next record of the log; an error says why a record makes no sense, and the machine goes on.
	Apply(*core.Input) (core.Verdict, error)
	// PublishAll writes the full state of every key.
	PublishAll(computeMs int64)
	// SaveState appends the state to a list of pieces, which are one byte string and stay as they are while the machine goes on.
	SaveState(pieces [][]byte) [][]byte
	// LoadState makes the machine what it was when b was saved, and returns what follows in b. After an error the machine must not be used.
	LoadState(b []byte) (rest []byte, err error)
	// TakeMissing returns the number of records that the log lacks, since it was last asked.
	TakeMissing() int64
}

// product is a log, and what is computed from it.
type product struct {
	log          string // topic
	pushed       []string
	seeded       bool // a contract begins at a block of seeds, which is written at an epoch's beginning and at midnight only
	stateVersion uint64
	core         func(contract string, startMs int64, emit func(*core.Output)) machine
}

var products = []product{
	{catalog.MarketTrades, []string{catalog.PushCandles, catalog.PushClosed, catalog.PushTickers}, true, candle.StateVersion,
		func(id string, startMs int64, emit func(*core.Output)) machine { return candle.New(id, startMs, emit) }},
	{catalog.MarketBooks, []string{catalog.PushBBO, catalog.PushBooks}, false, orderbook.StateVersion,
		func(id string, startMs int64, emit func(*core.Output)) machine {
			return orderbook.New(id, startMs, emit)
		}},
}
