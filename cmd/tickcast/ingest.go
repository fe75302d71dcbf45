package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/tickcast/tickcast/ingest"
	"github.com/tickcast/tickcast/ingest/kafkalog"
	"github.com/tickcast/tickcast/kafka"
)

func newIngest() *cobra.Command {
	return newRole("ingest", "Bring a venue's trades and order books into Kafka", "ingest.binance.yaml", func(f *roleFile) {
		cfg, k := ingest.DefaultConfig(), kafka.DefaultConfig()
		f.Ingest, f.Kafka = &cfg, &k
	}, func(ctx context.Context, f *roleFile, log *slog.Logger) error {
		cat, err := f.catalogOn(ctx, "ingest", *f.Kafka)
		if err != nil {
			return err
		}
		marketLog, err := kafkalog.New(*f.Kafka, log)
		if err != nil {
			return err
		}
		in, err := ingest.New(*f.Ingest, cat.Contracts, marketLog, marketLog, log)
		if err != nil {
			return err
		}
		onHangup(ctx, log, func() error {
			cat, err := f.catalog()
			if err != nil {
				return err
			}
			return in.Reload(cat.Contracts)
		})
		// the log's writer outlives ingest, which may wait for it
		writerCtx, stopWriter := context.WithCancel(context.WithoutCancel(ctx))
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return marketLog.Run(writerCtx) })
		g.Go(func() error { defer stopWriter(); return in.Run(ctx) })
		err = g.Wait()
		if e := marketLog.Close(10 * time.Second); err == nil {
			err = e
		}
		return err
	})
}
