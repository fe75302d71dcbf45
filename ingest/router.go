package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tickcast/tickcast/ingest/binance"
	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/market"
)

// router gives each connection's events to the workers of their symbol, and reports on the connections as a whole.
type router struct {
	cfg     *Config
	log     Log
	status  StatusWriter
	logger  *slog.Logger
	changed chan struct{}
	workers atomic.Pointer[map[route][]*worker] // replaced as a whole under mu

	mu      sync.Mutex
	conns   map[route]map[int64]bool
	gone    map[route]int64 // frames that came after nobody wanted them any more: the connection is about to be replaced
	reason  string
	sampler sampler
}

// route is what an event is for.
type route struct {
	input  core.Input
	symbol string
}

func newRouter(cfg *Config, log Log, status StatusWriter, logger *slog.Logger) *router {
	r := &router{cfg: cfg, log: log, status: status, logger: logger, conns: map[route]map[int64]bool{}, gone: map[route]int64{}, changed: make(chan struct{}, 1)}
	r.workers.Store(&map[route][]*worker{})
	return r
}

// add routes the events of a symbol to a worker. What is connected already is announced to it, so there must be room in its queue.
func (r *router) add(w *worker, symbol string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := route{w.input, symbol}
	r.update(func(m map[route][]*worker) { m[at] = append(slices.Clone(m[at]), w) })
	delete(r.gone, at)
	if r.conns[at] == nil {
		r.conns[at] = map[int64]bool{}
	}
	for conn := range r.conns[at] {
		r.offer(w, binance.Event{Kind: binance.EventUp, Input: w.input, Symbol: symbol, Conn: conn})
	}
	r.wake()
}

// remove ends what add began.
func (r *router) remove(w *worker, symbol string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := route{w.input, symbol}
	r.update(func(m map[route][]*worker) {
		if m[at] = slices.DeleteFunc(slices.Clone(m[at]), func(o *worker) bool { return o == w }); len(m[at]) == 0 {
			delete(m, at)
			delete(r.conns, at)
			r.gone[at] = 0
		}
	})
	r.wake()
}

func (r *router) update(do func(map[route][]*worker)) {
	m := maps.Clone(*r.workers.Load())
	do(m)
	r.workers.Store(&m)
}

func (r *router) wake() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// Deliver implements binance.Sink.
func (r *router) Deliver(e binance.Event) bool {
	workers := (*r.workers.Load())[route{e.Input, e.Symbol}]
	if len(workers) == 0 {
		r.nobodys(e)
		return true
	}
	for _, w := range workers {
		select {
		case w.events <- e:
		case <-w.stopped:
		default:
			return false
		}
	}
	return true
}

// nobodys keeps what belongs to no contract apart.
func (r *router) nobodys(e binance.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.gone[route{e.Input, e.Symbol}]; ok {
		r.gone[route{e.Input, e.Symbol}]++
		return
	}
	reason, detail := e.Reason, e.Detail
	if e.Kind != binance.EventMalformed {
		reason, detail = core.ReasonSymbol, fmt.Sprintf("nobody asked for symbol %.20q", e.Symbol)
	}
	r.sampler.keep(r.log, r.logger, Quarantined{Source: r.cfg.Venue, Channel: e.Channel, Conn: e.Conn, Reason: reason, Detail: detail, ReceivedMs: e.ReceivedMs, Raw: e.Raw()})
}

// Announce implements binance.Sink.
func (r *router) Announce(e binance.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := route{e.Input, e.Symbol}
	conns := r.conns[at]
	if conns == nil {
		return
	}
	if e.Kind == binance.EventUp {
		conns[e.Conn] = true
	} else {
		delete(conns, e.Conn)
		r.reason = e.Detail
	}
	r.wake()
	for _, w := range (*r.workers.Load())[at] {
		r.offer(w, e)
	}
}

// offer waits for room in a worker's queue: ups and downs must not be lost.
func (r *router) offer(w *worker, e binance.Event) {
	select {
	case w.events <- e:
	case <-w.stopped:
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
		if ctx.Err() != nil {
			return nil // that our own stop ends the connections is no outage to report
		}
		state, quality := market.FeedSynced, market.QualityOK
		switch {
		case up == all:
			reason = ""
		case up == 0 && s.Counter == 0:
			state, reason = market.FeedInit, "not connected yet"
		case up == 0:
			state, quality = market.FeedDown, market.QualityStale
		default:
			state, reason = market.FeedRecovering, fmt.Sprintf("%d of %d streams are connected: %s", up, all, reason)
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
