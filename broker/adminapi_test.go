package broker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/mochi-mqtt/server/v2/packets"

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

func TestAdminEachCallIsAsTheOpenAPIFileSays(t *testing.T) {
	t.Parallel()
	b, a := startManaged(t, nil)
	put(t, b, "candle/1m/BTCUSDT", ver(1, 60000, 7), `{"c":"1"}`)
	put(t, b, "status/BTCUSDT/feed", ver(1, 0, 1), `{"state":"SYNCED"}`)
	put(t, b, "trade/BTCUSDT", ver(1, 0, 1), `{"p":"1"}`)
	five := dial(t, b.Addrs().TCP, dialing{id: "phone 1/π", resume: true, expiry: 600})
	five.subscribe(filter("candle/#", 0))
	five.subscribe(filter("status/+/feed", 1))
	three := dial(t, b.Addrs().TCP, dialing{id: "browser", v: 4})
	three.subscribe(filter("trade/+", 0))
	id := url.PathEscape("phone 1/π")

	for _, c := range []struct {
		method, path, key, body string
		status                  int
		code                    string
	}{
		{"GET", "/health/live", "", "", 200, ""},
		{"GET", "/health/ready", "", "", 200, ""},
		{"GET", "/metrics", "", "", 200, ""},
		{"GET", "/api/v1/openapi.yaml", "", "", 200, ""},

		{"GET", "/api/v1/clients", a.viewer, "", 200, ""},
		{"GET", "/api/v1/clients?page=1&limit=1&conn_state=connected&like_clientid=phone", a.viewer, "", 200, ""},
		{"GET", "/api/v1/clients/" + id, a.viewer, "", 200, ""},
		{"GET", "/api/v1/clients/" + id + "/subscriptions", a.viewer, "", 200, ""},
		{"GET", "/api/v1/subscriptions?qos=1", a.viewer, "", 200, ""},
		{"GET", "/api/v1/slow_subscriptions", a.viewer, "", 200, ""},
		{"GET", "/api/v1/topics?topic=candle/%23", a.viewer, "", 200, ""},
		{"GET", "/api/v1/retained/candle%2F1m%2FBTCUSDT", a.viewer, "", 200, ""},
		{"GET", "/api/v1/banned", a.viewer, "", 200, ""},
		{"GET", "/api/v1/stats", a.viewer, "", 200, ""},
		{"GET", "/api/v1/drain", a.viewer, "", 200, ""},
		{"GET", "/api/v1/audit", a.viewer, "", 200, ""},
		{"POST", "/api/v1/banned", a.operator, `{"as":"clientid","who":"nobody","reason":"test","until":"2999-01-01T00:00:00Z"}`, 201, ""},
		{"POST", "/api/v1/banned", a.operator, `{"as":"peerhost","who":"10.9.0.0/16","until":null}`, 201, ""},
		{"GET", "/api/v1/banned?limit=1", a.viewer, "", 200, ""},
		{"DELETE", "/api/v1/banned/clientid/nobody", a.operator, "", 204, ""},
		{"DELETE", "/api/v1/banned/peerhost/10.9.0.0%2F16", a.operator, "", 204, ""},
		{"DELETE", "/api/v1/retained/status%2FBTCUSDT%2Ffeed", a.operator, "", 200, ""},
		{"DELETE", "/api/v1/clients/browser", a.operator, "", 204, ""},

		// unknown
		{"GET", "/api/v1/clients/nobody", a.viewer, "", 404, "CLIENTID_NOT_FOUND"},
		{"GET", "/api/v1/clients/nobody/subscriptions", a.viewer, "", 404, "CLIENTID_NOT_FOUND"},
		{"DELETE", "/api/v1/clients/nobody", a.operator, "", 404, "CLIENTID_NOT_FOUND"},
		{"GET", "/api/v1/retained/candle%2F1m%2FNONE", a.viewer, "", 404, "TOPIC_NOT_FOUND"},
		{"GET", "/api/v1/retained/trade%2FBTCUSDT", a.viewer, "", 404, "TOPIC_NOT_FOUND"},
		{"DELETE", "/api/v1/retained/candle%2F1m%2FNONE", a.operator, "", 404, "TOPIC_NOT_FOUND"},
		{"DELETE", "/api/v1/retained/status%2FBTCUSDT%2Ffeed", a.operator, "", 404, "TOPIC_NOT_FOUND"},
		{"DELETE", "/api/v1/banned/username/nobody", a.operator, "", 404, "BAN_NOT_FOUND"},
		{"GET", "/api/v1/nothing", a.viewer, "", 404, "NOT_FOUND"},
		{"GET", "/", a.viewer, "", 404, "NOT_FOUND"},
		{"PUT", "/api/v1/clients", a.operator, "", 405, "METHOD_NOT_ALLOWED"},

		// bad
		{"GET", "/api/v1/clients?limit=0", a.viewer, "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/clients?limit=1001", a.viewer, "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/clients?page=0", a.viewer, "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/clients?page=1&page=2", a.viewer, "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/clients?page=99999999999999999999", a.viewer, "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/clients?user=x", a.viewer, "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/clients?conn_state=idle", a.viewer, "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/clients?ip_address=here", a.viewer, "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/subscriptions?qos=2", a.viewer, "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/audit?who=x", a.viewer, "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/stats?x=1", a.viewer, "", 400, "BAD_REQUEST"},
		{"POST", "/api/v1/banned", a.operator, `{"as":"clientid"}`, 400, "BAD_REQUEST"},
		{"POST", "/api/v1/banned", a.operator, `{"as":"host","who":"x"}`, 400, "BAD_REQUEST"},
		{"POST", "/api/v1/banned", a.operator, `{"as":"peerhost","who":"10.0.0.0/33"}`, 400, "BAD_REQUEST"},
		{"POST", "/api/v1/banned", a.operator, `{"as":"clientid","who":"x","until":"2001-01-01T00:00:00Z"}`, 400, "BAD_REQUEST"},
		{"POST", "/api/v1/banned", a.operator, `{"as":"clientid","who":"x","untill":null}`, 400, "BAD_REQUEST"},
		{"POST", "/api/v1/banned", a.operator, `{"as":"clientid","who":"x"} {}`, 400, "BAD_REQUEST"},
		{"POST", "/api/v1/banned", a.operator, `{"as":"clientid",`, 400, "BAD_REQUEST"},
		{"POST", "/api/v1/banned", a.operator, `[]`, 400, "BAD_REQUEST"},
		{"POST", "/api/v1/banned", a.operator, `{"as":"clientid","who":"` + strings.Repeat("x", 20<<10) + `"}`, 413, "BODY_TOO_LARGE"},
		{"POST", "/api/v1/banned", a.operator, "", 415, "UNSUPPORTED_MEDIA_TYPE"},
		{"POST", "/api/v1/drain", a.operator, `{"wave":0}`, 400, "BAD_REQUEST"},
		{"POST", "/api/v1/drain", a.operator, `{"wave":"many"}`, 400, "BAD_REQUEST"},
		{"POST", "/api/v1/drain", a.operator, `{"grace_ms":-1}`, 400, "BAD_REQUEST"},
		{"POST", "/api/v1/drain", a.operator, `{"server_reference":"nowhere"}`, 400, "BAD_REQUEST"},
		{"POST", "/api/v1/drain", a.operator, `{"server_reference":"a:1\nb:2"}`, 400, "BAD_REQUEST"},
	} {
		got := a.call(c.method, c.path, c.key, c.body)
		if got.status != c.status || got.code() != c.code {
			t.Errorf("%s %s: %d %s, want %d %s\n%s", c.method, c.path, got.status, got.code(), c.status, c.code, got.body)
		}
	}

	// Every operation that needs a key, with none, with a wrong one, and those that change something with a viewer's.
	callers := map[string]*http.Client{"": callerAt(t, "127.0.0.2"), "tck_wrong": callerAt(t, "127.0.0.3")} // few failures are counted of one address
	for path, item := range a.doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Security != nil && len(*op.Security) == 0 {
				continue
			}
			p := strings.NewReplacer("{id}", id, "{topic}", "candle%2F1m%2FBTCUSDT", "{as}", "clientid", "{who}", "x").Replace(path)
			for _, key := range []string{"", "tck_wrong"} {
				if got := a.doBy(callers[key], a.request(method, p, key, "")); got.status != 401 || got.code() != "BAD_API_KEY" {
					t.Errorf("%s %s with the key %q: %d %s", method, p, key, got.status, got.body)
				}
			}
			if got := a.call(method, p, a.viewer, ""); method != "GET" && (got.status != 403 || got.code() != "FORBIDDEN") {
				t.Errorf("%s %s with a viewer's key: %d %s", method, p, got.status, got.body)
			}
		}
	}
	if m := five; m != nil { // nothing of all this was done to the other client
		m.ping()
	}

	if got := a.call("POST", "/api/v1/drain", a.operator, `{"wave":10,"interval_ms":0,"grace_ms":0}`); got.status != 202 {
		t.Errorf("drain: %d %s", got.status, got.body)
	}
	for path, item := range a.doc.Paths.Map() {
		for method, op := range item.Operations() {
			if !slices.ContainsFunc([]int{200, 201, 202, 204}, func(s int) bool { return a.seen[op.OperationID][s] }) {
				t.Errorf("%s %s was never called with success", method, path)
			}
		}
	}
}

