package main

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/tickcast/tickcast/simexchange"
)

func newSimExchange() *cobra.Command {
	return newRole("simexchange", "Run the exchange simulator: Binance's protocol, a random or a recorded market", "simexchange.yaml", func(f *roleFile) {
		cfg := simexchange.DefaultConfig()
		f.Simulator = &cfg
	}, func(ctx context.Context, f *roleFile, log *slog.Logger) error {
		s, err := simexchange.New(*f.Simulator, log)
		if err != nil {
			return err
		}
		log.Info("exchange simulator", "url", s.URL())
		return s.Run(ctx)
	})
}
