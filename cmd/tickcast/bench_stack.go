//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/tickcast/tickcast/stack"
	"github.com/tickcast/tickcast/stackbench"
)

func newBenchStack() *cobra.Command {
	var o stackbench.Options
	var plot string
	var short bool
	cmd := &cobra.Command{
		Use: "stack", Args: cobra.NoArgs,
		Short: "Measure real Kafka and Flink with a bridge and an edge: trade to MQTT client, stage by stage, and a replay",
		Long: `Measure real Kafka and Flink with a bridge and an edge: trade to MQTT client, stage by stage, and a replay.

It starts the servers of a stack on free loopback ports in a temporary folder, which it removes at the end. First a job without state catches up with a log that is
there already, and its ledger is compared with what compute makes of the same log. Then trades are written at a schedule: latency counts from when a trade was meant
to be written. The command fails if a trade never reached the client, or if a candle differs.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if short {
				o.Replay, o.Duration = min(o.Replay, 1_000_000), min(o.Duration, 15*time.Second)
			}
			if slices.Equal(o.Rates, []int{0}) {
				o.Rates = nil
			}
			for _, rate := range append([]int{o.WarmRate}, o.Rates...) {
				if rate < 1 || rate > 50_000 {
					return fmt.Errorf("a rate of %d trades/s: want 1 to 50000", rate)
				}
			}
			if len(o.Rates) == 0 && (o.Replay == 0 || o.Data != "") {
				return errors.New("--rates 0 and no replay: nothing to measure")
			}
			if o.Contracts < 1 || o.Contracts > 1000 || o.Replay < 0 {
				return fmt.Errorf("--contracts %d, --replay %d: want 1 to 1000, and no negative number of trades", o.Contracts, o.Replay)
			}
			r, err := stackbench.Run(cmd.Context(), o, cmd.ErrOrStderr())
			if r == nil {
				return err
			}
			err = errors.Join(err, r.Tables(cmd.OutOrStdout())) // also of what there is when it was interrupted
			if plot != "" && len(r.Phases) > 0 {
				err = errors.Join(err, writePlot(plot, r))
			}
			return errors.Join(err, r.Err())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Data, "data", "", "folder of a stack that runs already, to measure that one, without a replay")
	f.StringVar(&o.Functions, "functions", stack.DefaultConfig().Flink.Functions, "jar with the functions of Flink's SQL")
	f.IntVar(&o.Contracts, "contracts", 10, "that the trades are spread over")
	f.DurationVar(&o.WarmUp, "warm-up", time.Minute, "load before the first measurement: JVMs are slow at first")
	f.IntVar(&o.WarmRate, "warm-rate", 2000, "trades/s of it")
	f.IntSliceVar(&o.Rates, "rates", []int{1000, 5000}, "trades/s, one measurement for each; 0: none")
	f.DurationVar(&o.Duration, "duration", 30*time.Second, "of one measurement")
	f.IntVar(&o.Replay, "replay", 5_000_000, "trades of the log that is caught up with; 0: no replay")
	f.DurationVar(&o.Limit, "replay-limit", 4*time.Minute, "after which the replay is given up")
	f.BoolVar(&short, "short", false, "15 s for each rate, a replay of a million trades")
	f.StringVar(&plot, "plot", "", "file for the plot, SVG")
	return cmd
}

func writePlot(path string, r *stackbench.Result) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the plot: %w", err)
	}
	return errors.Join(r.Plot(f), f.Close())
}
