// Package binance connects to Binance spot (or to what speaks its protocol) for trades and order books. It is the only importer of go-binance, whose dialer, event types
// and REST services it uses.
//
// Streams are not served by go-binance's Ws*Serve functions but read here, from a connection that its WsGetReadWriteConnection dials: Ws*Serve hides what
// the supervisor must have (the bytes of a frame that cannot be decoded, the frame's type, pings), takes its base URL from process-wide variables, has a
// keepalive that never fires (v2.8.8 and later), and panics of a handler end the process.
package binance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/ingest/depth"
	"github.com/tickcast/tickcast/ingest/feed"
)

// Config says where the exchange is and how it is treated. Start from DefaultConfig.
type Config struct {
	RestURL string `yaml:"rest_url"` // https://data-api.binance.vision
	WsURL   string `yaml:"ws_url"`   // wss://data-stream.binance.vision

	SymbolsPerConnection int           `yaml:"symbols_per_connection"` // two streams each; Binance allows 1024 streams
	Silence              time.Duration `yaml:"silence"`                // a connection without a frame for so long is dead: 1s klines come every second
	FirstFrame           time.Duration `yaml:"first_frame"`            // a dial must succeed within, and then the new connection deliver
	Lifetime             time.Duration `yaml:"lifetime"`               // a connection is replaced before Binance cuts it at 24 h
	BackoffMin           time.Duration `yaml:"backoff_min"`            // between dials: full jitter below min * 2^failures, at most max
	BackoffMax           time.Duration `yaml:"backoff_max"`
	Healthy              time.Duration `yaml:"healthy"`      // so long a life forgets the failures before it
	ReplaceMin           time.Duration `yaml:"replace_min"`  // between replacements that the feed asks for
	DialBudget           int           `yaml:"dial_budget"`  // dials in 5 minutes; Binance allows 300
	MaxFrame             int           `yaml:"max_frame"`    // bytes; a larger frame is quarantined
	RestTimeout          time.Duration `yaml:"rest_timeout"` // of one request, with waiting for the limits
	RestWeight           int           `yaml:"rest_weight"`  // request weight that is used in a minute; Binance allows 6000
	MaxBody              int64         `yaml:"max_body"`     // bytes of a REST answer
}

// DefaultConfig is Binance's market-data hosts, and half of its limits.
func DefaultConfig() Config {
	return Config{
		RestURL: "https://data-api.binance.vision", WsURL: "wss://data-stream.binance.vision",
		SymbolsPerConnection: 100, Silence: 5 * time.Second, FirstFrame: 10 * time.Second, Lifetime: 23*time.Hour + 30*time.Minute,
		BackoffMin: time.Second, BackoffMax: 32 * time.Second, Healthy: time.Minute, ReplaceMin: 30 * time.Second, DialBudget: 250,
		MaxFrame: 256 << 10, RestTimeout: 10 * time.Second, RestWeight: 3000, MaxBody: 8 << 20,
	}
}

// Validate checks the configuration; an error names the key.
func (c *Config) Validate() error {
	for _, u := range []struct{ key, url, plain, tls string }{{"rest_url", c.RestURL, "http", "https"}, {"ws_url", c.WsURL, "ws", "wss"}} {
		p, err := url.Parse(u.url)
		if err != nil || p.Host == "" || p.Scheme != u.plain && p.Scheme != u.tls {
			return fmt.Errorf("%s: %q is not a URL such as %s://host", u.key, u.url, u.tls)
		}
		if strings.Trim(p.Path, "/") != "" || p.RawQuery != "" || p.Fragment != "" {
			return fmt.Errorf("%s: %q must end after the host", u.key, u.url)
		}
	}
	for _, d := range []struct {
		key string
		v   time.Duration
	}{{"silence", c.Silence}, {"first_frame", c.FirstFrame}, {"lifetime", c.Lifetime}, {"backoff_min", c.BackoffMin}, {"healthy", c.Healthy},
		{"replace_min", c.ReplaceMin}, {"rest_timeout", c.RestTimeout}} {
		if d.v < time.Millisecond {
			return fmt.Errorf("%s: %s, must be at least 1ms", d.key, d.v)
		}
	}
	switch {
	case c.BackoffMax < c.BackoffMin:
		return errors.New("backoff_max: must not be below backoff_min")
	case c.SymbolsPerConnection < 1 || c.SymbolsPerConnection > 512:
		return errors.New("symbols_per_connection: must be 1 to 512")
	case c.DialBudget < 10 || c.DialBudget > 300:
		return errors.New("dial_budget: must be 10 to 300 in 5 minutes")
	case c.RestWeight < 100 || c.RestWeight > 6000:
		return errors.New("rest_weight: must be 100 to 6000")
	case c.MaxFrame < 1024 || c.MaxBody < 1024:
		return errors.New("max_frame, max_body: must be at least 1024 bytes")
	}
	return nil
}

// Official says whether both URLs are Binance's own.
func (c *Config) Official() bool {
	for _, u := range []string{c.RestURL, c.WsURL} {
		p, err := url.Parse(u)
		if err != nil {
			return false
		}
		host, own := strings.ToLower(p.Hostname()), false
		for _, d := range []string{"binance.vision", "binance.com", "binance.us"} {
			own = own || host == d || strings.HasSuffix(host, "."+d)
		}
		if !own {
			return false
		}
	}
	return true
}

