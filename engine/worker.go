package engine

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/tickcast/tickcast/engine/core"
	"github.com/tickcast/tickcast/kafka/marketlog"
	"github.com/tickcast/tickcast/market"
)

// worker is the loop around one market.
type worker struct {
	cfg      *Config
	contract market.Contract
	dir      string // empty: in memory
	anew     string // why the log of trades begins anew, whatever it holds; empty: it goes on if it can
	log      *marketlog.Writer
	logger   *slog.Logger
	began    clock

	market   *core.Market
	journal  *journal // nil: in memory
	commands *commands
	statuses int64
}

// clock counts from the wall clock at its beginning by the monotonic clock: a step of the wall clock is no step of the market's.
type clock struct{ at time.Time }

func now() clock { return clock{time.Now()} }

func (c clock) us() int64 { return c.at.UnixMicro() + time.Since(c.at).Microseconds() }

// slept is by how much a market may be behind before it goes on at the present without making up what lies between.
const slept = 5 * time.Second

func (w *worker) run(ctx context.Context) (err error) {
	r := &restored{}
	if w.dir != "" {
		if w.journal, r, err = openJournal(w.dir, w.contract); err != nil {
			return err
		}
		defer func() {
			if e := w.journal.close(); err == nil {
				err = e
			}
		}()
	} else if r.market, err = core.New(w.contract); err != nil {
		return err
	}
	w.market = r.market
	if path := w.cfg.Markets[w.contract.ID].Commands; path != "" {
		if w.commands, err = openCommands(path, &w.contract, w.market.Orders()); err != nil {
			return err
		}
		defer w.commands.close()
	}
	if err := w.takeOver(ctx, r); err != nil {
		if ctx.Err() != nil {
			return nil // stopped before it began
		}
		return err
	}
	r.effects = nil
	w.report(market.FeedSynced, market.QualityOK, "the engine trades")
	if w.commands != nil {
		err = w.play(ctx)
	} else {
		err = w.trade(ctx)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil // Kafka did not take the last records before the end: they are made again at the next start
		}
		return err
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushWait)
	defer cancel()
	if err := w.apply(last, &core.Entry{Verb: core.Close, TimeUs: w.market.NowUs()}); err != nil {
		return err
	}
	w.report(market.FeedDown, market.QualityStale, "the engine has stopped")
	err = w.snapshot(last)
	<-ctx.Done()
	return err
}

// openUs is when the market opens: at the first command of a file, else now.
func (w *worker) openUs() int64 {
	if w.commands != nil {
		return max(w.market.NowUs(), w.commands.nextUs())
	}
	return max(w.market.NowUs(), w.began.us())
}

// trade lets a random market run by the wall clock until ctx ends.
func (w *worker) trade(ctx context.Context) error {
	wake := time.NewTimer(0)
	defer wake.Stop()
	snapshot, sync := time.NewTicker(w.cfg.Snapshot), time.NewTicker(w.cfg.Sync)
	defer snapshot.Stop()
	defer sync.Stop()
	for {
		at := w.began.us()
		if at-w.market.NowUs() > slept.Microseconds() {
			w.logger.Warn("the process stood still: the market goes on from now", "seconds", (at-w.market.NowUs())/1e6)
			if err := w.apply(ctx, &core.Entry{Verb: core.Skip, TimeUs: at}); err != nil {
				return err
			}
		}
		next := w.due()
		for ; next.TimeUs <= at; next = w.due() {
			if err := w.apply(ctx, &next); err != nil {
				return err
			}
		}
		wake.Reset(time.Duration(next.TimeUs-w.began.us()) * time.Microsecond)
		select {
		case <-ctx.Done():
			return nil
		case <-wake.C:
		case <-sync.C:
			if w.journal != nil {
				if err := w.journal.sync(); err != nil {
					return err
				}
			}
		case <-snapshot.C:
			if err := w.snapshot(ctx); err != nil {
				return err
			}
		}
	}
}

// due is what happens next: an order of the flow, or a clock record.
func (w *worker) due() core.Entry {
	c, _ := w.market.Next()
	if us, ok := w.market.DeadlineUs(); ok && us < c.TimeUs {
		return core.Entry{Verb: core.Time, TimeUs: us}
	}
	return core.Entry{Verb: core.Order, TimeUs: c.TimeUs, Command: c}
}

// play applies a file of commands at their own times, as fast as Kafka takes the records.
func (w *worker) play(ctx context.Context) error {
	for ctx.Err() == nil {
		e, ok, err := w.commands.take()
		if err != nil {
			return err
		}
		if !ok {
			w.logger.Info("the file of commands is at its end", "orders", w.market.Orders())
			return nil
		}
		if err := w.apply(ctx, &e); err != nil {
			return err
		}
	}
	return nil
}

// apply writes an entry into the command log, and then its records to Kafka: a process that is killed between makes them again.
func (w *worker) apply(ctx context.Context, e *core.Entry) error {
	if w.journal != nil {
		if err := w.journal.append(e, w.market.Contract()); err != nil {
			return err
		}
	}
	refused, err := w.market.Apply(e)
	if err != nil {
		return err
	}
	if refused != "" && e.Verb != core.Order {
		w.logger.Warn("a command has had no effect", "reason", refused)
	}
	for _, x := range w.market.Take() {
		if err := w.log.Append(ctx, topics[x.Log], &x.Record); err != nil {
			return err
		}
	}
	return nil
}

// snapshot waits until Kafka has every record, and writes the state: what lies before is not made again.
func (w *worker) snapshot(ctx context.Context) error {
	if w.journal == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, flushWait)
	defer cancel()
	if err := w.log.Flush(ctx); err != nil {
		w.logger.Warn("no snapshot: Kafka does not take the records", "error", err)
		return nil // the command log holds them
	}
	if err := w.journal.next(w.market); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	return nil
}

const flushWait = 2 * time.Second

func (w *worker) report(state market.FeedState, q market.Quality, reason string) {
	at := w.began.us() / 1000
	w.statuses++
	w.log.Status(market.Status{Scope: w.contract.ID, Kind: "feed", Source: Source, Simulated: true, AtMs: at, Counter: w.statuses, Quality: q,
		State: state.String(), SinceMs: at, Reason: reason, LastID: w.market.LastID(), Missing: 0})
	w.logger.Info("market", "state", state.String(), "reason", reason, "last_id", w.market.LastID())
}
