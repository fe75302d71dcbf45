package main

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/tickcast/tickcast/compute"
)

func newCompute() *cobra.Command {
	return newRole("compute", "Compute candles, tickers and order books from the logs, in place of Flink", "compute.yaml", func(f *roleFile) {
		cfg := compute.DefaultConfig()
		f.Compute = &cfg
	}, func(ctx context.Context, f *roleFile, log *slog.Logger) error {
		cat, err := f.catalogOn(ctx, "compute", f.Compute.Kafka)
		if err != nil {
			return err
		}
		c, err := compute.New(*f.Compute, cat, log)
		if err != nil {
			return err
		}
		return c.Run(ctx)
	})
}
