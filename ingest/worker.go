package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tickcast/tickcast/ingest/binance"
	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/ingest/depth"
	"github.com/tickcast/tickcast/ingest/feed"
	"github.com/tickcast/tickcast/market"
)

// worker is the loop around one log of one contract: from the connections' queue to the log, one event at a time.
type worker struct {
	cfg      *Config
	input    core.Input
	id       string          // the contract's
	wants    market.Contract // as the catalogue has it; for the goroutine that reloads
	core     machine
	contract market.Contract // as the core has it
	log      Log
	status   StatusWriter
	logger   *slog.Logger

	events  chan binance.Event
	answers chan func(nowMs int64)
	times   chan sourceTime
	changes chan change
	askTime chan<- struct{} // the venue's time is wanted at once
	stopped chan struct{}   // closed when run has ended: nobody takes events any more
	began   time.Time       // now counts from here by the monotonic clock: a step of the wall clock is no step of ours

	quarantine sampler
	mu         sync.Mutex
	last       Feed
}

type sourceTime struct{ offset int64 } // the venue's clock less ours

// change is what the catalogue says now about the worker's contract.
type change struct {
	contract market.Contract
	delisted bool
}

func newWorker(cfg *Config, input core.Input, c market.Contract, log Log, status StatusWriter, askTime chan<- struct{}, logger *slog.Logger) *worker {
	w := &worker{
		cfg: cfg, input: input, id: c.ID, wants: c, contract: c, log: log, status: status, logger: logger.With("contract", c.ID, "log", input.String()),
		events: make(chan binance.Event, cfg.Queue), answers: make(chan func(int64), 4), times: make(chan sourceTime, 1), changes: make(chan change, 1),
		askTime: askTime, stopped: make(chan struct{}), began: time.Now(), last: Feed{Contract: c.ID, Input: input},
	}
	if input == core.Books {
		w.core = books{depth.New(cfg.bookCore(), c, cfg.Simulated)}
	} else {
		w.core = trades{feed.New(cfg.Feed.core(), c, cfg.Simulated)}
	}
	return w
}

func (w *worker) now() int64 { return w.began.UnixMilli() + time.Since(w.began).Milliseconds() }

// run ends with ctx, when the contract is delisted, or with an error when the log cannot be read or written.
func (w *worker) run(ctx context.Context, src *binance.Source) error {
	defer close(w.stopped)
	first := w.contract
	tail, err := w.log.Tail(ctx, w.input, &first)
	if err != nil {
		return fmt.Errorf("read the end of the log of %s: %w", w.id, err)
	}
	stop := ctx // ends before the source's connections do
	ctx, cancel := context.WithCancel(ctx)
	var fetches sync.WaitGroup
	defer fetches.Wait()
	defer cancel()
	w.core.Start(w.now(), tail.Writer, tail.Records)
	wake := time.NewTimer(0)
	defer wake.Stop()
	var armed int64 // when wake fires
	for {
		if stop.Err() != nil {
			return nil // select takes at random what is ready, and that our own stop ends the connections is no outage to report
		}
		if err := w.flush(ctx, src, &fetches); err != nil {
			return err
		}
		now := w.now()
		if at := w.core.Wake(now); at < armed || armed <= now {
			armed = at
			wake.Reset(time.Duration(at-now) * time.Millisecond)
		}
		select {
		case <-ctx.Done():
			return nil
		case e := <-w.events:
			if e.Symbol == w.contract.Symbol { // else it was on its way when the contract changed
				take(w.core, w.now(), &e)
			}
		case answer := <-w.answers:
			answer(w.now())
		case t := <-w.times:
			now := w.now()
			w.core.SourceTime(now, now+t.offset)
		case c := <-w.changes:
			if c.delisted {
				w.core.Delist(w.now())
				return w.flush(ctx, src, &fetches)
			}
			w.contract = c.contract
			w.core.Change(w.now(), c.contract)
		case <-wake.C:
			armed = 0
			w.core.Tick(w.now())
		}
	}
}

// flush carries out what the core wants, records first: they are what is waited for.
func (w *worker) flush(ctx context.Context, src *binance.Source, fetches *sync.WaitGroup) error {
	out := w.core.effects(src, w.contract.Symbol)
	for i := range out.Records {
		if err := w.log.Append(ctx, w.input, out.Records[i]); err != nil {
			return fmt.Errorf("append to the log of %s: %w", w.id, err)
		}
	}
	for _, fetch := range out.fetches {
		fetches.Go(func() { w.fetch(ctx, fetch) })
	}
	for _, q := range out.Quarantined {
		w.quarantine.keep(w.log, w.logger, q)
	}
	for _, s := range out.Statuses {
		w.logger.Info("feed", "state", s.State, "quality", s.Quality.String(), "reason", s.Reason, "last_id", s.LastID, "missing", s.Missing)
		w.status.Status(s)
	}
	for _, n := range out.Notes {
		if n.Warn {
			w.logger.Warn(n.Text)
		} else {
			w.logger.Info(n.Text)
		}
	}
	if out.AskTime {
		select {
		case w.askTime <- struct{}{}:
		default: // asked for already
		}
	}
	if out.reconnect != "" {
		src.Replace(w.contract.Symbol, out.reconnect)
	}
	w.mu.Lock()
	w.core.report(&w.last)
	w.mu.Unlock()
	return nil
}

// fetch carries a request out and answers it in any case: a core asks for nothing else before.
func (w *worker) fetch(ctx context.Context, ask func(context.Context) func(nowMs int64)) {
	limit, cancel := context.WithTimeout(ctx, 5*w.cfg.Binance.RestTimeout) // seeds are four requests
	defer cancel()
	answer := ask(limit)
	select {
	case w.answers <- answer:
	case <-ctx.Done():
	}
}

func (w *worker) report() Feed {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}
