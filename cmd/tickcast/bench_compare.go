//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/tickcast/tickcast/edgebench"
)

func newBenchCompare() *cobra.Command {
	var runs int
	var duration time.Duration
	var tools string
	var only []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "Measure this edge beside mosquitto, nats-server and stock mochi, and print the ratios",
		Long: `Measure this edge beside mosquitto, nats-server and stock mochi, and print the ratios.

Each run starts a broker on free loopback ports, measures it as ` + "`bench edge`" + ` does and stops it; the brokers take turns. What is not installed is left out,
and so is what a broker could not do without a loss. ` + "`make bench-edge`" + ` sees to the brokers.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runs < 1 || runs > 99 || duration < time.Second/2 || duration > time.Minute {
				return fmt.Errorf("--runs %d, --duration %s: want 1 to 99 and 500ms to 1m", runs, duration)
			}
			for _, name := range only {
				if _, err := edgebench.ByName(name); err != nil {
					return fmt.Errorf("--workload: %w", err)
				}
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			c := edgebench.Comparison{Peers: edgebench.Peers(self, tools), Only: only, Runs: runs, Duration: duration, Progress: cmd.ErrOrStderr()}
			outcomes, err := c.Run(cmd.Context())
			write := edgebench.Tables // also of what there is when it was interrupted
			if asJSON {
				write = writeOutcomes
			}
			return errors.Join(write(cmd.OutOrStdout(), outcomes), err)
		},
	}
	f := cmd.Flags()
	f.IntVar(&runs, "runs", 3, "of each broker and workload; the median counts")
	f.DurationVar(&duration, "duration", 1500*time.Millisecond, "of one measurement")
	f.StringVar(&tools, "tools", "bin/tools", "folder with brokers, searched before PATH")
	f.StringSliceVarP(&only, "workload", "w", nil, "workloads, by the names of bench edge (default: all but saturated-state)")
	f.BoolVar(&asJSON, "json", false, "one JSON object per workload and broker, with every figure of the median run")
	return cmd
}

func writeOutcomes(w io.Writer, outcomes []edgebench.Outcome) error {
	e := json.NewEncoder(w)
	for _, o := range outcomes {
		if err := e.Encode(o); err != nil {
			return err
		}
	}
	return nil
}
