package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/tickcast/tickcast/engine"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/kafka/marketlog"
)

func newEngine() *cobra.Command {
	return newRole("engine", "Match orders of our own markets and write their trades and books to Kafka; it opens no port", "engine.yaml", func(f *roleFile) {
		cfg, k := engine.DefaultConfig(), kafka.DefaultConfig()
		f.Engine, f.Kafka = &cfg, &k
	}, func(ctx context.Context, f *roleFile, log *slog.Logger) error {
		cat, err := f.catalogOn(ctx, "engine", *f.Kafka)
		if err != nil {
			return err
		}
		writer, err := marketlog.NewWriter(*f.Kafka, "engine", log)
		if err != nil {
			return err
		}
		e, err := engine.New(*f.Engine, cat.Contracts, writer, log)
		if err == nil && e.Empty() {
			err = errors.New("the catalogue has no contract whose source is the engine")
		}
		if err != nil {
			_ = writer.Close(0) // nothing was written
			return err
		}
		onHangup(ctx, log, func() error {
			cat, err := f.catalog()
			if err != nil {
				return err
			}
			return e.Reload(cat.Contracts)
		})
		// the log's writer outlives the engine, which writes until its end
		writerCtx, stopWriter := context.WithCancel(context.WithoutCancel(ctx))
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return writer.Run(writerCtx) })
		g.Go(func() error { defer stopWriter(); return e.Run(ctx) })
		err = g.Wait()
		if e := writer.Close(10 * time.Second); err == nil {
			err = e
		}
		return err
	})
}
