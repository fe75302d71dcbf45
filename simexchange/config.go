package simexchange

import (
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/tickcast/tickcast/binanceapi"
	"github.com/tickcast/tickcast/market"
)

// Config says what the simulator serves and where. Start from DefaultConfig.
type Config struct {
	Listen    string           `yaml:"listen"`   // host:port for REST and WebSocket; port 0 takes a free one
	DataDir   string           `yaml:"data_dir"` // the random market's snapshot, so that ids and times go on after a restart; empty: in memory only
	Symbols   []Symbol         `yaml:"symbols"`
	Market    MarketConfig     `yaml:"market"`    // the random market
	Recording *RecordingConfig `yaml:"recording"` // recordings instead of the random market
	Keep      int              `yaml:"keep"`      // aggregate trades per symbol that REST can answer with
	WebSocket WebSocketConfig  `yaml:"websocket"`
	Limits    LimitsConfig     `yaml:"limits"`
	Faults    []Fault          `yaml:"faults"` // active from the start; more with Server.Inject

	// OnSend, if set, is called for each trade just before the first frame with it (aggTrade or trade) goes to the first client's queue.
	// It runs on the goroutine that publishes: it must be quick.
	OnSend func(symbol string, aggID int64, at time.Time) `yaml:"-"`
	// OnDepth is the same for each frame of depth@100ms, with the id of its last update.
	OnDepth func(symbol string, lastID int64, at time.Time) `yaml:"-"`
}

// Symbol is one market.
type Symbol struct {
	Symbol string  `yaml:"symbol"`
	Base   string  `yaml:"base"`
	Quote  string  `yaml:"quote"`
	Tick   string  `yaml:"tick"`
	Step   string  `yaml:"step"`
	Price  string  `yaml:"price"` // where the random market begins and keeps coming back to
	Rate   float64 `yaml:"rate"`  // aggregate trades per second, if not market.rate
}

// MarketConfig is the random market.
type MarketConfig struct {
	Seed    uint64        `yaml:"seed"`
	Rate    float64       `yaml:"rate"`    // aggregate trades per second and symbol
	Even    bool          `yaml:"even"`    // at equal distances in time, for benchmarks
	Backlog time.Duration `yaml:"backlog"` // trades from before the start; whole minutes. Also what a snapshot lies back
	MaxGap  time.Duration `yaml:"max_gap"` // trades made up for the time in which the simulator was not running; before that: a halt
}

// RecordingConfig plays recordings.
type RecordingConfig struct {
	Markets []Recording `yaml:"markets"`
	// Times is "kept" (the simulator's clock is the recording's) or "moved" (by whole minutes, so that the recording began less than a minute ago).
	Times string `yaml:"times"`
	// Speed is how much faster than recorded it plays; 0 is as fast as the clients read.
	Speed float64 `yaml:"speed"`
	// Preload puts everything into the log before the start: only REST will ever show the trades.
	Preload bool `yaml:"preload"`
	// WaitForSubscriber holds the clock until somebody subscribes to trades.
	WaitForSubscriber bool `yaml:"wait_for_subscriber"`
	// WaitForStreams holds the clock until each of these patterns (path.Match) has been subscribed to; streams that do not exist will do.
	WaitForStreams []string `yaml:"wait_for_streams"`
}

// Recording is one symbol's recording: either aggregate trades, or frames of trades, depth and bookTicker.
type Recording struct {
	Symbol    string   `yaml:"symbol"`
	AggTrades []string `yaml:"agg_trades"` // JSON arrays of GET /api/v3/aggTrades rows
	Frames    []string `yaml:"frames"`     // lines of "<receive time, ns> <frame>" and a depth snapshot of the symbol, may be gzipped
	Klines    string   `yaml:"klines"`     // Binance's 1m klines of that day as CSV, may be zipped: what REST shows of the time before
}

