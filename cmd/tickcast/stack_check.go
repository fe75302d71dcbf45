package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	flinksql "github.com/tickcast/tickcast/flink-sql"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/ledgercheck"
	"github.com/tickcast/tickcast/stack"
)

func newStackCheck() *cobra.Command {
	var path, data string
	var settle time.Duration
	cmd := &cobra.Command{
		Use: "check", Args: cobra.NoArgs,
		Short: "Compute closed candles (1m, 5m, 1h) a second time, in SQL alone, and print where the ledger differs; exit code 1 if it does",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := stack.Load(path)
			if err != nil {
				return err
			}
			if data != "" {
				cfg.DataDir = data
			}
			running, err := stack.Attach(cmd.Context(), cfg, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			r, err := ledgercheck.Run(cmd.Context(), ledgercheck.Options{Kafka: kafka.Config{Brokers: running.Brokers}, Settle: settle, Log: roleLog("check"),
				Submit: func(ctx context.Context) error { return running.RunToEnd(ctx, flinksql.CheckCandles) }})
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			for _, d := range r.Differences {
				fmt.Fprintln(w, d)
			}
			fmt.Fprintf(w, "%d closed candles compared, %d of them without a trade; %d differences\n", r.Compared, r.Empty, len(r.Differences))
			for _, why := range slices.Sorted(maps.Keys(r.Left)) {
				fmt.Fprintf(w, "%d not compared: %s\n", r.Left[why], why)
			}
			if len(r.Differences) > 0 {
				return fmt.Errorf("the ledger and the log differ in %d places", len(r.Differences))
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "configuration file of the stack (default: the shipped stack.yaml)")
	cmd.Flags().StringVar(&data, "data", "", "data folder of a stack that runs (default: as configured)")
	cmd.Flags().DurationVar(&settle, "settle", 75*time.Second, "wait so long for the ledger to say the same: what a late trade changes is there with the next checkpoint")
	return cmd
}
