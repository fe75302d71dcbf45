//go:build linux

package edgebench

import (
	"fmt"
	"time"
)

// Result is what one workload showed.
type Result struct {
	Workload    string `json:"workload"`
	Address     string `json:"address"`
	Transport   string `json:"transport"`
	MQTT        string `json:"mqtt"`
	Class       Class  `json:"class"`
	QoS         byte   `json:"qos"`
	Subscribers int    `json:"subscribers"`
	Topics      int    `json:"topics"`
	Payload     int    `json:"payload_bytes"`

	Seconds       float64  `json:"seconds"`        // measured
	Measured      int64    `json:"measured"`       // deliveries in that time
	PerSecond     float64  `json:"per_second"`     // deliveries
	PerCPUSecond  float64  `json:"per_cpu_second"` // deliveries per second of the broker's CPU time; 0: unknown
	BrokerCPU     CPU      `json:"broker_cpu"`
	ToolCPU       CPU      `json:"tool_cpu"` // of this tool, in the same time
	Published     int64    `json:"published"`
	Counts        Counts   `json:"counts"`
	Latency       *Latency `json:"latency,omitempty"`
	ResidentStart int64    `json:"resident_bytes_before"`
	ResidentEnd   int64    `json:"resident_bytes_after"`
	Slow          *Slow    `json:"slow,omitempty"`
	PerConnection int64    `json:"resident_bytes_per_connection,omitempty"` // idle

	Problems []string `json:"problems,omitempty"` // why the run does not count; none: it does
}

// Valid says whether the run counts.
func (r *Result) Valid() bool { return len(r.Problems) == 0 }

func (r *Result) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

func newResult(e *endpoint, w *Workload) *Result {
	r := &Result{Workload: w.Name, Address: e.Address, Transport: "tcp", MQTT: "3.1.1", Class: w.Class, QoS: w.QoS, Subscribers: w.Subscribers,
		Topics: w.Topics, Payload: w.Payload}
	if e.WebSocket {
		r.Transport = "websocket"
	}
	if e.Level == 5 {
		r.MQTT = "5"
	}
	return r
}

// mark is one end of a measurement.
type mark struct {
	at           time.Time
	broker, tool CPU
	deliveries   int64
	resident     int64 // bytes, of the broker
}

func (s *stream) mark() (m mark, err error) {
	m = mark{at: time.Now(), tool: ownCPU(), deliveries: s.counts.Deliveries}
	if m.resident, err = s.e.resident(); err != nil {
		return m, err
	}
	m.broker, err = s.e.cpu()
	return m, err
}

// add adds the measurement between two marks.
func (r *Result) add(from, to mark) {
	r.Seconds += to.at.Sub(from.at).Seconds()
	r.Measured += to.deliveries - from.deliveries
	r.BrokerCPU = r.BrokerCPU.plus(to.broker.since(from.broker))
	r.ToolCPU = r.ToolCPU.plus(to.tool.since(from.tool))
	r.PerSecond = float64(r.Measured) / r.Seconds
	if cpu := r.BrokerCPU.Total; cpu > 0 {
		r.PerCPUSecond = float64(r.Measured) / cpu
	}
}

// judge, after settle, fills in what the subscribers got, and says what of it makes the run invalid.
func (s *stream) judge(r *Result) {
	r.Published, r.Counts, r.Latency = s.published.Load(), s.counts, s.latencies.latency()
	if s.loop.lost > 0 {
		r.problem("%d connections were closed by the broker", s.loop.lost)
	}
	if n := s.counts.Lost; n > 0 {
		r.problem("%d of %d deliveries did not come", n, r.Published*int64(s.w.audience()))
	}
	if n := s.counts.Regressions; n > 0 {
		r.problem("%d messages came after a newer one of their topic", n)
	}
	if n := s.counts.Duplicates; n > 0 && s.w.Class != State { // the same state twice says nothing wrong
		r.problem("%d messages came twice", n)
	}
	if r.Measured == 0 {
		r.problem("nothing was measured")
	}
}
