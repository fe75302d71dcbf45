package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/tickcast/tickcast/broker/admin"
)

const banKinds = "clientid, username or peerhost (an address or a prefix such as 10.0.0.0/8)"

func ctlBan(a *adminCaller) *cobra.Command {
	var reason string
	var length time.Duration
	cmd := &cobra.Command{
		Use: "ban KIND WHO", Short: "Shut out a client id, a user or an address, and disconnect who is here",
		Long: "Shut out and disconnect. KIND is " + banKinds + ".", Example: "  tickcast ctl ban peerhost 203.0.113.0/24 --for 1h --reason scraping", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			order := map[string]any{"as": args[0], "who": args[1]}
			if reason != "" {
				order["reason"] = reason
			}
			if length < 0 {
				return errors.New("--for: want a length of time, or 0 for good")
			}
			if length > 0 {
				order["until"] = time.Now().Add(length).UTC().Format(time.RFC3339)
			}
			var got struct{ Kicked int }
			raw, err := a.object(cmd.Context(), http.MethodPost, "/banned", order, &got)
			if err != nil {
				return err
			}
			if a.json {
				_, err = cmd.OutOrStdout().Write(raw)
			} else {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "banned; %d clients were disconnected\n", got.Kicked)
			}
			return err
		},
	}
	cmd.Flags().DurationVar(&length, "for", 0, "how long, such as 90m or 24h; 0: for good")
	cmd.Flags().StringVar(&reason, "reason", "", "for the list of bans")
	return cmd
}

func ctlUnban(a *adminCaller) *cobra.Command {
	return &cobra.Command{
		Use: "unban KIND WHO", Short: "Take a ban away", Long: "Take a ban away. KIND is " + banKinds + ".", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := a.call(cmd.Context(), http.MethodDelete, "/banned/"+segment(args[0])+"/"+segment(args[1]), nil)
			return err
		},
	}
}

func ctlBanned(a *adminCaller) *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use: "banned", Short: "Who is banned", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return list(cmd.Context(), a, cmd.OutOrStdout(), "/banned", url.Values{}, l, "KIND WHO UNTIL BY REASON", func(b *admin.Ban) []any {
				until := "for good"
				if b.Until != nil {
					until = b.Until.Local().Format("2006-01-02T15:04:05")
				}
				return []any{b.As, b.Who, until, b.By, b.Reason}
			})
		},
	}
	pageFlags(cmd, &l)
	return cmd
}
