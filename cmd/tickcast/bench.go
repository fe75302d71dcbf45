//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tickcast/tickcast/edgebench"
)

func newBench() *cobra.Command {
	cmd := &cobra.Command{Use: "bench", Short: "Measure"}
	cmd.AddCommand(newBenchEdge(), newBenchCompare(), newBenchStack())
	return cmd
}

func newBenchEdge() *cobra.Command {
	t := edgebench.Target{}
	var names []string
	var asJSON bool
	var level string
	change := map[string]func(*edgebench.Workload){}
	var o edgebench.Workload // what flags give
	cmd := &cobra.Command{
		Use:   "edge",
		Short: "Measure any MQTT broker as an edge: deliveries per CPU-second of its process, latency, losses, memory",
		Long: `Measure any MQTT broker as an edge: deliveries per CPU-second of its process, latency, losses, memory.

Latency counts from when a message was meant to be sent. A run counts only if every message came once and in order; where one did not, the
command fails. With --class state older values of a topic may be left out, and are counted as conflated.

Workloads, 500 subscribers on all of 20 topics with 256 bytes unless said otherwise:
  even             50,000 deliveries/s, evenly spaced
  burst            50,000 deliveries/s in bursts of 20 messages
  saturated        a closed loop: 50 messages are under way, the next goes out when every subscriber has an earlier one
  saturated-qos1   the same with QoS 1 on topics final/…
  saturated-state  the same on topics state/…
  many             2,000 subscribers on 2 of 200 topics each, saturated
  snapshot         500 clients ask for 1,000 retained topics at once
  slow             100 subscribers at 400 messages/s with and without 20 more that do not read
  idle             5,000 connections with one subscription

The broker must let anyone subscribe. ` + "`tickcast broker --config bench.yaml`" + ` is one.`,
		Example: "  tickcast broker --config bench.yaml &\n  tickcast bench edge --workload even,saturated\n  tickcast bench edge --websocket --address 127.0.0.1:28083 --workload even",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t.Level = map[string]byte{"3.1.1": 4, "5": 5}[level]
			if t.Level == 0 {
				return fmt.Errorf("--mqtt: %q, want 3.1.1 or 5", level)
			}
			if len(names) == 1 && names[0] == "all" {
				names = edgebench.Names()
			}
			var invalid []string
			for _, name := range names {
				w, err := edgebench.ByName(name)
				if err != nil {
					return fmt.Errorf("--workload: %w", err)
				}
				for flag, apply := range change {
					if cmd.Flags().Changed(flag) {
						apply(&w)
					}
				}
				r, err := edgebench.Run(cmd.Context(), t, w)
				if err != nil {
					return err
				}
				if !r.Valid() {
					invalid = append(invalid, name)
				}
				if asJSON {
					err = json.NewEncoder(cmd.OutOrStdout()).Encode(r)
				} else {
					err = r.Print(cmd.OutOrStdout())
				}
				if err != nil {
					return err
				}
			}
			if len(invalid) > 0 {
				return errors.New("runs that do not count: " + strings.Join(invalid, ", "))
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVarP(&t.Address, "address", "a", "127.0.0.1:21883", "the broker, host:port")
	f.BoolVar(&t.WebSocket, "websocket", false, "MQTT over WebSocket")
	f.StringVar(&t.Path, "path", "/mqtt", "path of the WebSocket")
	f.StringVar(&level, "mqtt", "3.1.1", "3.1.1 or 5")
	f.StringVar(&t.User, "user", "publisher", "user that may publish; empty: none is named")
	f.StringVar(&t.Password, "password", "publisher", "its password")
	f.IntVar(&t.PID, "pid", 0, "the broker's process (0: the one that listens on the address)")
	f.BoolVar(&t.AllowRemote, "allow-remote", false, "the address may be on another machine; its CPU time is not known then")
	f.StringSliceVarP(&names, "workload", "w", []string{"all"}, "workloads, by name")
	f.BoolVar(&asJSON, "json", false, "one JSON object per workload and line")

	number := func(p *int, name, usage string, field func(*edgebench.Workload) *int) {
		f.IntVar(p, name, 0, usage+" (default: the workload's)")
		change[name] = func(w *edgebench.Workload) { *field(w) = *p }
	}
	number(&o.Subscribers, "subscribers", "subscribers", func(w *edgebench.Workload) *int { return &w.Subscribers })
	number(&o.Topics, "topics", "topics", func(w *edgebench.Workload) *int { return &w.Topics })
	number(&o.Each, "topics-each", "topics of one subscriber", func(w *edgebench.Workload) *int { return &w.Each })
	number(&o.Payload, "payload", "bytes of a payload", func(w *edgebench.Workload) *int { return &w.Payload })
	number(&o.Rate, "rate", "deliveries per second", func(w *edgebench.Workload) *int { return &w.Rate })
	number(&o.Burst, "burst", "messages that are published at once", func(w *edgebench.Workload) *int { return &w.Burst })
	number(&o.Outstanding, "outstanding", "messages under way", func(w *edgebench.Workload) *int { return &w.Outstanding })
	number(&o.Stalled, "stalled", "subscribers that do not read", func(w *edgebench.Workload) *int { return &w.Stalled })
	number(&o.Rounds, "rounds", "measurements in a row", func(w *edgebench.Workload) *int { return &w.Rounds })
	f.StringVar((*string)(&o.Class), "class", "", "event, state or final: first level of the topics (default: the workload's)")
	change["class"] = func(w *edgebench.Workload) { w.Class = o.Class }
	f.Uint8Var(&o.QoS, "qos", 0, "0 or 1 (default: the workload's)")
	change["qos"] = func(w *edgebench.Workload) { w.QoS = o.QoS }
	f.DurationVar(&o.Duration, "duration", 0, "of one measurement (default: the workload's)")
	change["duration"] = func(w *edgebench.Workload) { w.Duration = o.Duration }
	f.DurationVar(&o.WarmUp, "warm-up", time.Second, "before a measurement (default: the workload's)")
	change["warm-up"] = func(w *edgebench.Workload) { w.WarmUp = o.WarmUp }
	return cmd
}
