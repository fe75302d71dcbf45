package admin

import (
	"errors"
	"net/http"
	"time"
	"unicode/utf8"
)

// drainOrder is the body of POST /drain; what is absent has its default.
type drainOrder struct {
	Wave            *int    `json:"wave"`
	IntervalMS      *int    `json:"interval_ms"`
	GraceMS         *int    `json:"grace_ms"`
	Reason          string  `json:"reason"`
	ServerReference *string `json:"server_reference"`
}

func (s *Server) drain(c *call) (answer, error) {
	var o drainOrder
	if len(c.body) > 0 {
		if err := c.decode(&o); err != nil {
			return answer{}, err
		}
	}
	order := DrainOrder{Reason: o.Reason, ServerReference: s.cfg.ServerReference}
	var wave, interval, grace int
	for _, n := range []struct {
		name              string
		given             *int
		otherwise, lo, hi int
		set               *int
	}{
		{"wave", o.Wave, 500, 1, 1_000_000, &wave},
		{"interval_ms", o.IntervalMS, 1000, 0, 600_000, &interval},
		{"grace_ms", o.GraceMS, 5000, 0, 600_000, &grace},
	} {
		*n.set = n.otherwise
		if n.given != nil {
			*n.set = *n.given
		}
		if *n.set < n.lo || *n.set > n.hi {
			return answer{}, badRequest("%s: %d is not within %d and %d", n.name, *n.set, n.lo, n.hi)
		}
	}
	order.Wave, order.Interval, order.Grace = wave, time.Duration(interval)*time.Millisecond, time.Duration(grace)*time.Millisecond
	if o.ServerReference != nil {
		if err := validReference(*o.ServerReference); err != nil {
			return answer{}, badRequest("server_reference: %v", err)
		}
		order.ServerReference = *o.ServerReference
	}
	if len(o.Reason) > 256 || !utf8.ValidString(o.Reason) {
		return answer{}, badRequest("reason: want at most 256 bytes of text")
	}
	st, err := s.edge.Drain(order)
	if errors.Is(err, ErrDraining) {
		return answer{}, newProblem(http.StatusConflict, "DRAINING", "the edge is being drained already; GET shows how far it is")
	}
	return answer{status: http.StatusAccepted, body: st}, err
}

func (s *Server) drainState(c *call) (answer, error) {
	if q := c.query(); q.err != nil {
		return answer{}, q.err
	}
	return answer{body: s.edge.DrainState()}, nil
}

func (s *Server) stats(c *call) (answer, error) {
	if q := c.query(); q.err != nil {
		return answer{}, q.err
	}
	return answer{body: s.edge.Stats()}, nil
}

func (s *Server) auditPage(c *call) (answer, error) {
	q := c.query("page", "limit")
	p := q.page()
	if q.err != nil {
		return answer{}, q.err
	}
	data, total := s.audit.page(p)
	return listed(data, total, p), nil
}
