package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/tickcast/tickcast/broker/admin"
)

func ctlDrain(a *adminCaller) *cobra.Command {
	var wave int
	var interval, grace time.Duration
	var reason, to string
	var wait, status bool
	cmd := &cobra.Command{
		Use: "drain", Short: "Empty the edge, wave by wave, and end its process", Args: cobra.NoArgs,
		Example: "  tickcast ctl drain --wave 500 --interval 2s --to edge2.example:8883 --wait",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if status {
				return a.show(cmd, "/drain")
			}
			order := map[string]any{"wave": wave, "interval_ms": interval.Milliseconds(), "grace_ms": grace.Milliseconds()}
			if reason != "" {
				order["reason"] = reason
			}
			if cmd.Flags().Changed("to") {
				order["server_reference"] = to
			}
			var s admin.DrainState
			raw, err := a.object(cmd.Context(), http.MethodPost, "/drain", order, &s)
			if err != nil {
				return err
			}
			if a.json {
				_, err = cmd.OutOrStdout().Write(raw)
			} else {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "draining %d clients in waves of %d\n", s.Clients, wave)
			}
			if err != nil || !wait {
				return err
			}
			return a.watchDrain(cmd.Context(), cmd, s)
		},
	}
	cmd.Flags().IntVar(&wave, "wave", 500, "clients per wave")
	cmd.Flags().DurationVar(&interval, "interval", time.Second, "from the beginning of one wave to the next")
	cmd.Flags().DurationVar(&grace, "grace", 5*time.Second, "for a client to take and acknowledge what it was promised")
	cmd.Flags().StringVar(&reason, "reason", "", "told to the clients")
	cmd.Flags().StringVar(&to, "to", "", "host:port that clients are sent to (default: as the edge is configured)")
	cmd.Flags().BoolVar(&wait, "wait", false, "show the waves, and return when the edge is gone")
	cmd.Flags().BoolVar(&status, "status", false, "start nothing, show how far a drain is")
	return cmd
}

// watchDrain prints each wave until the edge no longer answers, which is how a drain ends.
func (a *adminCaller) watchDrain(ctx context.Context, cmd *cobra.Command, s admin.DrainState) error {
	shown := 0
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
		var now admin.DrainState
		if _, err := a.object(ctx, http.MethodGet, "/drain", nil, &now); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "the edge is gone; %d of %d clients moved, %d messages undelivered\n", s.Moved, s.Clients, s.Undelivered)
			return err
		}
		if s = now; s.WavesDone > shown && !a.json {
			shown = s.WavesDone
			if _, err := fmt.Fprintf(cmd.OutOrStdout(), "wave %d: %d moved, %d remain\n", s.WavesDone, s.Moved, s.Remaining); err != nil {
				return err
			}
		}
	}
}
