package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tickcast/tickcast/ingest/binance"
	"github.com/tickcast/tickcast/market"
)

// router gives each connection's events to the workers of their symbol, and reports on the connections as a whole.
type router struct {
	cfg     *Config
	log     Log
	status  StatusWriter
	logger  *slog.Logger
	workers map[string][]*worker // by symbol; not changed after New
	sampler sampler

	mu      sync.Mutex
	conns   map[string]map[int64]bool // by symbol
	reason  string
	changed chan struct{}
}

func newRouter(cfg *Config, log Log, status StatusWriter, logger *slog.Logger) *router {
	return &router{cfg: cfg, log: log, status: status, logger: logger, workers: map[string][]*worker{},
		conns: map[string]map[int64]bool{}, changed: make(chan struct{}, 1)}
}

func (r *router) add(w *worker) {
	r.workers[w.contract.Symbol] = append(r.workers[w.contract.Symbol], w)
	r.conns[w.contract.Symbol] = map[int64]bool{}
}

// Deliver implements binance.Sink.
func (r *router) Deliver(e binance.Event) bool {
	workers := r.workers[e.Symbol]
	if len(workers) == 0 {
		reason, detail := e.Reason, e.Detail
		if e.Kind != binance.EventMalformed {
			reason, detail = "SYMBOL_MISMATCH", fmt.Sprintf("nobody asked for symbol %.20q", e.Symbol)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.sampler.keep(r.log, r.logger, Quarantined{Source: r.cfg.Venue, Channel: e.Channel, Conn: e.Conn, Reason: reason, Detail: detail, ReceivedMs: e.ReceivedMs, Raw: e.Trade.Raw})
		return true
	}
	for _, w := range workers {
		select {
		case w.events <- e:
		default:
			return false
		}
	}
	return true
}

// Announce implements binance.Sink.
func (r *router) Announce(e binance.Event) {
	r.mu.Lock()
	if conns := r.conns[e.Symbol]; e.Kind == binance.EventUp {
		conns[e.Conn] = true
	} else {
		delete(conns, e.Conn)
		r.reason = e.Detail
	}
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
	for _, w := range r.workers[e.Symbol] {
		select {
		case w.events <- e:
		case <-w.stopped:
		}
	}
}

// run reports changes of the source as a whole; a symbol's own state is in its contract's status.
func (r *router) run(ctx context.Context) error {
	s := market.Status{Scope: r.cfg.Venue, Kind: "source", Source: r.cfg.Venue, Simulated: r.cfg.Simulated, Missing: -1}
	for {
		r.mu.Lock()
		up, all, reason := 0, len(r.conns), r.reason
		for _, c := range r.conns {
			if len(c) > 0 {
				up++
			}
		}
		r.mu.Unlock()
		state, quality := market.FeedSynced, market.QualityOK
		switch {
		case up == all:
			reason = ""
		case up == 0 && s.Counter == 0:
			state, reason = market.FeedInit, "not connected yet"
		case up == 0:
			state, quality = market.FeedDown, market.QualityStale
		default:
			state, reason = market.FeedRecovering, fmt.Sprintf("%d of %d symbols are connected: %s", up, all, reason)
		}
		if s.Counter == 0 || s.State != state.String() {
			s.Counter++
			s.AtMs = max(s.AtMs, time.Now().UnixMilli())
			s.State, s.SinceMs, s.Reason, s.Quality = state.String(), s.AtMs, reason, quality
			r.status.Status(s)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.changed:
		}
	}
}

// sampler bounds how much goes to quarantine: a broken feed must not fill the disk. All of it is counted.
type sampler struct {
	second  int64
	kept    int
	skipped int64
}

const quarantinePerSecond = 100

func (s *sampler) keep(log Log, logger *slog.Logger, q Quarantined) {
	if second := q.ReceivedMs / 1000; second != s.second {
		if s.skipped > 0 {
			logger.Warn("quarantine was full", "not_kept", s.skipped)
		}
		*s = sampler{second: second}
	}
	if s.kept++; s.kept > quarantinePerSecond {
		s.skipped++
		return
	}
	logger.Warn("quarantined", "reason", q.Reason, "detail", q.Detail, "channel", q.Channel, "conn", q.Conn)
	if err := log.Quarantine(q); err != nil {
		logger.Error("cannot quarantine", "reason", q.Reason, "error", err)
	}
}
