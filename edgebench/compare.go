//go:build linux

package edgebench

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// Comparison says what is measured of each broker.
type Comparison struct {
	Peers    []Peer   // the first is what the others are compared with
	Only     []string // names of workloads; empty: all
	Runs     int      // of each row, the brokers in turn; the median counts
	Duration time.Duration
	Progress io.Writer
}

// row is one workload over one transport.
type row struct {
	title     string
	workload  Workload
	webSocket bool
	once      bool // needs no repetition: it repeats within itself, or counts bytes
}

func (c *Comparison) rows() (rows []row, err error) {
	for _, r := range []struct {
		title, workload string
		webSocket, once bool
	}{
		{"50,000/s evenly spaced", "even", false, false},
		{"the same over WebSocket", "even", true, false},
		{"saturated", "saturated", false, false},
		{"50,000/s in bursts of 20", "burst", false, false},
		{"saturated, QoS 1", "saturated-qos1", false, false},
		{"500 clients x 1,000 retained", "snapshot", false, false},
		{"2,000 on 2 of 200 topics, saturated", "many", false, false},
		{"100 healthy, 20 stalled", "slow", false, true},
		{"5,000 idle", "idle", false, true},
		{"5,000 idle over WebSocket", "idle", true, true},
	} {
		if len(c.Only) > 0 && !slices.Contains(c.Only, r.workload) {
			continue
		}
		w, err := ByName(r.workload)
		if err != nil {
			return nil, err
		}
		switch w.Name {
		case "idle":
		case "snapshot":
			w.Rounds = 2
		case "slow":
			w.Duration, w.WarmUp = min(w.Duration, c.Duration), c.Duration/2
		default:
			w.Duration, w.WarmUp = c.Duration, c.Duration/4
		}
		rows = append(rows, row{r.title, w, r.webSocket, r.once})
	}
	return rows, nil
}

// Outcome is what a row showed of one broker.
type Outcome struct {
	Row    string  `json:"row"`
	Broker string  `json:"broker"`
	Median *Result `json:"median,omitempty"` // nil: no run counts
	Why    string  `json:"why,omitempty"`    // it has none
}

// Run measures every row of every broker, the brokers in turn and each run with a process of its own.
func (c *Comparison) Run(ctx context.Context) (outcomes []Outcome, err error) {
	rows, err := c.rows()
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		results, problems := map[string][]*Result{}, map[string]string{}
		runs := c.Runs
		if r.once {
			runs = 1
		}
		for range runs {
			for i := range c.Peers {
				p := &c.Peers[i]
				if p.Program == "" {
					problems[p.Name] = "not installed: " + p.Hint
					continue
				}
				result, err := p.measure(ctx, r)
				switch {
				case ctx.Err() != nil:
					return outcomes, ctx.Err()
				case err != nil:
					problems[p.Name] = err.Error()
				case !result.Valid():
					problems[p.Name] = result.Problems[0]
				default:
					results[p.Name] = append(results[p.Name], result)
				}
				if err == nil {
					fmt.Fprintf(c.Progress, "%-36s %-12s %9.0f per CPU-second, %9.0f per second\n", r.title, p.Name, result.PerCPUSecond, result.PerSecond)
				}
			}
		}
		for _, p := range c.Peers {
			o := Outcome{Row: r.title, Broker: p.Name, Median: medianOf(results[p.Name])}
			if o.Median == nil {
				o.Why = problems[p.Name]
			}
			outcomes = append(outcomes, o)
		}
	}
	return outcomes, nil
}

func (p *Peer) measure(ctx context.Context, r row) (*Result, error) {
	running, err := p.start(ctx)
	if err != nil {
		return nil, err
	}
	defer running.stop()
	t := Target{Address: running.tcp, WebSocket: r.webSocket, Path: "/mqtt", Level: 4, User: "publisher", Password: "publisher", PID: running.cmd.Process.Pid}
	if r.webSocket {
		t.Address = running.webSocket
	}
	return Run(ctx, t, r.workload)
}

func medianOf(results []*Result) *Result {
	if len(results) == 0 {
		return nil
	}
	slices.SortFunc(results, func(a, b *Result) int { return cmp.Compare(a.PerCPUSecond, b.PerCPUSecond) })
	return results[len(results)/2]
}
