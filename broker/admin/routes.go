package admin

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// maxBody is the largest request body; none needs more than a few hundred bytes.
const maxBody = 16 << 10

// OpenAPI describes every call, OpenAPI 3.1.
//
//go:embed openapi.yaml
var OpenAPI []byte

// call is one request under /api/v1 whose key allows it.
type call struct {
	*http.Request
	key  key
	body []byte
}

// route is one row of the API: who may call it, and what answers. A call that changes something is in the audit, whatever becomes of it; what the key does not
// allow is no such call.
type route struct {
	method, pattern string
	need            Role
	answer          func(*Server, *call) (answer, error)
}

var routes = []route{
	{"GET", "/api/v1/clients", Viewer, (*Server).clients},
	{"GET", "/api/v1/clients/{id}", Viewer, (*Server).client},
	{"DELETE", "/api/v1/clients/{id}", Operator, (*Server).kick},
	{"GET", "/api/v1/clients/{id}/subscriptions", Viewer, (*Server).clientSubscriptions},
	{"GET", "/api/v1/subscriptions", Viewer, (*Server).subscriptions},
	{"GET", "/api/v1/slow_subscriptions", Viewer, (*Server).slowSubscriptions},
	{"GET", "/api/v1/topics", Viewer, (*Server).topics},
	{"GET", "/api/v1/retained/{topic...}", Viewer, (*Server).retained},
	{"DELETE", "/api/v1/retained/{topic...}", Operator, (*Server).clearRetained},
	{"GET", "/api/v1/banned", Viewer, (*Server).banned},
	{"POST", "/api/v1/banned", Operator, (*Server).ban},
	{"DELETE", "/api/v1/banned/{as}/{who...}", Operator, (*Server).unban},
	{"GET", "/api/v1/stats", Viewer, (*Server).stats},
	{"GET", "/api/v1/drain", Viewer, (*Server).drainState},
	{"POST", "/api/v1/drain", Operator, (*Server).drain},
	{"GET", "/api/v1/audit", Viewer, (*Server).auditPage},
}

// api serves the routes. Who has no key learns nothing, not even which paths there are.
func (s *Server) api() http.Handler {
	mux := http.NewServeMux()
	byPattern := map[string][]route{}
	for _, r := range routes {
		byPattern[r.pattern] = append(byPattern[r.pattern], r)
	}
	for pattern, rs := range byPattern {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.handle(w, r, rs) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.handle(w, r, nil) })
	return mux
}

// handle answers a request to a path that has these routes, one per method.
func (s *Server) handle(w http.ResponseWriter, r *http.Request, rs []route) {
	k, p := s.guard.who(r)
	var body []byte
	if p == nil {
		body, p = readBody(w, r)
	}
	var a answer
	if p == nil {
		a, p = s.answer(&call{r, k, body}, rs)
	}
	if p != nil {
		s.refused.note(s.log, p, k, r)
		p.write(w)
		return
	}
	a.write(w)
}

// answer finds the route, checks the role and calls.
func (s *Server) answer(c *call, rs []route) (answer, *problem) {
	var allow []string
	for _, r := range rs {
		if r.method != c.Method && (r.method != http.MethodGet || c.Method != http.MethodHead) {
			allow = append(allow, r.method)
			continue
		}
		switch {
		case !c.key.role.allows(r.need):
			return answer{}, newProblem(http.StatusForbidden, codeForbidden, "the key %q is a %s's; this takes an %s's", c.key.name, c.key.role, r.need)
		case r.method != http.MethodGet:
			return s.change(c, r)
		}
		return s.run(c, r)
	}
	if len(allow) == 0 {
		return answer{}, newProblem(http.StatusNotFound, "NOT_FOUND", "there is no such path")
	}
	p := newProblem(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "%s is not for this path", c.Method)
	p.allow = strings.Join(allow, ", ")
	return answer{}, p
}

// change runs a call that changes something, between two lines of the audit: what is asked, and what came of it. Without the first on disk it is not run.
func (s *Server) change(c *call, r route) (answer, *problem) {
	e := Entry{At: time.Now().UTC(), Who: c.key.name, Role: c.key.role, From: c.RemoteAddr, Method: c.Method, Path: asked([]byte(c.URL.EscapedPath())), Asked: asked(c.body)}
	if err := s.audit.begin(&e); err != nil {
		s.log.Error("change refused: it could not be recorded", "who", e.Who, "method", e.Method, "path", e.Path, "error", err)
		return answer{}, newProblem(http.StatusServiceUnavailable, "AUDIT_UNAVAILABLE", "the audit cannot be written, so nothing is changed")
	}
	a, p := s.run(c, r)
	e.Status, e.Result = a.code(), "done"
	if p != nil {
		e.Status, e.Result = p.Status, p.Code
	}
	s.log.Info("change", "who", e.Who, "from", e.From, "method", e.Method, "path", e.Path, "status", e.Status)
	if err := s.audit.end(e); err != nil {
		s.log.Error("what came of a change is not in the audit file yet; no more are made until it is", "change", e.Change, "error", err)
	}
	return a, p
}

func (s *Server) run(c *call, r route) (answer, *problem) {
	a, err := r.answer(s, c)
	var p *problem
	if err != nil && !errors.As(err, &p) {
		s.log.Error("admin call failed", "path", c.URL.Path, "error", err)
		p = newProblem(http.StatusInternalServerError, "INTERNAL_ERROR", "%s", err)
	}
	return a, p
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *problem) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return b, newProblem(http.StatusRequestEntityTooLarge, "BODY_TOO_LARGE", "the body is larger than %d bytes", maxBody)
	case err != nil:
		return b, badRequest("the body did not arrive: %v", err)
	}
	return b, nil
}

// decode reads the body, strictly: an unknown or a misspelt key is an error, as it is in the configuration.
func (c *call) decode(v any) error {
	if kind, _, err := mime.ParseMediaType(c.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return newProblem(http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", "want Content-Type: application/json")
	}
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return badRequest("the body: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return badRequest("the body: more than one JSON value")
	}
	return nil
}
