// Package ingest brings a venue's trades into each contract's log: checked, in the order of the venue's ids, without holes, with clock records that close
// candles. The rules are in package feed, which has no I/O; connections and REST are in package binance; here are the loops between them.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tickcast/tickcast/ingest/binance"
	"github.com/tickcast/tickcast/ingest/feed"
	"github.com/tickcast/tickcast/market"
)

// Quarantined is a piece of outside data that cannot be true.
type Quarantined = feed.Quarantined

// Tail holds the newest records of one contract's log.
type Tail struct {
	Writer int64 // the id of the writer that has the log now: greater than all before it
	// Records are the newest records, oldest first, at least back to the last trade; where the newest record is a seed, also back to the contract record
	// that announced it. A contract record, if there is one among them, is compared with the catalogue. Empty: there is no log, or none with a trade
	// within reach; then the log begins again with a new epoch and seeds, which is always safe.
	Records []market.Record
}

// Log is where records go. Implementations must be safe for several goroutines; one contract's records come from one goroutine at a time.
type Log interface {
	// Append adds a record behind all that this process appended for the same contract, and does not wait for the disk; where there is no room it waits until
	// ctx ends. The record is the log's only until Append returns. An error, also one that belongs to an earlier record, is fatal for the writer: ingest
	// stops, because a hole would follow.
	Append(ctx context.Context, rec market.Record) error
	// Tail shuts out the contract's earlier writers, so that nothing they still write counts, and then reads the end of the log. It is called once per
	// contract, before the first Append.
	Tail(ctx context.Context, contract string) (Tail, error)
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
	logger  *slog.Logger
	source  *binance.Source
	router  *router
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
	in := &Ingest{cfg: cfg, logger: logger, askTime: make(chan struct{}, 1)}
	in.router = newRouter(&cfg, log, status, logger)
	var symbols []string
	for _, c := range chosen {
		w := newWorker(&cfg, c, log, status, in.askTime, logger)
		in.workers = append(in.workers, w)
		if !slices.Contains(symbols, c.Symbol) {
			symbols = append(symbols, c.Symbol)
		}
		in.router.add(w)
	}
	if in.source, err = binance.New(cfg.Binance, symbols, in.router, logger); err != nil {
		return nil, err
	}
	return in, nil
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

// Run reads the venue until ctx ends or a log cannot be written. All loops start and stop here.
func (in *Ingest) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, w := range in.workers {
		g.Go(func() error { return w.run(ctx, in.source) })
	}
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
		for _, w := range in.workers {
			select {
			case w.times <- sourceTime{offset: server - (sent+received)/2}:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// Feed is a contract's feed as operators see it.
type Feed struct {
	Contract string
	State    market.FeedState
	LastID   int64
	Counts   feed.Counts
}

// Feeds tells how each contract stands; safe to call while Run runs.
func (in *Ingest) Feeds() []Feed {
	out := make([]Feed, len(in.workers))
	for i, w := range in.workers {
		out[i] = w.report()
	}
	return out
}

// Connections gives the counters of the venue's connections.
func (in *Ingest) Connections() *binance.Stats { return in.source.Stats() }
