// Package engine runs our own markets: it stands in for an exchange's internal trade service. Each market is a package core with a command log on disk; its trades,
// book commands and clock records go straight to Kafka. It opens no port: nobody but Kafka is ever spoken to.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/tickcast/tickcast/kafka/marketlog"
	"github.com/tickcast/tickcast/market"
)

// Source is how the catalogue names the engine.
const Source = "engine"

// Engine runs the markets of the catalogue whose source is the engine.
type Engine struct {
	workers []*worker
}

// New checks the configuration and chooses the contracts; files and Kafka are not touched before Run. The caller runs the writer, and closes it after Run.
func New(cfg Config, contracts []market.Contract, log *marketlog.Writer, logger *slog.Logger) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	e := &Engine{}
	for _, c := range contracts {
		if c.Source != Source || len(cfg.Contracts) > 0 && !slices.Contains(cfg.Contracts, c.ID) {
			continue
		}
		if _, err := cfg.flow(&c); err != nil {
			return nil, err
		}
		w := &worker{cfg: &cfg, contract: c, log: log, logger: logger.With("contract", c.ID), began: now()}
		if cfg.DataDir != "" {
			w.dir = filepath.Join(cfg.DataDir, c.ID)
		}
		e.workers = append(e.workers, w)
	}
	for _, id := range cfg.Contracts {
		if !slices.ContainsFunc(e.workers, func(w *worker) bool { return w.contract.ID == id }) {
			return nil, fmt.Errorf("contracts: %s is not in the catalogue with source %s", id, Source)
		}
	}
	for id := range cfg.Markets {
		if !slices.ContainsFunc(e.workers, func(w *worker) bool { return w.contract.ID == id }) {
			return nil, fmt.Errorf("markets: %s is no contract of the engine", id)
		}
	}
	return e, nil
}

// Empty says that the catalogue has no market for the engine.
func (e *Engine) Empty() bool { return len(e.workers) == 0 }

// BeginAnew makes Run begin every log of trades with a new epoch and seeds, although it could be continued: who computes from the logs has lost its state, and they
// do not reach back to their seeds any more. why is for a person. It must be called before Run.
func (e *Engine) BeginAnew(why string) {
	for _, w := range e.workers {
		w.anew = why
	}
}

// Run trades until ctx ends, or until a command log or Kafka cannot be written.
func (e *Engine) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { <-ctx.Done(); return nil })
	for _, w := range e.workers {
		g.Go(func() error {
			if err := w.run(ctx); err != nil {
				return fmt.Errorf("market %s: %w", w.contract.ID, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
