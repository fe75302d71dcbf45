// Package ingest brings a venue's trades and order books into each contract's logs: checked, in the order of the venue's ids, without holes, with clock records
// that close candles. The rules are in packages feed (trades) and depth (books), which have no I/O; connections and REST are in package binance; here are the
// loops between them.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tickcast/tickcast/ingest/binance"
	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/ingest/depth"
	"github.com/tickcast/tickcast/ingest/feed"
	"github.com/tickcast/tickcast/market"
)

// Quarantined is a piece of outside data that cannot be true.
type Quarantined = core.Quarantined

// Input says which of a contract's logs is meant.
type Input = core.Input

// Tail holds the newest records of one of a contract's logs.
type Tail struct {
	Writer int64 // the id of the writer that has the log now: greater than all before it
	// Records are the newest records, oldest first, at least back to the last trade (of books: the last snapshot or diff); where the newest record is a seed,
	// also back to the contract record that announced it. A contract record, if there is one among them, is compared with the catalogue. Empty: there is no
	// log, or none with a trade within reach; then the log begins again with a new epoch and seeds, which is always safe.
	Records []market.Record
}

// Log is where records go. Implementations must be safe for several goroutines; the records of one log of one contract come from one goroutine at a time.
type Log interface {
	// Append adds a record behind all that this process appended to the same log, and does not wait for the disk; where there is no room it waits until ctx
	// ends. The record is the log's only until Append returns. An error, also one that belongs to an earlier record, is fatal for the writer: ingest stops,
	// because a hole would follow.
	Append(ctx context.Context, to Input, rec market.Record) error
	// Tail shuts out the log's earlier writers, so that nothing they still write counts, and then reads the end of the log, with all that this process
	// appended to it. It is called before the first Append.
	Tail(ctx context.Context, of Input, c *market.Contract) (Tail, error)
	// EndAbsent delists, in their logs, contracts of a source that are not listed any more and that somebody has written before.
	EndAbsent(ctx context.Context, source string, listed []market.Contract) error
	// Quarantine keeps a piece of data apart. It does not wait; an error is logged and does not stop anything.
	Quarantine(q Quarantined) error
}

// StatusWriter takes reports for `status/{scope}/{kind}`. It must be safe for several goroutines and must not wait.
type StatusWriter interface {
	Status(s market.Status)
}

// Ingest reads one venue.
type Ingest struct {
	cfg     Config
	log     Log
	status  StatusWriter
	logger  *slog.Logger
	source  *binance.Source
	router  *router
	catalog []market.Contract      // all of it, as it was at the start
	changes chan []market.Contract // of Reload; the newest only

	mu      sync.Mutex
	workers []*worker
	askTime chan struct{} // a worker wants the venue's time at once
}

// New builds the ingest of the venue's contracts; it connects to nothing before Run.
func New(cfg Config, contracts []market.Contract, log Log, status StatusWriter, logger *slog.Logger) (*Ingest, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	chosen, err := choose(&cfg, contracts)
	if err != nil {
		return nil, err
	}
	in := &Ingest{cfg: cfg, log: log, status: status, logger: logger, catalog: contracts, changes: make(chan []market.Contract, 1), askTime: make(chan struct{}, 1)}
	in.router = newRouter(&cfg, log, status, logger)
	for _, c := range chosen {
		for _, input := range inputsOf(&c) {
			in.add(input, c)
		}
	}
	if in.source, err = binance.New(cfg.Binance, in.symbols(core.Trades), in.symbols(core.Books), in.router, logger); err != nil {
		return nil, err
	}
	return in, nil
}

// inputsOf are the logs that a contract has: the catalogue decides about order books.
func inputsOf(c *market.Contract) []Input {
	if len(c.Books) > 0 {
		return []Input{core.Trades, core.Books}
	}
	return []Input{core.Trades}
}

func choose(cfg *Config, contracts []market.Contract) ([]market.Contract, error) {
	var chosen []market.Contract
	for _, c := range contracts {
		if c.Source == cfg.Venue && (len(cfg.Contracts) == 0 || slices.Contains(cfg.Contracts, c.ID)) {
			chosen = append(chosen, c)
		}
	}
	for _, id := range cfg.Contracts {
		if !slices.ContainsFunc(chosen, func(c market.Contract) bool { return c.ID == id }) {
			return nil, fmt.Errorf("contracts: %s is not in the catalogue with source %s", id, cfg.Venue)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("venue: the catalogue has no contract of source %s", cfg.Venue)
	}
	return chosen, nil
}

// add makes a worker and routes its events to it.
func (in *Ingest) add(input Input, c market.Contract) *worker {
	w := newWorker(&in.cfg, input, c, in.log, in.status, in.askTime, in.logger)
	in.mu.Lock()
	in.workers = append(in.workers, w)
	in.mu.Unlock()
	in.router.add(w, c.Symbol)
	return w
}

// BeginAnew makes Run begin every log of trades with a new epoch and seeds, although it could be continued: who computes from the logs has lost its state, and they
// do not reach back to their seeds any more. why is for a person. It must be called before Run.
func (in *Ingest) BeginAnew(why string) {
	for _, w := range in.all() {
		if t, ok := w.core.(trades); ok {
			t.BeginAnew(why)
		}
	}
}

func (in *Ingest) all() []*worker {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.workers)
}

// symbols are those whose input is wanted, each once.
func (in *Ingest) symbols(input Input) []string {
	var out []string
	for _, w := range in.all() {
		if w.input == input && !slices.Contains(out, w.wants.Symbol) {
			out = append(out, w.wants.Symbol)
		}
	}
	return out
}

// Run reads the venue until ctx ends or a log cannot be written. All loops start and stop here, but for those of contracts that come later (see reload).
func (in *Ingest) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, w := range in.all() {
		g.Go(func() error { return w.run(ctx, in.source) })
	}
	g.Go(func() error { return in.followCatalog(ctx, g) })
	g.Go(func() error { return in.pollClock(ctx) })
	g.Go(func() error { return in.router.run(ctx) })
	g.Go(func() error { return in.source.Run(ctx) })
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

const clockPollMin = time.Second

// pollClock asks for the venue's time: at once, then regularly, and when a feed finds that its frames contradict it. Frames refine it.
func (in *Ingest) pollClock(ctx context.Context) error {
	wait := time.Duration(0)
	var asked time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		case <-in.askTime:
			if time.Since(asked) < clockPollMin {
				wait = min(wait, clockPollMin)
				continue
			}
		}
		asked = time.Now()
		sent, server, received, err := in.source.Time(ctx)
		if err != nil {
			in.logger.Warn("the venue's clock is not known", "venue", in.cfg.Venue, "error", err)
			wait = min(5*time.Second, in.cfg.ClockPoll)
			continue
		}
		wait = in.cfg.ClockPoll
		for _, w := range in.all() {
			select {
			case w.times <- sourceTime{offset: server - (sent+received)/2}:
			case <-w.stopped:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// Feed is one of a contract's feeds as operators see it.
type Feed struct {
	Contract string
	Input    Input
	State    market.FeedState
	LastID   int64
	Trades   feed.Counts  // of a feed of trades
	Books    depth.Counts // of a feed of books
}

// Feeds tells how each feed stands; safe to call while Run runs.
func (in *Ingest) Feeds() []Feed {
	ws := in.all()
	out := make([]Feed, len(ws))
	for i, w := range ws {
		out[i] = w.report()
	}
	return out
}

// Connections gives the counters of the venue's connections.
func (in *Ingest) Connections() *binance.Stats { return in.source.Stats() }
