package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/tickcast/tickcast/broker/admin"
)

func ctlTopics(a *adminCaller) *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use: "topics [FILTER]", Short: "The topics that the edge knows", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{}
			if len(args) == 1 {
				q.Set("topic", args[0])
			}
			return list(cmd.Context(), a, cmd.OutOrStdout(), "/topics", q, l, "TOPIC CLASS SUBSCRIBERS RETAINED", func(t *admin.Topic) []any {
				return []any{t.Name, t.Class, t.Subscribers, t.Retained}
			})
		},
	}
	pageFlags(cmd, &l)
	return cmd
}

func ctlRetained(a *adminCaller) *cobra.Command {
	var del bool
	cmd := &cobra.Command{
		Use: "retained TOPIC", Short: "A topic's value", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			method := http.MethodGet
			if del {
				method = http.MethodDelete
			}
			var got struct{ Payload, Meaning string }
			raw, err := a.object(cmd.Context(), method, "/retained/"+segment(args[0]), nil, &got)
			if err != nil {
				return err
			}
			switch {
			case a.json:
				_, err = cmd.OutOrStdout().Write(raw)
			case del:
				_, err = fmt.Fprintln(cmd.OutOrStdout(), got.Meaning)
			default:
				_, err = fmt.Fprintln(cmd.OutOrStdout(), printable(got.Payload))
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&del, "delete", false, "take the value away from this edge; what that means is printed")
	return cmd
}

// show prints an object, indented for a person.
func (a *adminCaller) show(cmd *cobra.Command, path string) error {
	raw, err := a.call(cmd.Context(), http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if !a.json {
		var b bytes.Buffer
		if err := json.Indent(&b, raw, "", "  "); err != nil {
			return fmt.Errorf("decode the edge's answer: %w", err)
		}
		raw = b.Bytes()
	}
	_, err = cmd.OutOrStdout().Write(raw)
	return err
}

func ctlStats(a *adminCaller) *cobra.Command {
	return &cobra.Command{
		Use: "stats", Short: "Counts since the start, and what waits now", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.show(cmd, "/stats") },
	}
}

func ctlAudit(a *adminCaller) *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use: "audit", Short: "Who changed what, the newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return list(cmd.Context(), a, cmd.OutOrStdout(), "/audit", url.Values{}, l, "AT WHO FROM METHOD PATH STATUS RESULT ASKED", func(e *admin.Entry) []any {
				status := ""
				if e.Status != 0 {
					status = strconv.Itoa(e.Status)
				}
				return []any{e.At.Local().Format("2006-01-02T15:04:05"), e.Who, e.From, e.Method, e.Path, status, e.Result, e.Asked}
			})
		},
	}
	pageFlags(cmd, &l)
	return cmd
}