func TestAdminRepeatsNoBasicKeyOfAnotherName(t *testing.T) {
	t.Parallel()
	_, a := startManaged(t, nil)
	for name, want := range map[string]int{"olga": 200, "eve": 401, "": 401} {
		r := a.request("GET", "/api/v1/stats", "", "")
		r.SetBasicAuth(name, a.operator)
		if got := a.do(r); got.status != want {
			t.Errorf("Basic %q: %d, want %d", name, got.status, want)
		}
	}
}

// Behind a proxy all callers have one address: too many failures are told to wait, and a right key is taken all the same, or anyone could shut the operators out.
func TestAdminRefusesAnAddressAfterManyWrongKeys(t *testing.T) {
	t.Parallel()
	for what, key := range map[string]string{"wrong keys": "tck_guess", "no key": ""} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			_, a := startManaged(t, nil)
			statuses := map[int]int{}
			var refused asked
			began := time.Now()
			for i := range 50 {
				got := a.call("DELETE", "/api/v1/clients/x", key, "")
				if statuses[got.status]++; got.status == 429 {
					refused = got
				}
				if i < 40 {
					continue
				}
				if got := a.call("DELETE", "/api/v1/clients/x", a.operator, ""); got.status != 404 { // nor must it make room for others
					t.Errorf("the right key meanwhile: %d", got.status)
				}
			}
			if most := 20 + int(time.Since(began)/(3*time.Second)) + 1; statuses[401] < 20 || statuses[401] > most || statuses[429] != 50-statuses[401] {
				t.Errorf("statuses %v, want 20 to %d times 401", statuses, most)
			}
			if refused.code() != "TOO_MANY_FAILURES" || refused.header.Get("Retry-After") == "" {
				t.Errorf("%v %s", refused.header, refused.body)
			}
			if got := a.call("GET", "/health/live", "", ""); got.status != 200 {
				t.Errorf("health meanwhile: %d", got.status)
			}
			var list page[admin.Entry]
			if a.get("/api/v1/audit", &list); list.Meta.Count != 10 || list.Data[9].Who != "olga" {
				t.Errorf("audit %+v", list)
			}
			if got := a.call("GET", "/metrics", "", ""); !strings.Contains(string(got.body), fmt.Sprintf(`tickcast_edge_admin_refused_total{code="BAD_API_KEY"} %d`, statuses[401])) {
				t.Error("the refusals are not counted")
			}
		})
	}
}

