package broker

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/broker/admin"
)

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
