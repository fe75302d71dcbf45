package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/tickcast/tickcast/bridge"
)

func newBridge() *cobra.Command {
	return newRole("bridge", "Carry what was computed from Kafka to an edge in another process", "bridge.yaml", func(f *roleFile) {
		cfg := bridge.DefaultConfig()
		f.Bridge = &cfg
	}, func(ctx context.Context, f *roleFile, log *slog.Logger) error {
		if f.Bridge.Remote == nil {
			return errors.New("bridge.remote: is missing: say which edge to publish to")
		}
		cat, err := f.catalogOn(ctx, "bridge", f.Bridge.Kafka)
		if err != nil {
			return err
		}
		edge, err := bridge.NewRemote(*f.Bridge.Remote, log)
		if err != nil {
			return err
		}
		b, err := bridge.New(*f.Bridge, cat, edge, log)
		if err != nil {
			return err
		}
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return b.Run(ctx) })
		g.Go(func() error { return edge.Run(ctx) })
		g.Go(func() error {
			select {
			case <-b.Ready():
				edge.SetLoaded()
			case <-ctx.Done():
			}
			return nil
		})
		return g.Wait()
	})
}
