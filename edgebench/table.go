//go:build linux

package edgebench

import (
	"cmp"
	"fmt"
	"io"
	"strings"
)

const (
	costTitle    = "Deliveries per CPU-second of the broker; in brackets how many times as many ours makes"
	latencyTitle = "99th percentile of latency in ms (in a closed loop that says how much is under way); beside stalled subscribers the median of all rounds"
	stalledTitle = "What stalled subscribers did to the p99 of the healthy, growth of resident memory, how many held the newest value of every topic when they read again"
	idleTitle    = "Resident memory per idle connection, KiB"
)

// Tables writes the outcomes as Markdown: one table for each kind of figure, and why a figure is missing below.
func Tables(out io.Writer, outcomes []Outcome) error {
	t := tables{}
	for _, o := range outcomes {
		t.add(o)
	}
	var b strings.Builder
	t.numbers(&b, costTitle, "%.0f", true, func(r *Result) (float64, bool) { return r.PerCPUSecond, r.Slow == nil && r.PerConnection == 0 })
	t.numbers(&b, latencyTitle, "%.2f", false, func(r *Result) (float64, bool) {
		switch {
		case r.Slow != nil:
			return r.Slow.MedianWith, true
		case r.PerConnection > 0 || r.Latency == nil:
			return 0, false
		}
		return r.Latency.P99, true
	})
	t.text(&b, stalledTitle, func(_, _ string, r *Result) string {
		s := r.Slow
		if s == nil {
			return ""
		}
		return fmt.Sprintf("%.2f → %.2f ms (%+.0f %%), %+.1f MiB, %d of %d", s.MedianWithout, s.MedianWith, 100*(s.MedianWith/s.MedianWithout-1),
			mebibytes(s.Growth), s.Newest, s.Stalled*len(s.With))
	})
	t.numbers(&b, idleTitle, "%.1f", false, func(r *Result) (float64, bool) { return float64(r.PerConnection) / 1024, r.PerConnection > 0 })
	if len(t.missing) > 0 {
		b.WriteString("Left out:\n")
		for _, m := range t.missing {
			fmt.Fprintf(&b, "- %s\n", m)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

type tables struct {
	rows, brokers []string
	results       map[[2]string]*Result // by row and broker
	missing       []string
}

func (t *tables) add(o Outcome) {
	if t.results == nil {
		t.results = map[[2]string]*Result{}
	}
	if len(t.rows) == 0 || t.rows[len(t.rows)-1] != o.Row {
		t.rows = append(t.rows, o.Row)
	}
	if len(t.rows) == 1 {
		t.brokers = append(t.brokers, o.Broker)
	}
	if o.Median == nil {
		t.missing = append(t.missing, fmt.Sprintf("%s, %s: %s", o.Row, o.Broker, o.Why))
		return
	}
	t.results[[2]string{o.Row, o.Broker}] = o.Median
}

// numbers writes one table. compared: each with how many times as much the first broker has.
func (t *tables) numbers(b *strings.Builder, title, format string, compared bool, figure func(*Result) (float64, bool)) {
	t.text(b, title, func(row, broker string, r *Result) string {
		n, ok := figure(r)
		if !ok {
			return ""
		}
		cell := fmt.Sprintf(format, n)
		if first := t.results[[2]string{row, t.brokers[0]}]; compared && broker != t.brokers[0] && first != nil && n > 0 {
			ours, _ := figure(first)
			cell += fmt.Sprintf(" (%.1f)", ours/n)
		}
		return cell
	})
}

// text writes one table; rows without any figure are left out, and a table without rows is.
func (t *tables) text(b *strings.Builder, title string, figure func(row, broker string, r *Result) string) {
	headed := false
	for _, row := range t.rows {
		var cells []string
		any := false
		for _, broker := range t.brokers {
			cell := ""
			if r := t.results[[2]string{row, broker}]; r != nil {
				cell = figure(row, broker, r)
			}
			any = any || cell != ""
			cells = append(cells, cmp.Or(cell, "-"))
		}
		if any && !headed {
			headed = true
			fmt.Fprintf(b, "%s\n\n| workload | %s |\n|---|%s\n", title, strings.Join(t.brokers, " | "), strings.Repeat("---|", len(t.brokers)))
		}
		if any {
			fmt.Fprintf(b, "| %s | %s |\n", row, strings.Join(cells, " | "))
		}
	}
	if headed {
		b.WriteByte('\n')
	}
}
