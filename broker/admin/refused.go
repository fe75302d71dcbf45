package admin

import (
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tickcast/tickcast/broker/sampled"
)

// Codes of what is refused for the key's sake.
const (
	codeBadKey    = "BAD_API_KEY"
	codeTooMany   = "TOO_MANY_FAILURES"
	codeForbidden = "FORBIDDEN"
)

// refusals are the calls that were refused for their key's sake, by code. Whoever reaches the port can send any number of them, so they are no entries of the audit,
// where they would push out what operators did: they are counted, and of each code one line a second is logged.
type refusals map[string]*refusal

type refusal struct {
	calls atomic.Uint64
	log   sampled.Log
}

func newRefusals() refusals {
	return refusals{codeBadKey: {}, codeTooMany: {}, codeForbidden: {}}
}

// note takes a call that was answered with p. Other problems than those of the key are none of its business.
func (rs refusals) note(log *slog.Logger, p *problem, k key, r *http.Request) {
	if f := rs[p.Code]; f != nil {
		f.calls.Add(1)
		f.log.Info(log, "admin call refused", "code", p.Code, "who", k.name, "from", r.RemoteAddr, "method", r.Method, "path", asked([]byte(r.URL.EscapedPath())))
	}
}

func (rs refusals) register(reg *prometheus.Registry) {
	for code, f := range rs {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "tickcast_edge_admin_refused_total", Help: "Calls of the admin port without a right key, or with one that does not allow them", ConstLabels: prometheus.Labels{"code": code},
		}, func() float64 { return float64(f.calls.Load()) }))
	}
}
