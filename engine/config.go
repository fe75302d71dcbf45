package engine

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tickcast/tickcast/engine/core"
	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/matching"
)

// Config of the engine.
type Config struct {
	DataDir   string                `yaml:"data_dir"`  // command logs and snapshots; empty: in memory, and each start begins new logs
	Contracts []string              `yaml:"contracts"` // ids; empty: every contract of the catalogue whose source is the engine
	Snapshot  time.Duration         `yaml:"snapshot"`  // how often the state is written; a restart replays what came since
	Sync      time.Duration         `yaml:"sync"`      // how often the command log is forced to the disk. A killed process loses nothing, a power cut at most this
	History   time.Duration         `yaml:"history"`   // so much of the past is made up when a random market begins
	Markets   map[string]FlowConfig `yaml:"markets"`   // by contract; what is not here has the defaults of a market around 100
}

// FlowConfig describes the orders of one market.
type FlowConfig struct {
	Price    string  `yaml:"price"`    // decimal: the price that a random market keeps coming back to
	Qty      string  `yaml:"qty"`      // decimal: the usual quantity of a taker
	Rate     float64 `yaml:"rate"`     // takers a second
	Seed     uint64  `yaml:"seed"`     //
	Commands string  `yaml:"commands"` // a file of commands instead of random ones: lines such as `1763900000000100 limit buy 17 100000.5 0.010`, in order of time
}

// DefaultConfig has random markets of four trades a second with two months of past.
func DefaultConfig() Config {
	return Config{Snapshot: time.Minute, Sync: time.Second, History: 62 * 24 * time.Hour}
}

var defaultFlow = FlowConfig{Price: "100", Qty: "1", Rate: 4, Seed: 1}

// Validate names the key that is wrong.
func (c *Config) Validate() error {
	for _, d := range []struct {
		key   string
		v     time.Duration
		least time.Duration
	}{{"snapshot", c.Snapshot, time.Second}, {"sync", c.Sync, 10 * time.Millisecond}, {"history", c.History, 0}} {
		if d.v < d.least {
			return fmt.Errorf("%s: %s, must be at least %s", d.key, d.v, d.least)
		}
	}
	if c.History > maxHistory {
		return fmt.Errorf("history: %s, must be at most %s", c.History, maxHistory)
	}
	for _, id := range slices.Sorted(maps.Keys(c.Markets)) {
		if f := c.Markets[id]; f.Rate < 0 || f.Rate > 100_000 {
			return fmt.Errorf("markets.%s.rate: %g, must be 0 (default) to 100000", id, f.Rate)
		}
	}
	return nil
}

const maxHistory = 400 * 24 * time.Hour

// flow is the random market of a contract; nil where its commands come from a file.
func (c *Config) flow(of *market.Contract) (*core.Flow, error) {
	f := c.Markets[of.ID]
	if f.Commands != "" {
		return nil, nil
	}
	if f.Price == "" {
		f.Price = defaultFlow.Price
	}
	if f.Qty == "" {
		f.Qty = defaultFlow.Qty
	}
	if f.Rate == 0 {
		f.Rate = defaultFlow.Rate
	}
	if f.Seed == 0 {
		f.Seed = defaultFlow.Seed
	}
	price, err := units(f.Price, of.Tick)
	if err != nil {
		return nil, fmt.Errorf("markets.%s.price: %w", of.ID, err)
	}
	qty, err := units(f.Qty, of.Step)
	if err != nil {
		return nil, fmt.Errorf("markets.%s.qty: %w", of.ID, err)
	}
	params := matching.DefaultFlowParams(price, qty, int64(f.Rate*1000))
	if err := params.Validate(); err != nil {
		return nil, fmt.Errorf("markets.%s: %w", of.ID, err)
	}
	return &core.Flow{Params: params, Seed: f.Seed, HistoryMs: c.History.Milliseconds()}, nil
}

// units is a decimal in whole ticks or steps.
func units(text string, u market.Unit) (int64, error) {
	v, err := market.ParseScaled(text, u.Scale)
	if err != nil {
		return 0, fmt.Errorf("%q: %w", text, err)
	}
	if v < u.Size {
		return 0, fmt.Errorf("%q: must be at least %s", text, u)
	}
	return v / u.Size, nil
}
