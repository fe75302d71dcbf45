package main

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/tickcast/tickcast/history"
	"github.com/tickcast/tickcast/public"
	"github.com/tickcast/tickcast/sinks/store"
)

func newHistory() *cobra.Command {
	return newRole("history", "Store closed candles, and answer Binance's public REST over them and the live state", "history.yaml", func(f *roleFile) {
		http, s, h := public.DefaultConfig(), store.DefaultConfig(), history.DefaultConfig()
		f.HTTP, f.Store, f.History = &http, &s, &h
	}, func(ctx context.Context, f *roleFile, log *slog.Logger) (err error) {
		cat, err := f.catalogOn(ctx, "history", f.History.Kafka)
		if err != nil {
			return err
		}
		s, err := store.New(*f.Store, log)
		if err != nil {
			return err
		}
		defer func() {
			if e := s.Close(); err == nil {
				err = e
			}
		}()
		h, err := history.New(*f.History, cat, s.DB(), log)
		if err != nil {
			return err
		}
		srv, err := public.New(*f.HTTP, h, func() bool {
			select {
			case <-h.Ready():
				return true
			default:
				return false
			}
		}, log)
		if err != nil {
			return err
		}
		log.Info("history listens", "http", srv.Addr())
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return s.Run(ctx) })
		g.Go(func() error { return h.Run(ctx, s.Ready()) })
		g.Go(func() error { return srv.Run(ctx) })
		return g.Wait()
	})
}
