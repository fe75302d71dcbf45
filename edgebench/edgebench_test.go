//go:build linux

package edgebench

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/broker"
	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/configs"
)

// startEdge runs an edge with the shipped configuration for measuring, on free ports, until the test ends.
func startEdge(t *testing.T, change func(*broker.Config)) broker.Addrs {
	t.Helper()
	cat, err := catalog.Load("", "", catalog.Stack)
	if err != nil {
		t.Fatal(err)
	}
	f := struct{ Broker broker.Config }{broker.DefaultConfig()}
	if err := configs.Load("bench.yaml", &f); err != nil {
		t.Fatal(err)
	}
	f.Broker.TCP, f.Broker.WebSocket = "127.0.0.1:0", "127.0.0.1:0"
	if change != nil {
		change(&f.Broker)
	}
	b, err := broker.New(f.Broker, cat, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return b.Addrs()
}

func target(addr string) Target {
	return Target{Address: addr, Level: 4, Path: "/mqtt", User: "publisher", Password: "publisher"}
}

// small is a built-in workload that a test has time for.
func small(t *testing.T, name string) Workload {
	t.Helper()
	w, err := ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	w.Subscribers, w.Duration, w.WarmUp = 20, 400*time.Millisecond, 100*time.Millisecond
	w.Rounds = min(w.Rounds, 2)
	switch name {
	case "snapshot":
		w.Duration = 30 * time.Second // it ends when all have everything
	case "many":
		w.Topics = 10
	case "slow":
		w.Stalled, w.Rate, w.Payload = 3, 20*400, 4000 // more than the kernel takes for who does not read
	}
	if w.Rate > 0 {
		w.Rate = min(w.Rate, 20_000)
	}
	return w
}

func TestEveryWorkloadAddsUpOnOurEdge(t *testing.T) {
	addrs := startEdge(t, nil)
	for _, name := range Names() {
		for _, over := range []Target{
			target(addrs.TCP),
			{Address: addrs.WebSocket, WebSocket: true, Path: "/mqtt", Level: 5, User: "publisher", Password: "publisher"},
		} {
			w := small(t, name)
			r, err := Run(context.Background(), over, w)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if !r.Valid() {
				t.Errorf("%s over %s does not count: %v", name, r.Transport, r.Problems)
			}
			expected := r.Published * int64(w.audience())
			if name == "snapshot" {
				expected *= int64(w.Rounds)
			}
			if c := r.Counts; c.Deliveries+c.Conflated != expected || c.Lost != 0 || c.Foreign != 0 || r.Measured > c.Deliveries || r.Measured == 0 {
				t.Errorf("%s over %s: published %d for %d: %+v, %d measured", name, r.Transport, r.Published, expected, c, r.Measured)
			}
			if w.Class != State && r.Counts.Conflated != 0 {
				t.Errorf("%s over %s: %d conflated of class %s", name, r.Transport, r.Counts.Conflated, w.Class)
			}
			if l := r.Latency; l == nil || l.P50 <= 0 || l.P50 > l.P99 || l.P99 > l.P999 || l.P999 > l.Max {
				t.Errorf("%s over %s: latency %+v", name, r.Transport, l)
			}
			if r.ResidentStart == 0 || r.ResidentEnd == 0 || r.Seconds <= 0 {
				t.Errorf("%s over %s: %+v", name, r.Transport, r)
			}
			if s := r.Slow; name == "slow" && (len(s.With) != w.Rounds || len(s.Without) != w.Rounds || s.Newest != w.Stalled*w.Rounds || s.Writes > 2 || s.Closed != 0) {
				t.Errorf("slow over %s: %+v", r.Transport, s)
			}
			var printed bytes.Buffer
			if err := r.Print(&printed); err != nil || !strings.HasPrefix(printed.String(), name+": ") || strings.Contains(printed.String(), "INVALID") {
				t.Errorf("printed %s, %v", printed.String(), err)
			}
			var again Result
			if b, err := json.Marshal(r); err != nil || json.Unmarshal(b, &again) != nil || again.Measured != r.Measured {
				t.Errorf("%s does not come back from JSON: %v", name, err)
			}
		}
	}
}

func TestRunsThatLoseAreFoundOut(t *testing.T) {
	for _, tt := range []struct {
		name, workload, want string
		change               func(*broker.Config)
	}{
		{"an edge that conflates events", "saturated", "deliveries did not come", func(c *broker.Config) {
			c.ArrivalTopics = []broker.ArrivalTopics{{Filter: "event/#", Class: catalog.State}}
		}},
		{"an edge that drops events", "saturated", "deliveries did not come", func(c *broker.Config) { c.EventMessages = 1 }},
		{"an edge that ends sessions", "saturated-qos1", "closed by the broker", func(c *broker.Config) { c.QueueMessages = 1 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := small(t, tt.workload)
			w.Topics, w.Each, w.Outstanding = 1, 1, 200
			r, err := Run(context.Background(), target(startEdge(t, tt.change).TCP), w)
			if err != nil {
				t.Fatal(err)
			}
			if r.Valid() || !strings.Contains(strings.Join(r.Problems, "; "), tt.want) {
				t.Errorf("problems %q, want %q; %+v", r.Problems, tt.want, r.Counts)
			}
		})
	}
}

func TestWhatCannotBeMeasuredIsRefusedWithTheReason(t *testing.T) {
	addr := startEdge(t, nil).TCP
	for _, tt := range []struct {
		want   string
		change func(*Target, *Workload)
	}{
		{"load on others needs --allow-remote", func(t *Target, _ *Workload) { t.Address = "192.0.2.1:1883" }},
		{"nobody listens on port 1", func(t *Target, _ *Workload) { t.Address = "127.0.0.1:1" }},
		{"is no port", func(t *Target, _ *Workload) { t.Address = "127.0.0.1:mqtt" }},
		{"CONNECT: the broker answered 00 04", func(t *Target, _ *Workload) { t.Password = "wrong" }},
		{"class \"other\", want event", func(_ *Target, w *Workload) { w.Class = "other" }},
		{"not the same number on each topic", func(_ *Target, w *Workload) { w.Subscribers, w.Each = 7, 1 }},
		{"a rate goes with a burst", func(_ *Target, w *Workload) { w.Burst = 0 }},
		{"payload bytes: 10 is not within 20", func(_ *Target, w *Workload) { w.Payload = 10 }},
	} {
		to, w := target(addr), small(t, "even")
		tt.change(&to, &w)
		if _, err := Run(context.Background(), to, w); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

func TestProcessIsFoundByItsPort(t *testing.T) {
	addr := startEdge(t, nil).TCP
	e, err := target(addr).resolve(context.Background())
	if err != nil || e.broker.pid != os.Getpid() {
		t.Fatalf("found %+v, %v: want %d", e, err, os.Getpid())
	}
	before, err := e.cpu()
	if err != nil {
		t.Fatal(err)
	}
	for begin := ownCPU(); ownCPU().since(begin).Total < 0.2; {
	}
	after, err := e.cpu()
	if d := after.since(before); d.User+d.System-d.Total > 0.03 || d.User+d.System-d.Total < -0.03 {
		t.Errorf("the parts are not the sum: %+v", d)
	}
	if used := after.since(before).Total; err != nil || used < 0.15 || used > 5 {
		t.Errorf("used 0.2 s, seen %.2f s, %v", used, err)
	}
}

func TestOwnConfigurationOfAComparisonIsTheShippedOneOnOtherPorts(t *testing.T) {
	args, err := ownConfig(t.TempDir(), 40001, 40002)
	if err != nil {
		t.Fatal(err)
	}
	f := struct{ Broker broker.Config }{broker.DefaultConfig()}
	if err := configs.Load(args[2], &f); err != nil {
		t.Fatal(err)
	}
	if err := f.Broker.Validate(); err != nil || f.Broker.TCP != "127.0.0.1:40001" || f.Broker.WebSocket != "127.0.0.1:40002" {
		t.Errorf("%v %+v", err, f.Broker)
	}
}