// WebSocketConfig is how the exchange treats connections.
type WebSocketConfig struct {
	PingInterval time.Duration `yaml:"ping_interval"`
	PongTimeout  time.Duration `yaml:"pong_timeout"`
	Lifetime     time.Duration `yaml:"lifetime"`      // connections end at this age, after a serverShutdown event
	Queue        int           `yaml:"queue"`         // frames that may wait for one client; beyond it is disconnected
	MaxStreams   int           `yaml:"max_streams"`   // per connection
	MaxInbound   int           `yaml:"max_inbound"`   // messages per second from a client
	CompressFrom int           `yaml:"compress_from"` // frames of this size are compressed where permessage-deflate was negotiated
	WriteTimeout time.Duration `yaml:"write_timeout"`
}

// LimitsConfig are the limits per address.
type LimitsConfig struct {
	Weight      int           `yaml:"weight"`      // request weight per minute
	Connections int           `yaml:"connections"` // WebSocket connection attempts per five minutes
	Ban         time.Duration `yaml:"ban"`         // for who goes on after answers of 429
}

// DefaultConfig is a random market of three symbols, in memory, on a free port of the loopback interface.
func DefaultConfig() Config {
	return Config{
		Listen: "127.0.0.1:0",
		Symbols: []Symbol{
			{Symbol: "BTCUSDT", Base: "BTC", Quote: "USDT", Tick: "0.01", Step: "0.00001", Price: "91250.00"},
			{Symbol: "ETHUSDT", Base: "ETH", Quote: "USDT", Tick: "0.01", Step: "0.0001", Price: "3140.00"},
			{Symbol: "SOLUSDT", Base: "SOL", Quote: "USDT", Tick: "0.01", Step: "0.001", Price: "138.50"},
		},
		Market: MarketConfig{Seed: 1, Rate: 4, Backlog: 10 * time.Minute, MaxGap: 24 * time.Hour},
		Keep:   500_000,
		WebSocket: WebSocketConfig{PingInterval: 20 * time.Second, PongTimeout: time.Minute, Lifetime: 24 * time.Hour, Queue: 16_384,
			MaxStreams: 1024, MaxInbound: 5, CompressFrom: 1024, WriteTimeout: 10 * time.Second},
		Limits: LimitsConfig{Weight: 6000, Connections: 300, Ban: 2 * time.Minute},
	}
}

const atLeastMs = "must be at least 1ms"

// Validate checks the configuration; an error names the key.
func (c *Config) Validate() error {
	checks := []struct {
		key string
		bad bool
		why string
	}{
		{"listen", c.Listen == "", "must be host:port"},
		{"symbols", len(c.Symbols) == 0, "must name at least one symbol"},
		{"keep", c.Keep < 1, "must be above 0"},
		{"websocket.ping_interval", c.WebSocket.PingInterval < time.Millisecond, atLeastMs},
		{"websocket.pong_timeout", c.WebSocket.PongTimeout < time.Millisecond, atLeastMs},
		{"websocket.lifetime", c.WebSocket.Lifetime < time.Millisecond, atLeastMs},
		{"websocket.queue", c.WebSocket.Queue < 1, "must be above 0"},
		{"websocket.max_streams", c.WebSocket.MaxStreams < 1, "must be above 0"},
		{"websocket.max_inbound", c.WebSocket.MaxInbound < 1, "must be above 0"},
		{"websocket.compress_from", c.WebSocket.CompressFrom < 0, "must not be negative"},
		{"websocket.write_timeout", c.WebSocket.WriteTimeout < time.Millisecond, atLeastMs},
		{"limits.weight", c.Limits.Weight < 1, "must be above 0"},
		{"limits.connections", c.Limits.Connections < 1, "must be above 0"},
		{"limits.ban", c.Limits.Ban < time.Millisecond, atLeastMs},
	}
	for _, k := range checks {
		if k.bad {
			return fmt.Errorf("%s: %s", k.key, k.why)
		}
	}
	if c.Recording == nil {
		if err := c.Market.validate(); err != nil {
			return err
		}
	}
	seen := map[string]bool{}
	for i := range c.Symbols {
		s := &c.Symbols[i]
		key := fmt.Sprintf("symbols[%d]", i)
		if !binanceapi.SymbolPattern.MatchString(s.Symbol) {
			return fmt.Errorf("%s.symbol: %q is not a symbol such as BTCUSDT", key, s.Symbol)
		}
		if seen[s.Symbol] {
			return fmt.Errorf("%s.symbol: %s is listed twice", key, s.Symbol)
		}
		seen[s.Symbol] = true
		if _, err := s.params(&c.Market, c.Recording == nil); err != nil {
			return fmt.Errorf("%s.%w", key, err)
		}
	}
	for i := range c.Faults {
		if err := c.Faults[i].validate(); err != nil {
			return fmt.Errorf("faults[%d].%w", i, err)
		}
	}
	if c.Recording != nil {
		return c.Recording.validate(seen)
	}
	return nil
}

func (m *MarketConfig) validate() error {
	switch {
	case m.Rate <= 0 || m.Rate > 100_000:
		return errors.New("market.rate: must be above 0 and at most 100000 trades per second")
	case m.Backlog < 0 || m.Backlog%time.Minute != 0 || m.Backlog > time.Hour:
		return errors.New("market.backlog: must be whole minutes, at most 1h")
	case m.MaxGap < time.Minute:
		return errors.New("market.max_gap: must be at least 1m")
	}
	return nil
}

func (r *RecordingConfig) validate(symbols map[string]bool) error {
	if r.Times != "kept" && r.Times != "moved" {
		return fmt.Errorf("recording.times: %q, must be kept or moved", r.Times)
	}
	if r.Speed < 0 {
		return errors.New("recording.speed: must not be negative")
	}
	if len(r.Markets) == 0 {
		return errors.New("recording.markets: must name at least one recording")
	}
	for i, pattern := range r.WaitForStreams {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("recording.wait_for_streams[%d]: %q is not a pattern", i, pattern)
		}
	}
	recorded := map[string]bool{}
	for i, m := range r.Markets {
		key := fmt.Sprintf("recording.markets[%d]", i)
		switch {
		case !symbols[m.Symbol]:
			return fmt.Errorf("%s.symbol: %q is not in symbols", key, m.Symbol)
		case recorded[m.Symbol]:
			return fmt.Errorf("%s.symbol: %s is recorded twice", key, m.Symbol)
		case (len(m.AggTrades) == 0) == (len(m.Frames) == 0):
			return fmt.Errorf("%s: needs either agg_trades or frames", key)
		}
		recorded[m.Symbol] = true
	}
	for s := range symbols {
		if !recorded[s] {
			return fmt.Errorf("recording.markets: no recording of symbol %s", s)
		}
	}
	return nil
}

// params are the symbol's market in integers. An error begins with the key within the symbol.
func (s *Symbol) params(m *MarketConfig, random bool) (marketParams, error) {
	var p marketParams
	if s.Base == "" || s.Quote == "" {
		return p, errors.New("base, quote: must both be set")
	}
	for _, f := range []struct {
		key, text string
		to        *int64
		needed    bool
	}{{"tick", s.Tick, &p.Tick, true}, {"step", s.Step, &p.Step, true}, {"price", s.Price, &p.Anchor, random}} {
		if f.text == "" && !f.needed {
			continue
		}
		v, err := market.ParseScaled(f.text, decimals)
		if err != nil || v <= 0 {
			return p, fmt.Errorf("%s: %q is not a decimal above 0 with at most %d decimals", f.key, f.text, decimals)
		}
		*f.to = v
	}
	rate := s.Rate
	if rate == 0 {
		rate = m.Rate
	}
	if random && (rate <= 0 || rate > 100_000) {
		return p, errors.New("rate: must be above 0 and at most 100000 trades per second")
	}
	p.RateMilli, p.Even = max(1, int64(rate*1000)), m.Even
	if random && p.Anchor/p.Tick < minTicks {
		return p, fmt.Errorf("price: %s must be at least %d ticks", s.Price, minTicks)
	}
	if random {
		if err := p.validate(); err != nil {
			return p, fmt.Errorf("price: %s with this tick and step: %w", s.Price, err)
		}
	}
	return p, nil
}