// EventKind says what a connection reports.
type EventKind uint8

// The kinds of events.
const (
	EventTrade EventKind = iota
	EventWitness
	EventDiff
	EventMalformed // Reason, Detail, Trade.Raw
	EventUp        // subscribed: later trades arrive on this connection
	EventDown      // Detail says why
)

// Event is something that a connection reports about one symbol.
type Event struct {
	Kind       EventKind
	Input      core.Input // what the connection is for
	Symbol     string     // of the stream, upper case; the trade has its own
	Conn       int64
	ReceivedMs int64
	Trade      feed.RawTrade // of the other kinds of frames: Raw only
	Witness    feed.Witness
	Diff       *depth.RawDiff
	Channel    string
	Reason     string
	Detail     string
}

// Raw are the frame's bytes where they are kept.
func (e *Event) Raw() []byte {
	if e.Kind == EventDiff {
		return e.Diff.Raw
	}
	return e.Trade.Raw
}

// Sink takes the events. Both methods are called from the connections' goroutines, for one connection from one at a time.
type Sink interface {
	// Deliver must not block; false means that there is no room, and ends the connection: nothing is dropped silently.
	Deliver(Event) bool
	// Announce takes EventUp and EventDown (of each symbol of the connection, before its first and after its last other event) and may wait.
	Announce(Event)
}

// Source is the exchange.
type Source struct {
	cfg       Config
	log       *slog.Logger
	http      *http.Client
	transport *http.Transport
	dials     *rate.Limiter
	sink      Sink
	connIDs   atomic.Int64
	stats     Stats
	changed   chan struct{}

	mu     sync.Mutex
	groups []*group
}

// Stats counts what happened to connections.
type Stats struct {
	Dials, DialErrors, Cuts, Silent, Replaced, Overflows, Panics, Frames atomic.Int64
}

// New builds the source for the trades and the order books of these symbols; nothing is dialled before Run.
func New(cfg Config, trades, books []string, sink Sink, log *slog.Logger) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg, log: log, sink: sink, changed: make(chan struct{}, 1)}
	s.transport = http.DefaultTransport.(*http.Transport).Clone()
	s.http = &http.Client{Transport: newLimiter(cfg.RestWeight, cfg.MaxBody, s.transport), Timeout: cfg.RestTimeout}
	// The burst is a fifth: with the steady rate of the rest no five minutes see more than the budget.
	burst := max(1, cfg.DialBudget/5)
	s.dials = rate.NewLimiter(rate.Limit(float64(cfg.DialBudget-burst)/300), burst)
	// A burst of depth must not delay trades: each has connections of its own.
	for kind, symbols := range [...][]string{core.Trades: trades, core.Books: books} {
		for part := range slices.Chunk(symbols, cfg.SymbolsPerConnection) {
			s.groups = append(s.groups, newGroup(s, core.Input(kind), slices.Clone(part), sink))
		}
	}
	return s, nil
}

// Stats gives the counters.
func (s *Source) Stats() *Stats { return &s.stats }

// Run keeps a connection per group of symbols until ctx ends.
func (s *Source) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	running := map[*group]context.CancelFunc{}
	for {
		groups := s.all()
		for _, g := range groups {
			if running[g] == nil {
				groupCtx, cancel := context.WithCancel(ctx)
				running[g] = cancel
				wg.Go(func() { g.run(groupCtx) })
			}
		}
		for g, cancel := range running {
			if !slices.Contains(groups, g) {
				cancel()
				delete(running, g)
			}
		}
		select {
		case <-s.changed:
			continue
		case <-ctx.Done():
		}
		for _, cancel := range running {
			cancel()
		}
		wg.Wait()
		s.transport.CloseIdleConnections()
		return ctx.Err()
	}
}

// Replace asks for a new connection for the symbol's trades; the old one is kept until the new one delivers.
func (s *Source) Replace(symbol, reason string) {
	for _, g := range s.all() {
		if g.input == core.Trades && slices.Contains(g.wanted(), symbol) {
			select {
			case g.replace <- reason:
			default: // one is asked for already
			}
		}
	}
}

// Connected says how many groups there are and how many have a connection.
func (s *Source) Connected() (up, groups int) {
	all := s.all()
	for _, g := range all {
		if g.up.Load() {
			up++
		}
	}
	return up, len(all)
}

// Want sets the symbols of an input while Run runs. Connections whose symbols change are replaced, so that nothing is lost for those that stay.
func (s *Source) Want(input core.Input, symbols []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := slices.Clone(symbols)
	for _, g := range s.groups {
		if g.input == input {
			fresh = slices.DeleteFunc(fresh, func(sym string) bool { return slices.Contains(g.wanted(), sym) })
		}
	}
	kept := s.groups[:0:0]
	for _, g := range s.groups {
		if g.input == input {
			fresh = g.want(symbols, fresh, s.cfg.SymbolsPerConnection)
		}
		if len(g.wanted()) > 0 {
			kept = append(kept, g)
		}
	}
	for part := range slices.Chunk(fresh, s.cfg.SymbolsPerConnection) {
		kept = append(kept, newGroup(s, input, slices.Clone(part), s.sink))
	}
	s.groups = kept
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *Source) all() []*group {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.groups // replaced as a whole
}
