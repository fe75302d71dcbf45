package binance

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tickcast/tickcast/ingest/core"
)

// group keeps one connection for one stream of some symbols: it dials, watches, and replaces.
type group struct {
	src     *Source
	input   core.Input
	stream  string
	sink    Sink
	replace chan string
	changed chan struct{} // other symbols are wanted: the connection must be replaced
	up      atomic.Bool

	mu      sync.Mutex
	symbols []string
}

func newGroup(src *Source, input core.Input, symbols []string, sink Sink) *group {
	stream := tradeStream
	if input == core.Books {
		stream = depthStream
	}
	return &group{src: src, input: input, stream: stream, symbols: symbols, sink: sink, replace: make(chan string, 1), changed: make(chan struct{}, 1)}
}

// wanted are the symbols that the next connection asks for.
func (g *group) wanted() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.symbols)
}

// want keeps those of its symbols that are still wanted and takes of the fresh ones what there is room for; it returns the rest.
func (g *group) want(symbols, fresh []string, room int) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	keep := slices.DeleteFunc(slices.Clone(g.symbols), func(sym string) bool { return !slices.Contains(symbols, sym) })
	n := min(room-len(keep), len(fresh))
	keep = append(keep, fresh[:n]...)
	if !slices.Equal(keep, g.symbols) {
		g.symbols = keep
		select {
		case g.changed <- struct{}{}:
		default:
		}
	}
	return fresh[n:]
}

func (g *group) run(ctx context.Context) {
	fails := 0
	for ctx.Err() == nil {
		l := g.connect(ctx, &fails)
		if l == nil {
			return
		}
		g.up.Store(true)
		l = g.watch(ctx, l)
		g.up.Store(false)
		if l.age() >= g.src.cfg.Healthy {
			fails = 0
		}
		fails++
	}
}

// connect dials until it succeeds; nil when ctx ended.
func (g *group) connect(ctx context.Context, fails *int) *link {
	for {
		if *fails > 0 && !sleep(ctx, g.backoff(*fails-1)) {
			return nil
		}
		l, err := g.dial(ctx)
		if err == nil {
			return l
		}
		if ctx.Err() != nil {
			return nil
		}
		*fails++
		g.src.stats.DialErrors.Add(1)
		g.src.log.Warn("cannot connect", "venue", "binance", "symbols", len(g.wanted()), "failures", *fails, "error", err)
	}
}

// backoff is full jitter: any time below min * 2^n.
func (g *group) backoff(n int) time.Duration {
	top := g.src.cfg.BackoffMax
	if n < 20 {
		top = min(top, g.src.cfg.BackoffMin<<n)
	}
	return rand.N(top) + 1
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func (g *group) dial(ctx context.Context) (*link, error) {
	if err := g.src.dials.Wait(ctx); err != nil {
		return nil, fmt.Errorf("dial budget: %w", err)
	}
	g.src.stats.Dials.Add(1)
	ctx, cancel := context.WithTimeout(ctx, g.src.cfg.FirstFrame) // go-binance's own limit is 45 s, in which nobody watches the connection to be replaced
	defer cancel()
	return dial(ctx, g)
}

const otherSymbols = "the contracts have changed"

// watch sits beside a connection until it and its successors are gone; it returns the last one. A successor is up and delivers before the one before it is
// stopped, so that nothing falls between them; what both deliver is dropped by id in the feeds.
func (g *group) watch(ctx context.Context, l *link) *link {
	cfg := &g.src.cfg
	life := time.NewTimer(cfg.Lifetime)
	defer life.Stop()
	check := time.NewTicker(max(cfg.Silence/10, time.Millisecond))
	defer check.Stop()
	lastReplace := time.Now().Add(-cfg.ReplaceMin)
	for {
		why := ""
		select {
		case <-ctx.Done():
			l.stop("stopped")
			<-l.done
			return l
		case <-l.done:
			g.src.stats.Cuts.Add(1)
			return l
		case <-check.C:
			if silent := l.silent(); silent > cfg.Silence {
				g.src.stats.Silent.Add(1)
				l.stop(fmt.Sprintf("silent for %d ms", silent.Milliseconds()))
			}
			continue
		case <-life.C:
			why = "its lifetime is over"
		case <-l.shutdown:
			why = "serverShutdown"
		case <-g.changed:
			why = otherSymbols
			if slices.Equal(l.symbols, g.wanted()) {
				continue // it was dialled with them
			}
		case r := <-g.replace:
			if time.Since(lastReplace) < cfg.ReplaceMin {
				continue
			}
			why = r
		}
		lastReplace = time.Now()
		if next := g.succeed(ctx, l, why); next != nil {
			l = next
			life.Reset(cfg.Lifetime)
		} else if why == "serverShutdown" || why == "its lifetime is over" || why == otherSymbols {
			l.stop("no successor: " + why) // it would be cut at any moment, or is not the one that is wanted: the ordinary way with backoff goes on
		}
	}
}

// succeed brings up a new connection and stops the old one once the new one delivers; nil if that failed.
func (g *group) succeed(ctx context.Context, old *link, why string) *link {
	g.src.log.Info("replacing the connection", "venue", "binance", "conn", old.id, "reason", why)
	next, err := g.dial(ctx)
	if err != nil {
		g.src.log.Warn("cannot replace the connection", "venue", "binance", "conn", old.id, "error", err)
		return nil
	}
	t := time.NewTimer(g.src.cfg.FirstFrame)
	defer t.Stop()
	select {
	case <-next.delivering:
	case <-ctx.Done():
	case <-next.done:
		return nil
	case <-t.C:
		next.stop("delivered nothing")
		<-next.done
		return nil
	}
	old.stop("replaced: " + why)
	<-old.done
	g.src.stats.Replaced.Add(1)
	return next
}
