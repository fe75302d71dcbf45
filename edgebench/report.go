//go:build linux

package edgebench

import (
	"fmt"
	"io"
	"strings"
)

// Print writes a result for people.
func (r *Result) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d subscribers, %d topics %s/…, %d bytes, QoS %d, MQTT %s over %s, %s\n",
		r.Workload, r.Subscribers, r.Topics, r.Class, r.Payload, r.QoS, r.MQTT, r.Transport, r.Address)
	if r.Measured > 0 {
		fmt.Fprintf(&b, "  %d deliveries in %.1f s: %.0f per second", r.Measured, r.Seconds, r.PerSecond)
		if r.PerCPUSecond > 0 {
			fmt.Fprintf(&b, ", %.0f per CPU-second of the broker", r.PerCPUSecond)
		}
		fmt.Fprintf(&b, "\n  CPU: broker %.3f s (%.2f user, %.2f system), this tool %.3f s (%.2f, %.2f)\n",
			r.BrokerCPU.Total, r.BrokerCPU.User, r.BrokerCPU.System, r.ToolCPU.Total, r.ToolCPU.User, r.ToolCPU.System)
	}
	if l := r.Latency; l != nil {
		fmt.Fprintf(&b, "  latency: p50 %.2f ms, p99 %.2f, p99.9 %.2f, max %.2f\n", l.P50, l.P99, l.P999, l.Max)
	}
	fmt.Fprintf(&b, "  lost %d, conflated %d, duplicates %d, out of order %d\n", r.Counts.Lost, r.Counts.Conflated, r.Counts.Duplicates, r.Counts.Regressions)
	fmt.Fprintf(&b, "  resident memory: %.1f MiB before, %.1f MiB after", mebibytes(r.ResidentStart), mebibytes(r.ResidentEnd))
	if r.PerConnection > 0 {
		fmt.Fprintf(&b, ": %.1f KiB per connection", float64(r.PerConnection)/1024)
	}
	b.WriteByte('\n')
	r.Slow.print(&b)
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "  INVALID: %s\n", p)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }
