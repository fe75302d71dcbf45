package main

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/tickcast/tickcast/broker/admin"
)

func pageFlags(cmd *cobra.Command, l *listing) {
	cmd.Flags().IntVar(&l.page, "page", 1, "which page of the list")
	cmd.Flags().IntVar(&l.limit, "limit", 100, "entries of a page, at most 1000")
}

// set adds a filter to a list's query.
func set(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

func ctlClients(a *adminCaller) *cobra.Command {
	var l listing
	var like, user, address, state string
	cmd := &cobra.Command{
		Use: "clients [ID]", Short: "The clients, or all about one", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return a.show(cmd, "/clients/"+segment(args[0]))
			}
			q := url.Values{}
			set(q, "like_clientid", like)
			set(q, "username", user)
			set(q, "ip_address", address)
			set(q, "conn_state", state)
			return list(cmd.Context(), a, cmd.OutOrStdout(), "/clients", q, l, "CLIENT USER ADDRESS VIA CONNECTED SUBS QUEUED INFLIGHT SENT CONFLATED DROPPED WAITS", func(c *admin.Client) []any {
				via := fmt.Sprintf("%s/%d", c.Transport, c.Protocol)
				if !c.Connected {
					via = ""
				}
				return []any{c.ID, c.User, c.Address, via, since(c.ConnectedAt), c.Subscriptions, c.Queued + c.EventsWaiting + c.StateWaiting, c.Inflight, c.Sent, c.Conflated, c.Dropped, millis(c.WaitMS)}
			})
		},
	}
	pageFlags(cmd, &l)
	cmd.Flags().StringVar(&like, "like", "", "client ids that contain this")
	cmd.Flags().StringVar(&user, "user", "", "of this user")
	cmd.Flags().StringVar(&address, "address", "", "from this address")
	cmd.Flags().StringVar(&state, "state", "", "connected or disconnected")
	return cmd
}

func ctlKick(a *adminCaller) *cobra.Command {
	return &cobra.Command{
		Use: "kick ID", Short: "Disconnect a client and end its session; it may come back at once", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := a.call(cmd.Context(), http.MethodDelete, "/clients/"+segment(args[0]), nil)
			return err
		},
	}
}

func ctlSubscriptions(a *adminCaller) *cobra.Command {
	var l listing
	var client, filter string
	cmd := &cobra.Command{
		Use: "subscriptions", Short: "Who subscribed to what", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			set(q, "clientid", client)
			set(q, "topic", filter)
			return list(cmd.Context(), a, cmd.OutOrStdout(), "/subscriptions", q, l, "CLIENT FILTER QOS", func(s *admin.Subscription) []any {
				return []any{s.ClientID, s.Filter, s.QoS}
			})
		},
	}
	pageFlags(cmd, &l)
	cmd.Flags().StringVar(&client, "client", "", "of this client")
	cmd.Flags().StringVar(&filter, "topic", "", "with exactly this filter")
	return cmd
}

func ctlSlow(a *adminCaller) *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use: "slow", Short: "Which clients have not taken what is there for them, the longest wait first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return list(cmd.Context(), a, cmd.OutOrStdout(), "/slow_subscriptions", url.Values{}, l, "CLIENT TOPIC CLASS WAITS QUEUED CONFLATED DROPPED LAST-WRITE", func(s *admin.SlowSubscription) []any {
				return []any{s.ClientID, s.Topic, s.Class, millis(s.WaitMS), s.Queue, s.Conflated, s.Dropped, millisOrNone(s.WriteAgeMS)}
			})
		},
	}
	pageFlags(cmd, &l)
	return cmd
}