// Whoever has no key, or only a viewer's, must not push what operators did out of the audit, nor make the disk work.
func TestAdminRefusedCallsLeaveTheAuditAlone(t *testing.T) {
	t.Parallel()
	_, a := startManaged(t, func(c *Config) { c.Admin.AuditBytes = 64 << 10 })
	a.call("POST", "/api/v1/banned", a.operator, `{"as":"username","who":"mallory"}`)
	before, err := os.ReadFile(a.audit)
	if err != nil || !bytes.Contains(before, []byte("mallory")) {
		t.Fatalf("%v %s", err, before)
	}
	big := strings.Repeat("x", 1000)
	for i := range 150 { // 300 KB if they were recorded
		for _, key := range []string{"", "tck_wrong", a.viewer} {
			if got := a.call("POST", "/api/v1/banned", key, big); got.status != 401 && got.status != 403 && got.status != 429 {
				t.Fatalf("%d %s", got.status, got.body)
			}
		}
		if got := a.call("POST", fmt.Sprint("/api/v1/x", i, big), a.viewer, big); got.status != 404 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if after, err := os.ReadFile(a.audit); err != nil || !bytes.Equal(after, before) {
		t.Errorf("%v, the file has %d bytes, had %d", err, len(after), len(before))
	}
	var list page[admin.Entry]
	if a.get("/api/v1/audit", &list); list.Meta.Count != 1 || list.Data[0].Result != "done" {
		t.Errorf("audit %+v", list)
	}
	if got := a.call("GET", "/metrics", "", ""); !strings.Contains(string(got.body), `tickcast_edge_admin_refused_total{code="FORBIDDEN"} 150`) {
		t.Error("the refusals are not counted")
	}
}

func TestAdminMakesNoChangeThatCannotBeRecorded(t *testing.T) {
	t.Parallel()
	b, a := startManaged(t, nil)
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	if err := os.Remove(a.audit); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(a.audit, 0o700); err != nil { // stands for a disk that takes nothing
		t.Fatal(err)
	}
	for _, call := range []struct{ method, path, body string }{
		{"DELETE", "/api/v1/clients/c", ""}, {"POST", "/api/v1/banned", `{"as":"clientid","who":"c"}`}, {"POST", "/api/v1/drain", ""}, {"DELETE", "/api/v1/clients/c", ""},
	} {
		if got := a.call(call.method, call.path, a.operator, call.body); got.status != 503 || got.code() != "AUDIT_UNAVAILABLE" {
			t.Errorf("%s %s: %d %s", call.method, call.path, got.status, got.body)
		}
	}
	c.ping()
	if n := b.bans.len(time.Now()); n != 0 || b.drainer.on() {
		t.Errorf("%d bans, drained: %v", n, b.drainer.on())
	}
	if err := os.Remove(a.audit); err != nil {
		t.Fatal(err)
	}
	if got := a.call("DELETE", "/api/v1/clients/c", a.operator, ""); got.status != 204 {
		t.Errorf("with room again: %d %s", got.status, got.body)
	}
	if raw, err := os.ReadFile(a.audit); err != nil || bytes.Count(raw, []byte("\n")) != 2 {
		t.Errorf("%v %s", err, raw)
	}
}

func TestAdminAuditNamesWhoDidWhat(t *testing.T) {
	t.Parallel()
	b, a := startManaged(t, nil)
	dial(t, b.Addrs().TCP, dialing{id: "c"})
	a.call("DELETE", "/api/v1/clients/c", a.operator, "")
	a.call("DELETE", "/api/v1/clients/c", a.viewer, "")
	a.call("DELETE", "/api/v1/clients/c", a.operator, "")
	a.call("POST", "/api/v1/banned", a.operator, `{"as": "username", "who": "mallory"}`)
	a.call("POST", "/api/v1/banned", "", `{"as":"username","who":"olga"}`)
	var list page[admin.Entry]
	a.get("/api/v1/audit", &list)
	want := []string{
		"olga operator POST /api/v1/banned 201 done " + `{"as":"username","who":"mallory"}`,
		"olga operator DELETE /api/v1/clients/c 404 CLIENTID_NOT_FOUND ",
		"olga operator DELETE /api/v1/clients/c 204 done ",
	}
	var got []string
	for _, e := range list.Data {
		got = append(got, fmt.Sprint(e.Who, " ", e.Role, " ", e.Method, " ", e.Path, " ", e.Status, " ", e.Result, " ", e.Asked))
		if time.Since(e.At) > patience || !strings.HasPrefix(e.From, "127.0.0.1:") {
			t.Errorf("%+v", e)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("audit\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	raw, err := os.ReadFile(a.audit)
	if err != nil || bytes.Count(raw, []byte("\n")) != 2*len(want) {
		t.Errorf("audit file: %v\n%s", err, raw)
	}
	if strings.Contains(string(raw), a.operator) {
		t.Error("a key is in the audit")
	}
}

// "." and ".." are client ids as good as others, but as segments of a path they are folders: escaped they name the client.
func TestAdminKicksAClientWhoseIDIsDots(t *testing.T) {
	t.Parallel()
	b, a := startManaged(t, nil)
	for _, id := range []string{".", ".."} {
		c := dial(t, b.Addrs().TCP, dialing{id: id})
		if got := a.call("DELETE", "/api/v1/clients/"+strings.ReplaceAll(id, ".", "%2E"), a.operator, ""); got.status != http.StatusNoContent {
			t.Errorf("%q: %d %s", id, got.status, got.body)
		}
		if code := c.closed(); code != packets.ErrAdministrativeAction.Code {
			t.Errorf("%q: DISCONNECT %#x", id, code)
		}
	}
}

func TestAdminLetsNoOtherOriginRead(t *testing.T) {
	t.Parallel()
	_, a := startManaged(t, nil)
	r := a.request("OPTIONS", "/api/v1/clients", "", "")
	r.Header.Set("Origin", "https://evil.example")
	r.Header.Set("Access-Control-Request-Method", "DELETE")
	if got := a.do(r); got.status != 401 || got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%d %v", got.status, got.header)
	}
}
