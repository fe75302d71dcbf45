package broker

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/tickcast/tickcast/broker/admin"
)

// api calls a broker's admin port, and holds each answer against the OpenAPI file.
type api struct {
	tb               testing.TB
	base             string
	viewer, operator string
	audit, banned    string // files
	doc              *openapi3.T
	router           routers.Router

	mu   sync.Mutex
	seen map[string]map[int]bool // operation: statuses
}

// startManaged runs a broker with an admin port and two keys.
func startManaged(tb testing.TB, change func(*Config)) (*Broker, *api) {
	tb.Helper()
	dir := tb.TempDir()
	a := newAPI(tb, dir)
	b := startBroker(tb, func(c *Config) {
		c.Admin.Listen, c.Admin.KeysFile, c.Admin.AuditFile, c.Admin.BannedFile = "127.0.0.1:0", filepath.Join(dir, "keys.yaml"), a.audit, a.banned
		if change != nil {
			change(c)
		}
	})
	a.base = "http://" + b.Addrs().Admin
	return b, a
}

func newAPI(tb testing.TB, dir string) *api {
	tb.Helper()
	a := &api{tb: tb, audit: filepath.Join(dir, "audit.jsonl"), banned: filepath.Join(dir, "banned.json"), seen: map[string]map[int]bool{}}
	var err error
	for _, k := range []struct {
		name string
		role admin.Role
		key  *string
	}{{"eve", admin.Viewer, &a.viewer}, {"olga", admin.Operator, &a.operator}} {
		if *k.key, err = admin.AddKey(filepath.Join(dir, "keys.yaml"), k.name, k.role); err != nil {
			tb.Fatal(err)
		}
	}
	if a.doc, err = openapi3.NewLoader().LoadFromData(admin.OpenAPI); err != nil {
		tb.Fatal(err)
	}
	if err = a.doc.Validate(context.Background()); err != nil {
		tb.Fatal(err)
	}
	a.doc.Servers = nil // the tests' ports are others
	if a.router, err = gorillamux.NewRouter(a.doc); err != nil {
		tb.Fatal(err)
	}
	return a
}

// asked is one call's answer.
type asked struct {
	status int
	header http.Header
	body   []byte
}

func (r *asked) code() string {
	var p struct{ Code string }
	_ = json.Unmarshal(r.body, &p)
	return p.Code
}

func (a *api) request(method, path, key, body string) *http.Request {
	a.tb.Helper()
	r, err := http.NewRequest(method, a.base+path, strings.NewReader(body))
	if err != nil {
		a.tb.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// call sends a request and checks the answer against the file.
func (a *api) call(method, path, key, body string) asked {
	a.tb.Helper()
	return a.do(a.request(method, path, key, body))
}

func (a *api) do(r *http.Request) asked {
	a.tb.Helper()
	return a.doBy(http.DefaultClient, r)
}

// callerAt calls from an address of its own, for which failures are counted apart.
func callerAt(tb testing.TB, ip string) *http.Client {
	tr := &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}).DialContext}
	tb.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func (a *api) doBy(caller *http.Client, r *http.Request) asked {
	a.tb.Helper()
	resp, err := caller.Do(r)
	if err != nil {
		a.tb.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		a.tb.Fatal(err)
	}
	got := asked{resp.StatusCode, resp.Header, b}
	a.check(r, got)
	return got
}

func (a *api) check(r *http.Request, got asked) {
	a.tb.Helper()
	route, params, err := a.router.FindRoute(r)
	if err != nil { // no such path or method: a problem all the same
		var v any
		if e := json.Unmarshal(got.body, &v); e != nil || got.header.Get("Content-Type") != "application/problem+json" {
			a.tb.Errorf("%s %s: %d %s", r.Method, r.URL, got.status, got.body)
		} else if e := a.doc.Components.Schemas["Problem"].Value.VisitJSON(v, openapi3.EnableJSONSchema2020()); e != nil {
			a.tb.Errorf("%s %s: %v\n%s", r.Method, r.URL, e, got.body)
		}
		return
	}
	a.mu.Lock()
	if a.seen[route.Operation.OperationID] == nil {
		a.seen[route.Operation.OperationID] = map[int]bool{}
	}
	a.seen[route.Operation.OperationID][got.status] = true
	a.mu.Unlock()
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 got.status, Header: got.header, Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	in.SetBodyBytes(got.body)
	if err := openapi3filter.ValidateResponse(context.Background(), in); err != nil {
		a.tb.Errorf("%s %s: the answer is not as the file says: %v\n%s", r.Method, r.URL, err, got.body)
	}
	if got.status == http.StatusNoContent && len(got.body) > 0 {
		a.tb.Errorf("%s %s: 204 with a body", r.Method, r.URL)
	}
}

// get reads a list or an object into v; it must succeed.
func (a *api) get(path string, v any) {
	a.tb.Helper()
	got := a.call("GET", path, a.viewer, "")
	if got.status != http.StatusOK {
		a.tb.Fatalf("GET %s: %d %s", path, got.status, got.body)
	}
	if err := json.Unmarshal(got.body, v); err != nil {
		a.tb.Fatal(err)
	}
}

type page[T any] struct {
	Data []T
	Meta struct {
		Page, Limit, Count int
		HasNext            bool
	}
}
