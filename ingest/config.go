package ingest

import (
	"fmt"
	"time"

	"github.com/tickcast/tickcast/ingest/binance"
	"github.com/tickcast/tickcast/ingest/depth"
	"github.com/tickcast/tickcast/ingest/feed"
	"github.com/tickcast/tickcast/market"
)

// Config says which venue is read, and how. Start from DefaultConfig.
type Config struct {
	Venue     string         `yaml:"venue"`     // binance; also the source of the contracts that are taken
	Simulated bool           `yaml:"simulated"` // every message says so; must be true unless the URLs are the venue's own
	Contracts []string       `yaml:"contracts"` // ids; empty: all contracts of the venue
	Queue     int            `yaml:"queue"`     // frames that may wait for one contract; beyond it the connection is given up and resynced
	ClockPoll time.Duration  `yaml:"clock_poll"`
	Feed      FeedConfig     `yaml:"feed"`
	Books     BooksConfig    `yaml:"books"`
	Binance   binance.Config `yaml:"binance"`
}

// FeedConfig are the times and bounds of each contract's feed.
type FeedConfig struct {
	ReorderWait time.Duration `yaml:"reorder_wait"` // frames that change places within it are no gap
	GiveUp      time.Duration `yaml:"give_up"`      // a gap without progress for so long becomes a gap record
	MaxHeld     int           `yaml:"max_held"`     // trades held back behind a gap
	MaxFill     int64         `yaml:"max_fill"`     // trades fetched after an outage; what is beyond becomes a gap record
	Verify      time.Duration `yaml:"verify"`       // how long the source may not know the log's last trade before the log begins again
	Stale       time.Duration `yaml:"stale"`        // without proof of time for so long the feed is stale
	MaxAhead    time.Duration `yaml:"max_ahead"`    // a trade so far ahead of the source's clock is impossible; raise it for recordings played fast
	SeedDays    int           `yaml:"seed_days"`    // closed days at a beginning and at 00:00 UTC
	SeedMinutes int           `yaml:"seed_minutes"` // closed minutes at a beginning
}

// BooksConfig are the times and bounds of the order books of those contracts that have them.
type BooksConfig struct {
	Levels   int           `yaml:"levels"`    // a side that REST is asked for: 1000 cost a request weight of 50, 5000 cost 250. What lies beyond is not known
	RetryMin time.Duration `yaml:"retry_min"` // between snapshots that REST is asked for, doubled each time
	RetryMax time.Duration `yaml:"retry_max"`
	MaxHeld  int           `yaml:"max_held"` // diffs held back for a snapshot
}

// DefaultConfig is Binance, live.
func DefaultConfig() Config {
	d, b := feed.DefaultConfig(), depth.DefaultConfig()
	ms := func(v int64) time.Duration { return time.Duration(v) * time.Millisecond }
	return Config{
		Venue: "binance", Queue: 8192, ClockPoll: time.Minute, Binance: binance.DefaultConfig(),
		Feed: FeedConfig{ReorderWait: ms(d.ReorderMs), GiveUp: ms(d.GiveUpMs), MaxHeld: d.MaxHeld, MaxFill: d.MaxFill, Verify: ms(d.VerifyMs),
			Stale: ms(d.StaleMs), MaxAhead: ms(d.FutureMs), SeedDays: d.SeedDays, SeedMinutes: d.SeedMinutes},
		Books: BooksConfig{Levels: b.Levels, RetryMin: ms(b.RetryMinMs), RetryMax: ms(b.RetryMaxMs), MaxHeld: b.MaxHeld},
	}
}

// Validate checks the configuration; an error names the key.
func (c *Config) Validate() error {
	switch {
	case c.Venue != "binance":
		return fmt.Errorf("venue: %q is not known, must be binance", c.Venue)
	case !c.Simulated && !c.Binance.Official():
		return fmt.Errorf("simulated: must be true, because %s and %s are not Binance's own hosts", c.Binance.RestURL, c.Binance.WsURL)
	case c.Simulated && c.Binance.Official():
		return fmt.Errorf("simulated: must be false, because %s is Binance's own host", c.Binance.RestURL)
	case c.Queue < 16:
		return fmt.Errorf("queue: %d, must be at least 16", c.Queue)
	case c.ClockPoll < time.Millisecond:
		return fmt.Errorf("clock_poll: %s, must be at least 1ms", c.ClockPoll)
	}
	if err := c.Binance.Validate(); err != nil {
		return fmt.Errorf("binance.%w", err)
	}
	if err := c.Feed.validate(); err != nil {
		return fmt.Errorf("feed.%w", err)
	}
	if err := c.Books.validate(); err != nil {
		return fmt.Errorf("books.%w", err)
	}
	return nil
}

func (c *FeedConfig) validate() error {
	for _, d := range []struct {
		key string
		v   time.Duration
	}{{"reorder_wait", c.ReorderWait}, {"give_up", c.GiveUp}, {"verify", c.Verify}, {"stale", c.Stale}, {"max_ahead", c.MaxAhead}} {
		if d.v < time.Millisecond {
			return fmt.Errorf("%s: %s, must be at least 1ms", d.key, d.v)
		}
	}
	switch {
	case c.MaxHeld < 1:
		return fmt.Errorf("max_held: must be above 0")
	case c.MaxFill < 1:
		return fmt.Errorf("max_fill: must be above 0")
	case c.SeedDays < 1 || c.SeedDays > 1000:
		return fmt.Errorf("seed_days: must be 1 to 1000")
	case c.SeedMinutes < 1 || c.SeedMinutes > 10_000:
		return fmt.Errorf("seed_minutes: must be 1 to 10000")
	}
	return nil
}

func (c *FeedConfig) core() feed.Config {
	f := feed.DefaultConfig()
	f.ReorderMs, f.GiveUpMs, f.VerifyMs = c.ReorderWait.Milliseconds(), c.GiveUp.Milliseconds(), c.Verify.Milliseconds()
	f.StaleMs, f.FutureMs = c.Stale.Milliseconds(), c.MaxAhead.Milliseconds()
	f.MaxHeld, f.MaxFill, f.SeedDays, f.SeedMinutes = c.MaxHeld, c.MaxFill, c.SeedDays, c.SeedMinutes
	return f
}

func (c *BooksConfig) validate() error {
	switch {
	case c.Levels < 5 || c.Levels > market.MaxLevels:
		return fmt.Errorf("levels: %d, must be 5 to %d", c.Levels, market.MaxLevels)
	case c.RetryMin < 10*time.Millisecond:
		return fmt.Errorf("retry_min: must be at least 10ms")
	case c.RetryMax < c.RetryMin:
		return fmt.Errorf("retry_max: must not be below retry_min")
	case c.MaxHeld < 1:
		return fmt.Errorf("max_held: must be above 0")
	}
	return nil
}

// bookCore are the times of the books; what is not their own they share with the trades.
func (c *Config) bookCore() depth.Config {
	d := depth.DefaultConfig()
	d.Levels, d.RefreshLevels = c.Books.Levels, c.Books.Levels*2/5
	d.RetryMinMs, d.RetryMaxMs, d.MaxHeld = c.Books.RetryMin.Milliseconds(), c.Books.RetryMax.Milliseconds(), c.Books.MaxHeld
	d.StaleMs, d.FutureMs = c.Feed.Stale.Milliseconds(), c.Feed.MaxAhead.Milliseconds()
	return d
}
