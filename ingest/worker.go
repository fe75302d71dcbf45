package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tickcast/tickcast/ingest/binance"
	"github.com/tickcast/tickcast/ingest/feed"
	"github.com/tickcast/tickcast/market"
)

// worker is the loop around one contract's feed: from the connections' queue to the log, one event at a time.
type worker struct {
	cfg      *Config
	contract market.Contract
	feed     *feed.Feed
	log      Log
	status   StatusWriter
	logger   *slog.Logger

	events  chan binance.Event
	answers chan feed.Answer
	times   chan sourceTime
	askTime chan<- struct{} // the venue's time is wanted at once
	stopped chan struct{}   // closed when run has ended: nobody takes events any more
	began   time.Time       // now counts from here by the monotonic clock: a step of the wall clock is no step of ours

	quarantine sampler
	mu         sync.Mutex
	last       Feed
}

type sourceTime struct{ offset int64 } // the venue's clock less ours

func newWorker(cfg *Config, c market.Contract, log Log, status StatusWriter, askTime chan<- struct{}, logger *slog.Logger) *worker {
	return &worker{
		cfg: cfg, contract: c, feed: feed.New(cfg.Feed.core(), c, cfg.Simulated), log: log, status: status, logger: logger.With("contract", c.ID),
		events: make(chan binance.Event, cfg.Queue), answers: make(chan feed.Answer, 4), times: make(chan sourceTime, 1), stopped: make(chan struct{}), began: time.Now(),
		askTime: askTime, last: Feed{Contract: c.ID},
	}
}

func (w *worker) now() int64 { return w.began.UnixMilli() + time.Since(w.began).Milliseconds() }

func (w *worker) run(ctx context.Context, src *binance.Source) error {
	defer close(w.stopped)
	tail, err := w.log.Tail(ctx, w.contract.ID)
	if err != nil {
		return fmt.Errorf("read the end of the log of %s: %w", w.contract.ID, err)
	}
	var fetches sync.WaitGroup
	defer fetches.Wait()
	w.feed.Start(w.now(), tail.Writer, tail.Records)
	wake := time.NewTimer(0)
	defer wake.Stop()
	var armed int64 // when wake fires
	for {
		if err := w.flush(ctx, src, &fetches); err != nil {
			return err
		}
		now := w.now()
		if at := w.feed.Wake(now); at < armed || armed <= now {
			armed = at
			wake.Reset(time.Duration(at-now) * time.Millisecond)
		}
		select {
		case <-ctx.Done():
			return nil
		case e := <-w.events:
			w.take(&e)
		case a := <-w.answers:
			w.feed.Answer(w.now(), &a)
		case t := <-w.times:
			now := w.now()
			w.feed.SourceTime(now, now+t.offset)
		case <-wake.C:
			armed = 0
			w.feed.Tick(w.now())
		}
	}
}

func (w *worker) take(e *binance.Event) {
	now := w.now()
	switch e.Kind {
	case binance.EventTrade:
		w.feed.Trade(now, e.Conn, &e.Trade)
	case binance.EventWitness:
		w.feed.Witness(now, e.Conn, e.Witness, e.Trade.Raw)
	case binance.EventMalformed:
		w.feed.Malformed(now, e.Conn, e.Channel, e.Reason, e.Detail, e.Trade.Raw)
	case binance.EventUp:
		w.feed.ConnUp(now, e.Conn)
	case binance.EventDown:
		w.feed.ConnDown(now, e.Conn, e.Detail)
	}
}

// flush carries out what the feed wants, records first: they are what is waited for.
func (w *worker) flush(ctx context.Context, src *binance.Source, fetches *sync.WaitGroup) error {
	out := w.feed.Take()
	for i := range out.Records {
		if err := w.log.Append(ctx, out.Records[i]); err != nil {
			return fmt.Errorf("append to the log of %s: %w", w.contract.ID, err)
		}
	}
	for _, r := range out.Requests {
		fetches.Go(func() { w.fetch(ctx, src, r) })
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
	if out.Reconnect != "" {
		src.Replace(w.contract.Symbol, out.Reconnect)
	}
	w.mu.Lock()
	w.last.State, w.last.LastID, w.last.Counts = w.feed.State(), w.feed.LastID(), w.feed.Counts
	w.mu.Unlock()
	return nil
}

// fetch carries a request out and answers it in any case: a feed asks for nothing else before.
func (w *worker) fetch(ctx context.Context, src *binance.Source, r feed.Request) {
	limit, cancel := context.WithTimeout(ctx, 5*w.cfg.Binance.RestTimeout) // seeds are four requests
	defer cancel()
	a := src.Fetch(limit, w.contract.Symbol, r)
	select {
	case w.answers <- a:
	case <-ctx.Done():
	}
}

func (w *worker) report() Feed {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}
