// Package engine runs our own markets: it stands in for an exchange's internal trade service. Each market is a package core with a command log on disk; its trades,
// book commands and clock records go straight to Kafka. It opens no port: nobody but Kafka is ever spoken to.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/tickcast/tickcast/kafka/marketlog"
	"github.com/tickcast/tickcast/market"
)

// Source is how the catalogue names the engine.
const Source = "engine"

// Engine runs the markets of the catalogue whose source is the engine.
type Engine struct {
	cfg     Config
	log     *marketlog.Writer
	logger  *slog.Logger
	anew    string
	catalog []market.Contract      // as it was at the start
	changes chan []market.Contract // of Reload; the newest only
}

// New checks the configuration and the contracts; files and Kafka are not touched before Run. The caller runs the writer, and closes it after Run.
func New(cfg Config, contracts []market.Contract, log *marketlog.Writer, logger *slog.Logger) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, log: log, logger: logger, catalog: contracts, changes: make(chan []market.Contract, 1)}
	ours, err := e.choose(contracts)
	if err != nil {
		return nil, err
	}
	for id := range cfg.Markets {
		if !slices.ContainsFunc(ours, func(c market.Contract) bool { return c.ID == id }) {
			return nil, fmt.Errorf("markets: %s is no contract of the engine", id)
		}
	}
	return e, nil
}

// choose returns the contracts of a catalogue that are this engine's.
func (e *Engine) choose(contracts []market.Contract) (ours []market.Contract, err error) {
	for _, c := range contracts {
		if c.Source != Source || len(e.cfg.Contracts) > 0 && !slices.Contains(e.cfg.Contracts, c.ID) {
			continue
		}
		if _, err := e.cfg.flow(&c); err != nil {
			return nil, err
		}
		ours = append(ours, c)
	}
	for _, id := range e.cfg.Contracts {
		if !slices.ContainsFunc(ours, func(c market.Contract) bool { return c.ID == id }) {
			return nil, fmt.Errorf("contracts: %s is not in the catalogue with source %s", id, Source)
		}
	}
	return ours, nil
}

// Empty says that the catalogue has no market for the engine.
func (e *Engine) Empty() bool {
	ours, _ := e.choose(e.catalog) // New has checked it
	return len(ours) == 0
}

// BeginAnew makes Run begin every log of trades with a new epoch and seeds, although it could be continued: who computes from the logs has lost its state, and they
// do not reach back to their seeds any more. why is for a person. It must be called before Run.
func (e *Engine) BeginAnew(why string) { e.anew = why }

// Reload takes a changed catalogue while Run runs: markets that are new open, those that are gone close and are delisted, and those that changed close and open
// again. An error changes nothing. It does not wait.
func (e *Engine) Reload(contracts []market.Contract) error {
	if _, err := e.choose(contracts); err != nil {
		return err
	}
	select {
	case <-e.changes: // it was not looked at yet, and is out of date
	default:
	}
	e.changes <- contracts
	return nil
}

// open is a market while it runs.
type open struct {
	contract market.Contract
	close    context.CancelFunc
	closed   chan struct{}
}

// Run trades until ctx ends, or until a command log or Kafka cannot be written.
func (e *Engine) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		markets := map[string]*open{}
		anew := e.anew
		for contracts := e.catalog; ; {
			ours, err := e.choose(contracts)
			if err != nil {
				return err
			}
			e.closeOthers(markets, ours)
			for _, c := range ours {
				if markets[c.ID] == nil {
					markets[c.ID] = e.open(ctx, g, c, anew)
				}
			}
			anew = ""
			if err := e.log.EndAbsent(ctx, Source, contracts); err != nil && ctx.Err() == nil {
				return err
			}
			select {
			case <-ctx.Done():
				return nil
			case contracts = <-e.changes:
			}
		}
	})
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// open starts a market's loop.
func (e *Engine) open(ctx context.Context, g *errgroup.Group, c market.Contract, anew string) *open {
	w := &worker{cfg: &e.cfg, contract: c, anew: anew, log: e.log, logger: e.logger.With("contract", c.ID), began: now()}
	if e.cfg.DataDir != "" {
		w.dir = filepath.Join(e.cfg.DataDir, c.ID)
	}
	ctx, cancel := context.WithCancel(ctx)
	o := &open{contract: c, close: cancel, closed: make(chan struct{})}
	g.Go(func() error {
		defer close(o.closed)
		if err := w.run(ctx); err != nil {
			return fmt.Errorf("market %s: %w", c.ID, err)
		}
		return nil
	})
	return o
}

// closeOthers closes the markets that are not the given contracts', and waits for their end: nobody else may be writing a log that begins or is delisted.
func (e *Engine) closeOthers(markets map[string]*open, ours []market.Contract) {
	for id, o := range markets {
		if slices.ContainsFunc(ours, func(c market.Contract) bool { return reflect.DeepEqual(c, o.contract) }) {
			continue
		}
		o.close()
		<-o.closed
		delete(markets, id)
	}
}
