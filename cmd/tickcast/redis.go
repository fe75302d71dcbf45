package main

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/tickcast/tickcast/sinks/redis"
)

func newRedis() *cobra.Command {
	return newRole("redis", "Keep the newest value of every candle, ticker and order book in Redis, and publish each new one there", "redis.yaml", func(f *roleFile) {
		cfg := redis.DefaultConfig()
		f.Redis = &cfg
	}, func(ctx context.Context, f *roleFile, log *slog.Logger) error {
		cat, err := f.catalogOn(ctx, "redis", f.Redis.Kafka)
		if err != nil {
			return err
		}
		s, err := redis.New(*f.Redis, cat, log)
		if err != nil {
			return err
		}
		return s.Run(ctx)
	})
}
