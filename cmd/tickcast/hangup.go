package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// onHangup calls reload at each SIGHUP until ctx ends: the catalogue of contracts has changed. What is wrong with it is logged, and the old one stays.
func onHangup(ctx context.Context, log *slog.Logger, reload func() error) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	go func() {
		defer signal.Stop(hangup)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
			}
			if err := reload(); err != nil {
				log.Error("the catalogue is not taken", "error", err)
			} else {
				log.Info("the catalogue is read again")
			}
		}
	}()
}
