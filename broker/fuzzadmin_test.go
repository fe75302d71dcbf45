package broker

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/broker/admin"
)

// watched is an edge that counts what is changed. It is only asked to drain: after the first order the others would find nothing.
type watched struct {
	admin.Edge
	changes int
}

func (w *watched) Kick(id string) bool { w.changes++; return w.Edge.Kick(id) }

func (w *watched) ClearRetained(topic string) (admin.Retained, bool) {
	w.changes++
	return w.Edge.ClearRetained(topic)
}

func (w *watched) Ban(b admin.Ban) (int, error) { w.changes++; return w.Edge.Ban(b) }

func (w *watched) Unban(as, who string) (bool, error) { w.changes++; return w.Edge.Unban(as, who) }

func (w *watched) Drain(o admin.DrainOrder) (admin.DrainState, error) {
	w.changes++
	if o.Wave < 1 || o.Interval < 0 || o.Interval > time.Hour || o.Grace < 0 || o.Grace > time.Hour || len(o.Reason) > 256 {
		panic(fmt.Sprintf("order %+v", o))
	}
	return admin.DrainState{State: admin.DrainRunning, Waves: []admin.DrainWave{}}, nil
}

// FuzzAdmin: whatever is asked of the admin port, the answer is one that the OpenAPI file has; a viewer changes nothing, and whoever has no key learns nothing.
func FuzzAdmin(f *testing.F) {
	const operator, viewer, nobody, keys = 0, 1, 2, 3
	for _, r := range []struct{ method, target, body string }{
		{"GET", "clients?page=2&limit=1&like_clientid=w&conn_state=connected&ip_address=127.0.0.1&username=", ""}, {"GET", "clients/witness", ""},
		{"GET", "clients/witness/subscriptions?page=1", ""}, {"DELETE", "clients/none", ""}, {"GET", "subscriptions?clientid=witness&topic=candle%2F%23&qos=0", ""},
		{"GET", "slow_subscriptions?limit=1000", ""}, {"GET", "topics?topic=candle/%2B/%23&limit=3", ""}, {"GET", "retained/candle/1m/S0", ""}, {"DELETE", "retained/candle/1m/S1", ""},
		{"GET", "banned?page=0", ""}, {"POST", "banned", `{"as":"clientid","who":"x","reason":"r","until":"2100-01-02T03:04:05Z"}`}, {"POST", "banned", `{"as":"peerhost","who":"::ffff:10.0.0.0/104"}`},
		{"DELETE", "banned/peerhost/10.0.0.0/8", ""}, {"DELETE", "banned/username/a%2Fb", ""}, {"GET", "stats", ""}, {"GET", "drain", ""},
		{"POST", "drain", `{"wave":1,"interval_ms":0,"grace_ms":0,"reason":"r","server_reference":"a:1 b:2"}`}, {"POST", "drain", ""}, {"GET", "audit?page=1073741824", ""},
		{"GET", "audit?page=99999999999999999999", ""}, {"GET", "../../metrics", ""}, {"GET", "openapi.yaml", ""}, {"PUT", "drain", `{"wave":1}{}`}, {"POST", "drain", `{"wave":1e300}`},
		{"POST", "banned", strings.Repeat("[", 5000)}, {"POST", "banned", strings.Repeat(" ", 17<<10)}, {"GET", "clients?limit=%zz;a=b", ""}, {"HEAD", "clients", ""}, {"OPTIONS", "drain", ""},
	} {
		for _, who := range []byte{operator, viewer, nobody} {
			f.Add(who, r.method, r.target, "application/json", []byte(r.body))
		}
	}
	f.Add(byte(operator), "POST", "banned", "text/plain; charset=utf-8", []byte("{}"))
	dir := f.TempDir()
	a := newAPI(f, dir)
	b := newFuzzBroker(f, nil)
	edge := &watched{Edge: manage{b.Broker}}
	cfg := admin.DefaultConfig()
	cfg.Listen, cfg.KeysFile = "127.0.0.1:0", filepath.Join(dir, "keys.yaml")
	s, err := admin.New(cfg, edge, slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	h := s.Handler()
	f.Fuzz(func(t *testing.T, who byte, method, target, contentType string, body []byte) {
		target = "/api/v1/" + target
		u, err := url.ParseRequestURI(target)
		if err != nil || method == "" || strings.ContainsFunc(method+target+contentType, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return // net/http lets no such request through
		}
		request := func() *http.Request {
			r := httptest.NewRequest("GET", "http://edge/", bytes.NewReader(body))
			r.Method, r.URL, r.RequestURI = method, u, target
			r.Header.Set("Content-Type", contentType)
			r.RemoteAddr = fmt.Sprintf("10.%d.%d.1:1", b.inputs>>8&0xff, b.inputs&0xff) // or wrong keys would shut out the others
			switch who % keys {
			case operator:
				r.Header.Set("Authorization", "Bearer "+a.operator)
			case viewer:
				r.SetBasicAuth("eve", a.viewer)
			case nobody:
				r.Header.Set("Authorization", contentType)
			}
			return r
		}
		before := edge.changes
		var w *httptest.ResponseRecorder
		timely(t, func() {
			w = httptest.NewRecorder()
			h.ServeHTTP(w, request())
		})
		moved := w.Code/100 == 3 && w.Header().Get("Location") != "" // to the path without //, . and ..
		switch {
		case edge.changes > before && (who%keys != operator || method == http.MethodGet || method == http.MethodHead):
			t.Fatalf("%s %s by key %d changes something", method, target, who%keys)
		case who%keys == nobody && w.Code != http.StatusUnauthorized && u.Path != "/api/v1/openapi.yaml" && !moved:
			t.Fatalf("%s %s without a key: %d", method, target, w.Code)
		case w.Code >= 500:
			t.Fatalf("%s %s: %d %s", method, target, w.Code, w.Body)
		}
		if !moved && method != http.MethodHead { // net/http leaves the body of an answer to HEAD out
			a.tb = t
			r := request()
			r.URL = oneSegment(u)
			a.check(r, asked{w.Code, w.Header(), w.Body.Bytes()})
		}
		if b.inputs++; b.inputs%2000 == 0 {
			b.restore(t)
			b.level(t)
		}
	})
}

// oneSegment escapes what the last parameter of a path holds, as the OpenAPI file has it: it has no parameter for several segments.
func oneSegment(u *url.URL) *url.URL {
	out := *u
	for prefix, segments := range map[string]int{"/api/v1/retained/": 0, "/api/v1/banned/": 1} {
		if rest, ok := strings.CutPrefix(u.Path, prefix); ok {
			parts := strings.SplitN(rest, "/", segments+1)
			for i := range parts {
				parts[i] = url.PathEscape(parts[i])
			}
			out.RawPath = prefix + strings.Join(parts, "/")
		}
	}
	return &out
}

// restore takes the bans away that were made, and brings back the values and the session that an operator's calls have ended.
func (b *fuzzBroker) restore(t *testing.T) {
	t.Helper()
	for _, ban := range b.bans.list(time.Now()) {
		if _, err := b.bans.lift(ban.As, ban.Who); err != nil {
			t.Fatal(err)
		}
	}
	for topic := range fuzzTopics {
		put(t, b.Broker, topic, ver(1, int64(b.inputs), int64(b.inputs)), "value")
	}
	w := dial(t, b.Addrs().TCP, dialing{id: "witness", expiry: 600}) // its session outlives this call
	w.subscribe(filter("candle/1m/S0", 0))
}
