package admin

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metricsHandler shows the edge's counts, the process's and Go's. It needs no key: it names no client.
func metricsHandler(edge Edge, refused refusals) http.Handler {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), edgeCollector{edge})
	refused.register(reg)
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{MaxRequestsInFlight: 2}) // each walks through all sessions
}

// edgeCollector reads all counts at one moment, at each scrape.
type edgeCollector struct{ edge Edge }

type metric struct {
	name, help string
	kind       prometheus.ValueType
	label      string // name of the one label, empty: none
	values     func(*Stats) map[string]float64
}

func one(f func(*Stats) float64) func(*Stats) map[string]float64 {
	return func(s *Stats) map[string]float64 { return map[string]float64{"": f(s)} }
}

const (
	gauge   = prometheus.GaugeValue
	counter = prometheus.CounterValue
)

var metrics = []metric{
	{"connections", "Open connections, connected to a session or not yet", gauge, "", one(func(s *Stats) float64 { return float64(s.Connections) })},
	{"sessions", "Sessions, connected or waiting for their client to come back", gauge, "", one(func(s *Stats) float64 { return float64(s.Sessions) })},
	{"subscriptions", "Subscriptions of all sessions", gauge, "", one(func(s *Stats) float64 { return float64(s.Subscriptions) })},
	{"topics", "Topics known", gauge, "", one(func(s *Stats) float64 { return float64(s.Topics) })},
	{"bans", "Bans in force", gauge, "", one(func(s *Stats) float64 { return float64(s.Bans) })},
	{"slow_clients", "Clients with something unsent for over a second", gauge, "", one(func(s *Stats) float64 { return float64(s.Queues.Slow) })},
	{"queue_messages", "What waits for clients now: QoS 1 messages, those sent and unacknowledged, events, topics of state", gauge, "queue", func(s *Stats) map[string]float64 {
		q := s.Queues
		return map[string]float64{"final": float64(q.Final), "inflight": float64(q.Inflight), "event": float64(q.Events), "state": float64(q.State)}
	}},
	{"queue_messages_max", "What waits for the client for which most waits", gauge, "queue", func(s *Stats) map[string]float64 {
		q := s.Queues
		return map[string]float64{"final": float64(q.FinalMax), "event": float64(q.EventsMax), "state": float64(q.StateMax)}
	}},
	{"connections_accepted_total", "Connections accepted", counter, "", one(func(s *Stats) float64 { return float64(s.Accepted) })},
	{"messages_published_total", "Messages taken from publishers", counter, "", one(func(s *Stats) float64 { return float64(s.Published) })},
	{"messages_sent_total", "Messages written to clients", counter, "", one(func(s *Stats) float64 { return float64(s.Sent) })},
	{"sent_bytes_total", "Bytes written to clients, acknowledgements and all", counter, "", one(func(s *Stats) float64 { return float64(s.SentBytes) })},
	{"messages_conflated_total", "State updates that a newer one replaced before a client could take them: no loss", counter, "", one(func(s *Stats) float64 { return float64(s.Conflated) })},
	{"messages_dropped_total", "Messages that a client never gets", counter, "reason", func(s *Stats) map[string]float64 {
		return map[string]float64{"queue_full": float64(s.Dropped), "too_large": float64(s.TooLarge)}
	}},
	{"refused_total", "What was refused: messages not newer than their topic's version, publishes, subscriptions", counter, "what", func(s *Stats) map[string]float64 {
		return map[string]float64{"version": float64(s.RefusedVersions), "publish": float64(s.RefusedPublishes), "filter": float64(s.RefusedFilters)}
	}},
	{"clocks_live", "Contracts whose clock moves", gauge, "", one(func(s *Stats) float64 { return float64(s.ClocksLive) })},
	{"clock_stale", "Contracts whose clock stands still; there is none for those whose clock moves", gauge, "contract", func(s *Stats) map[string]float64 {
		m := map[string]float64{}
		for _, contract := range s.ClocksStale {
			m[contract] = 1
		}
		return m
	}},
	{"panics_total", "Connections ended by a panic", counter, "", one(func(s *Stats) float64 { return float64(s.Panics) })},
	{"disconnects_total", "Connections ended", counter, "reason", func(s *Stats) map[string]float64 {
		m := map[string]float64{}
		for reason, n := range s.Disconnects {
			m[reason] = float64(n)
		}
		return m
	}},
}

func (m *metric) desc() *prometheus.Desc {
	var labels []string
	if m.label != "" {
		labels = []string{m.label}
	}
	return prometheus.NewDesc("tickcast_edge_"+m.name, m.help, labels, nil)
}

// Describe implements prometheus.Collector.
func (edgeCollector) Describe(ch chan<- *prometheus.Desc) {
	for i := range metrics {
		ch <- metrics[i].desc()
	}
}

// Collect implements prometheus.Collector.
func (e edgeCollector) Collect(ch chan<- prometheus.Metric) {
	s := e.edge.Stats()
	for i := range metrics {
		m := &metrics[i]
		desc := m.desc()
		for value, n := range m.values(&s) {
			if m.label == "" {
				ch <- prometheus.MustNewConstMetric(desc, m.kind, n)
			} else {
				ch <- prometheus.MustNewConstMetric(desc, m.kind, n, value)
			}
		}
	}
}
