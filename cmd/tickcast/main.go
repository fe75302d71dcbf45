// Command tickcast is the one binary of Tickcast: each role alone, or all of them together under `up`.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process at once
	}()
	if err := newRoot().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "tickcast: "+err.Error())
		os.Exit(1)
	}
}

func newRoot() *cobra.Command {
	var level, format, profiles string
	root := &cobra.Command{
		Use:           "tickcast",
		Short:         "Market data from exchanges to phones and browsers, over Kafka and MQTT",
		Long:          "Tickcast takes trades from exchanges, computes candles, and pushes them over MQTT: the last value at once on connect, a change within 100 ms.\n\nStart everything in one process with `tickcast up`.",
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := setLogger(level, format); err != nil || profiles == "" {
				return err
			}
			return serveProfiles(cmd.Context(), profiles, slog.Default())
		},
	}
	root.PersistentFlags().StringVar(&level, "log-level", "info", "debug, info, warn or error")
	root.PersistentFlags().StringVar(&format, "log-format", "text", "text or json")
	root.PersistentFlags().StringVar(&profiles, "pprof", "", "loopback address that answers with the Go runtime's profiles, such as 127.0.0.1:6060 (default: none)")
	root.AddCommand(newUp(), newIngest(), newEngine(), newCompute(), newBridge(), newBroker(), newHistory(), newRedis(), newSimExchange(), newTopics(), newSub(), newBench(), newStack(), newCtl(), newVersion())
	root.CompletionOptions.DisableDefaultCmd = true
	return root
}

func setLogger(level, format string) error {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return fmt.Errorf("--log-level: %q, want debug, info, warn or error", level)
	}
	opt := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, opt)))
	case "json":
		slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, opt)))
	default:
		return errors.New("--log-format: want text or json")
	}
	return nil
}

// roleLog is the logger of one role.
func roleLog(role string) *slog.Logger { return slog.Default().With("role", role) }
