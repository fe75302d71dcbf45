package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/tickcast/tickcast/broker"
	"github.com/tickcast/tickcast/public"
	"github.com/tickcast/tickcast/web"
)

func newBroker() *cobra.Command {
	return newRole("broker", "Run an edge alone; a bridge elsewhere publishes to it", "broker.yaml", func(f *roleFile) {
		cfg := broker.DefaultConfig()
		f.Broker = &cfg
	}, func(ctx context.Context, f *roleFile, log *slog.Logger) error {
		cat, err := f.catalog()
		if err != nil {
			return err
		}
		b, err := broker.New(*f.Broker, cat, log)
		if err != nil {
			return err
		}
		g, ctx := errgroup.WithContext(ctx)
		if f.HTTP != nil {
			page := web.New(web.AppOf(cat, web.OriginUnknown, version, b.Addrs().WebSocket, f.Broker.WebSocketPath))
			mux := http.NewServeMux()
			mux.Handle("/", page)
			if f.API != "" {
				history, err := url.Parse(f.API)
				if err != nil {
					return fmt.Errorf("api: %w", err)
				}
				mux.Handle("/api/", httputil.NewSingleHostReverseProxy(history))
			}
			s, err := public.New(*f.HTTP, mux, b.Ready, log)
			if err != nil {
				return err
			}
			log.Info("page", "listen", s.Addr())
			g.Go(func() error { return s.Run(ctx) })
		}
		at := b.Addrs()
		log.Info("edge", "mqtt", at.TCP, "websocket", at.WebSocket, "mqtts", at.TLS, "wss", at.SecureWebSocket, "admin", at.Admin)
		g.Go(func() error { return b.Run(ctx) })
		if err := g.Wait(); !errors.Is(err, broker.ErrDrained) {
			return err
		}
		return nil
	})
}
