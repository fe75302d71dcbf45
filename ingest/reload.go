package ingest

import (
	"context"
	"reflect"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/market"
)

// Reload takes a changed catalogue while Run runs: contracts that are new are read from now on, those that are gone say so in their logs and end, and those that
// changed write a contract record, or begin a new epoch where their records could not be compared with the earlier ones. An error changes nothing. It does not wait.
func (in *Ingest) Reload(contracts []market.Contract) error {
	chosen, err := choose(&in.cfg, contracts)
	if err != nil {
		return err
	}
	in.mu.Lock() // one at a time, so that there is room in the channel
	defer in.mu.Unlock()
	select {
	case <-in.changes: // it was not looked at yet, and is out of date
	default:
	}
	in.changes <- chosen
	return nil
}

// followCatalog delists what has left the catalogue while nobody was there to say so, and then carries out what Reload is given; the loops of new contracts are in g.
func (in *Ingest) followCatalog(ctx context.Context, g *errgroup.Group) error {
	if err := in.log.EndAbsent(ctx, in.cfg.Venue, in.catalog); err != nil && ctx.Err() == nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case contracts := <-in.changes:
			in.reload(ctx, g, contracts)
		}
	}
}

func (in *Ingest) reload(ctx context.Context, g *errgroup.Group, contracts []market.Contract) {
	var ended, fresh []*worker
	for _, w := range in.all() {
		i := slices.IndexFunc(contracts, func(c market.Contract) bool { return c.ID == w.id && slices.Contains(inputsOf(&c), w.input) })
		switch {
		case i < 0:
			in.logger.Info("the contract has left the catalogue", "contract", w.id, "log", w.input.String())
			in.router.remove(w, w.wants.Symbol)
			w.tell(ctx, change{delisted: true})
			ended = append(ended, w)
		case !reflect.DeepEqual(contracts[i], w.wants):
			in.logger.Info("the contract has changed", "contract", w.id, "log", w.input.String())
			was := w.wants.Symbol
			w.wants = contracts[i]
			if was == w.wants.Symbol {
				w.tell(ctx, change{contract: w.wants})
				break
			}
			in.router.remove(w, was)
			w.tell(ctx, change{contract: w.wants})
			in.router.add(w, w.wants.Symbol)
		}
	}
	for _, w := range ended { // its log must be closed before the contract can come back
		select {
		case <-w.stopped:
		case <-ctx.Done():
			return
		}
	}
	in.mu.Lock()
	in.workers = slices.DeleteFunc(in.workers, func(w *worker) bool { return slices.Contains(ended, w) })
	in.mu.Unlock()
	for _, c := range contracts {
		for _, input := range inputsOf(&c) {
			if !slices.ContainsFunc(in.all(), func(w *worker) bool { return w.id == c.ID && w.input == input }) {
				in.logger.Info("the contract is new", "contract", c.ID, "log", input.String())
				fresh = append(fresh, in.add(input, c))
			}
		}
	}
	for _, w := range fresh {
		g.Go(func() error { return w.run(ctx, in.source) })
	}
	for _, input := range []Input{core.Trades, core.Books} {
		in.source.Want(input, in.symbols(input))
	}
}

// tell gives the worker's loop the news from the catalogue.
func (w *worker) tell(ctx context.Context, c change) {
	select {
	case w.changes <- c:
	case <-w.stopped:
	case <-ctx.Done():
	}
}
