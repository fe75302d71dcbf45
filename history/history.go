// Package history answers questions about the past and the present over HTTP, in the form of Binance's public REST API (rest-api.md, "Market Data endpoints"): closed
// candles from a store, and what is newer from the live state, joined without a seam.
package history

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/history/live"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// Candles is where closed candles are stored. It is safe for any number of goroutines. An error means that the question could not be answered; a contract or
// period of which nothing is known has no candles.
type Candles interface {
	// Candles returns the stored candles of a range, oldest first; each open time once, in its newest version.
	Candles(context.Context, market.CandleRange) ([]market.CandleMessage, error)
}

// History is made by New, follows the live state in Run and answers requests as an http.Handler.
type History struct {
	cfg    Config
	cat    atomic.Pointer[catalog.Catalog]
	stored Candles
	state  *live.State
	limits *limiter
	now    func() time.Time
	log    *slog.Logger
	ready  chan struct{}

	records, old, rejected, requests, refused, failed atomic.Int64
}

// Stats counts what a history did since its start.
type Stats struct {
	Records  int64 // live records that were news
	Old      int64 // live records that were not
	Rejected int64 // live records that could not be read
	Requests int64
	Refused  int64 // requests over the limit of their address
	Failed   int64 // requests that could not be answered, by no fault of the client
}

// New checks the configuration; it does not connect to Kafka yet.
func New(cfg Config, cat *catalog.Catalog, stored Candles, log *slog.Logger) (*History, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	h := &History{cfg: cfg, stored: stored, state: live.New(cat.Contracts, cfg.Trades), limits: newLimiter(cfg.WeightPerMinute), now: time.Now, log: log,
		ready: make(chan struct{})}
	h.cat.Store(cat)
	return h, nil
}

// Reload takes a changed catalogue of contracts, at any time.
func (h *History) Reload(cat *catalog.Catalog) {
	h.state.Follow(cat.Contracts) // first: what a question finds in the catalogue has a state
	h.cat.Store(cat)
}

// Ready is closed when the live state is complete.
func (h *History) Ready() <-chan struct{} { return h.ready }

// Stats returns the counts.
func (h *History) Stats() Stats {
	return Stats{Records: h.records.Load(), Old: h.old.Load(), Rejected: h.rejected.Load(), Requests: h.requests.Load(), Refused: h.refused.Load(), Failed: h.failed.Load()}
}

const (
	pollEvery = 200 * time.Millisecond
	gatherMs  = 20 // an answer over REST may be so much older than what goes out over MQTT
)

// Run follows the live state until ctx ends. Answers before Ready are refusals; stored says when the store has caught up with its log, so that no candle is missing
// between it and the live state.
func (h *History) Run(ctx context.Context, stored <-chan struct{}) error {
	r, err := kafka.NewReader(h.cfg.Kafka, kafka.ReaderOptions{Name: "history", GatherMs: gatherMs}, h.log)
	if err != nil {
		return err
	}
	defer r.Close()
	begun := time.Now()
	from, err := kafka.StatePositions(ctx, r, h.cat.Load(), live.Topics[:], h.log)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find where the live state begins: %w", err)
	}
	trades, err := h.tradePositions(r)
	if err != nil {
		return err
	}
	from = append(from, trades...)
	pending, err := kafka.Pending(r, from)
	if err != nil {
		return err
	}
	if err := r.Assign(from); err != nil {
		return err
	}
	waiting := stored
	var warned time.Time
	for ctx.Err() == nil {
		if waiting != nil && len(pending) == 0 {
			select {
			case <-waiting:
				waiting = nil
				close(h.ready)
				h.log.Info("history is ready", "records", h.records.Load(), "took", time.Since(begun).Round(time.Millisecond))
			default:
			}
		}
		patience := pollEvery
		if waiting != nil && len(pending) == 0 {
			patience = 5 * time.Millisecond // the store may have caught up meanwhile
		}
		rec, err := r.Poll(patience)
		if err != nil {
			return err
		}
		if rec == nil {
			continue
		}
		if err := h.apply(rec); err != nil {
			h.rejected.Add(1)
			if now := time.Now(); now.Sub(warned) > time.Second { // a broken writer must not flood the log
				warned = now
				h.log.Warn("record is not understood", "topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "error", err, "rejected", h.rejected.Load())
			}
		}
		at := kafka.Partition{Topic: rec.Topic, N: rec.Partition}
		if end, ok := pending[at]; ok && rec.Offset+1 >= end {
			delete(pending, at)
		}
	}
	return nil
}

func (h *History) apply(rec *kafka.Record) error {
	v, err := market.ParseVersion(rec.Header(catalog.VersionName))
	if err != nil {
		return fmt.Errorf("header ver: %w", err)
	}
	news, err := h.state.Apply(live.Record{Topic: rec.Topic, Key: rec.Key, Value: rec.Value, Version: v}, h.now().UnixMilli())
	switch {
	case err != nil:
		return err
	case news:
		h.records.Add(1)
	default:
		h.old.Add(1)
	}
	return nil
}

// tradePositions reads the log of trades back by a bounded number of records: in the stack form it holds days.
func (h *History) tradePositions(r *kafka.Reader) ([]kafka.Position, error) {
	ranges, err := r.Ranges(catalog.MarketTrades)
	if err != nil {
		return nil, err
	}
	ps := make([]kafka.Position, len(ranges))
	for i, rg := range ranges {
		ps[i] = kafka.Position{Topic: catalog.MarketTrades, Partition: int32(i), Offset: max(rg.Low, rg.High-int64(h.cfg.Trades))}
	}
	return ps, nil
}

func (h *History) isReady() bool {
	select {
	case <-h.ready:
		return true
	default:
		return false
	}
}
