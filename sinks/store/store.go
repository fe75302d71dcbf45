// Package store keeps closed candles in SQLite or PostgreSQL: it reads ledger.candles, and upserts each candle by contract, period and open time if its version is newer. Where
// reading stands is written in the same transaction as the rows, so that a crash neither loses a candle nor needs to know what was written.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// Store is made by New and works in Run.
type Store struct {
	cfg    Config
	db     *DB
	keepMs [market.PeriodCount]int64
	log    *slog.Logger
	ready  chan struct{}

	written, old, rejected, missing, pruned, batches atomic.Int64
}

// Stats counts what a store did since its start.
type Stats struct {
	Written  int64 // candles that were new, or newer than what the file had
	Old      int64 // candles that were not
	Rejected int64 // records that are no candle
	Missing  int64 // records that the log had lost before they were read
	Pruned   int64 // candles beyond their retention
	Batches  int64 // transactions
}

// New checks the configuration and opens the file; it does not connect to Kafka yet. Close lets go of the file.
func New(cfg Config, log *slog.Logger) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	keepMs, err := cfg.retention()
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	db, err := Open(context.Background(), cfg)
	if err != nil {
		return nil, err
	}
	log.Info("store is open", "file", cfg.File, "contracts", len(db.ids), "took", time.Since(begun).Round(time.Millisecond))
	return &Store{cfg: cfg, db: db, keepMs: keepMs, log: log, ready: make(chan struct{})}, nil
}

// DB is what was stored, for reading.
func (s *Store) DB() *DB { return s.db }

// Ready is closed when everything that the ledger held at the start of Run is in the file.
func (s *Store) Ready() <-chan struct{} { return s.ready }

// Stats returns the counts.
func (s *Store) Stats() Stats {
	return Stats{Written: s.written.Load(), Old: s.old.Load(), Rejected: s.rejected.Load(), Missing: s.missing.Load(), Pruned: s.pruned.Load(), Batches: s.batches.Load()}
}

// Close lets go of the file, when Run has ended and nobody reads any more.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

const (
	pollEvery  = 100 * time.Millisecond
	pruneEvery = 100 * time.Millisecond
)

// Run reads the ledger until ctx ends; what was read by then is in the file when it returns.
func (s *Store) Run(ctx context.Context) error {
	// a transaction of a Flink job that failed is no candle; in the embedded form there are none
	r, err := kafka.NewReader(s.cfg.Kafka, kafka.ReaderOptions{Name: "store", Committed: true, Ends: true}, s.log)
	if err != nil {
		return err
	}
	defer r.Close()
	w := &worker{Store: s, reader: r, prune: newPruner(s.keepMs)}
	if err := w.begin(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		rec, err := r.Poll(w.patience(time.Now()))
		if err == nil && rec != nil {
			err = w.take(rec, time.Now())
		}
		if err == nil {
			now := time.Now()
			w.lookForHeld(now)
			err = w.flushIfDue(ctx, now)
		}
		if refused := (refusal{}); errors.As(err, &refused) {
			err = w.beginAgain(ctx, err)
		}
		if err != nil {
			return errors.Join(err, w.last())
		}
	}
	return w.last()
}

// last writes what was read, once.
func (w *worker) last() error {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	return w.flush(ended)
}

// ledger is what is read.
const ledger = catalog.LedgerCandles
