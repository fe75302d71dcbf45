package web

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/market"
)

var built = fstest.MapFS{
	".gitkeep":            {Data: nil},
	"index.html":          {Data: []byte("<!doctype html>" + strings.Repeat("<p>candles</p>", 100))},
	"assets/index-1a2.js": {Data: []byte(strings.Repeat("const a = 1;", 100))},
	"favicon.svg":         {Data: []byte("<svg/>")},
}

var app = App{
	Version: "v1",
	WS:      WS{Port: 8083, Path: "/mqtt"},
	Contracts: []Contract{{
		ID: "BTCUSDT", Source: "binance", Simulated: new(true), Base: "BTC", Quote: "USDT", Tick: "0.01", Step: "0.00001", Periods: []string{"1s", "1m"},
	}},
}

func get(t *testing.T, h http.Handler, path string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://localhost:8080"+path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestServesFilesWithTheirCacheRule(t *testing.T) {
	h := newPage(app, built)
	for _, c := range []struct {
		path        string
		status      int
		contentType string
		cache       string
	}{
		{"/", 200, "text/html; charset=utf-8", "no-cache"},
		{"/index.html", 200, "text/html; charset=utf-8", "no-cache"},
		{"/assets/index-1a2.js", 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"/favicon.svg", 200, "image/svg+xml", "no-cache"},
		{"/app.json", 200, "application/json", "no-cache"},
		{"/assets/index-old.js", 404, "text/plain; charset=utf-8", "no-cache"},
		{"/.gitkeep", 404, "text/plain; charset=utf-8", "no-cache"},
		{"/assets/", 404, "text/plain; charset=utf-8", "no-cache"},
		{"/../embed.go", 404, "text/plain; charset=utf-8", "no-cache"},
	} {
		res := get(t, h, c.path)
		if res.StatusCode != c.status || res.Header.Get("Content-Type") != c.contentType || res.Header.Get("Cache-Control") != c.cache {
			t.Errorf("%s: got %d %q %q, want %d %q %q", c.path, res.StatusCode, res.Header.Get("Content-Type"), res.Header.Get("Cache-Control"), c.status, c.contentType, c.cache)
		}
		if res.Header.Get("X-Content-Type-Options") != "nosniff" || res.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: no security headers", c.path)
		}
	}
}

func TestAppJSONIsTheApp(t *testing.T) {
	var got App
	if err := json.NewDecoder(get(t, newPage(app, built), "/app.json").Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.WS != app.WS || len(got.Contracts) != 1 || got.Contracts[0].ID != "BTCUSDT" || !*got.Contracts[0].Simulated {
		t.Errorf("got %+v", got)
	}
}

func TestAppOfACatalogue(t *testing.T) {
	tick, step := market.Unit{Size: 1, Scale: 2}, market.Unit{Size: 1, Scale: 5}
	cat := &catalog.Catalog{Contracts: []market.Contract{{
		ID: "BTCUSDT", Source: "binance", Base: "BTC", Quote: "USDT", Tick: tick, Step: step,
		Books: []market.Unit{tick, {Size: 10, Scale: 0}}, Period: []market.Period{market.Period1s},
	}}}
	got, err := json.Marshal(AppOf(cat, OriginSimulator, "v1", "127.0.0.1:8083", "/mqtt"))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"version":"v1","ws":{"port":8083,"path":"/mqtt"},"contracts":[{"id":"BTCUSDT","source":"binance","simulated":true,"base":"BTC","quote":"USDT",` +
		`"tick":"0.01","step":"0.00001","books":["0.01","10"],"periods":["1s"]}]}`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestGzipWhereTheClientTakesIt(t *testing.T) {
	h := newPage(app, built)
	for accept, want := range map[string]bool{"gzip": true, "br, GZIP;q=0.5": true, "": false, "gzip;q=0": false, "br": false, "xgzip": false} {
		res := get(t, h, "/assets/index-1a2.js", "Accept-Encoding", accept)
		if got := res.Header.Get("Content-Encoding") == "gzip"; got != want {
			t.Errorf("Accept-Encoding %q: gzip %v, want %v", accept, got, want)
		}
		if res.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: Vary %q", accept, res.Header.Get("Vary"))
		}
		body := io.Reader(res.Body)
		if want {
			zr, err := gzip.NewReader(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			body = zr
		}
		text, err := io.ReadAll(body)
		if err != nil || string(text) != string(built["assets/index-1a2.js"].Data) {
			t.Errorf("Accept-Encoding %q: %d bytes of another body, %v", accept, len(text), err)
		}
	}
}

func TestUnchangedIsNotSentAgain(t *testing.T) {
	h := newPage(app, built)
	plain, zipped := get(t, h, "/").Header.Get("ETag"), get(t, h, "/", "Accept-Encoding", "gzip").Header.Get("ETag")
	if plain == "" || plain == zipped {
		t.Fatalf("ETags %q and %q must differ: the bytes do", plain, zipped)
	}
	for _, c := range []struct {
		match, encoding string
		status          int
	}{
		{plain, "", 304},
		{zipped, "gzip", 304},
		{`W/` + plain + `, "x"`, "", 304},
		{"*", "", 304},
		{zipped, "", 200},
		{`"x"`, "", 200},
	} {
		if res := get(t, h, "/", "If-None-Match", c.match, "Accept-Encoding", c.encoding); res.StatusCode != c.status {
			t.Errorf("If-None-Match %s, Accept-Encoding %q: %d, want %d", c.match, c.encoding, res.StatusCode, c.status)
		}
	}
}

func TestPolicyNamesTheBrokerOfTheHostAskedFor(t *testing.T) {
	for host, want := range map[string]string{
		"localhost:8080":      "connect-src 'self' ws://localhost:8083 wss://localhost:8083;",
		"md.example":          "connect-src 'self' ws://md.example:8083 wss://md.example:8083;",
		"192.168.1.5:8080":    "connect-src 'self' ws://192.168.1.5:8083 wss://192.168.1.5:8083;",
		"[::1]:8080":          "connect-src 'self' ws: wss:;",
		"a;script-src *":      "connect-src 'self' ws: wss:;",
		"x'unsafe-inline':80": "connect-src 'self' ws: wss:;",
	} {
		h := http.Header{}
		secure(h, host, 8083)
		if policy := h.Get("Content-Security-Policy"); !strings.Contains(policy, want) {
			t.Errorf("%s: %s", host, policy)
		}
	}
}

func TestOnlyReading(t *testing.T) {
	server := httptest.NewServer(newPage(app, built))
	defer server.Close()
	res, err := http.Post(server.URL+"/", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d, Allow %q", res.StatusCode, res.Header.Get("Allow"))
	}
	res, err = http.Head(server.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 || res.ContentLength <= 0 {
		t.Errorf("HEAD: %d, length %d", res.StatusCode, res.ContentLength)
	}
}

func TestSaysThatThePageWasNotBuilt(t *testing.T) {
	h := newPage(app, fstest.MapFS{".gitkeep": {}})
	res := get(t, h, "/")
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "npm run build") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if res := get(t, h, "/app.json"); res.StatusCode != 200 {
		t.Errorf("app.json: %d", res.StatusCode)
	}
}

// The page of this build, where there is one: whatever it names is there.
func TestBuiltPageIsComplete(t *testing.T) {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		t.Fatal(err)
	}
	index, err := fs.ReadFile(sub, "index.html")
	if err != nil {
		t.Skip("the page was not built")
	}
	h := New(app)
	named := 0
	for _, part := range strings.Split(string(index), `"`) {
		if !strings.HasPrefix(part, "/") || strings.ContainsAny(part, " >\n") {
			continue
		}
		named++
		if res := get(t, h, part); res.StatusCode != 200 {
			t.Errorf("%s: %d", part, res.StatusCode)
		}
	}
	if named < 4 {
		t.Errorf("only %d files named in the page", named)
	}
	if rest := strings.ReplaceAll(string(index), "https://www.tradingview.com/", ""); strings.Contains(rest, "://") {
		t.Error("the page names something elsewhere")
	}
}

func TestPageIsToldWhereTheMarketComesFromOnlyByWhoKnows(t *testing.T) {
	t.Parallel()
	cat, err := catalog.Load("", "", catalog.Stack)
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[Origin]string{OriginUnknown: "", OriginVenue: `"simulated":false`, OriginSimulator: `"simulated":true`} {
		b, err := json.Marshal(AppOf(cat, origin, "v", "127.0.0.1:8083", "/mqtt"))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(b), `"simulated":`); got != (want != "") || !strings.Contains(string(b), want) {
			t.Errorf("origin %d: %s", origin, b)
		}
	}
}

func TestVisitorsAreToldOfAChange(t *testing.T) {
	p := newPage(app, built)
	before := get(t, p, "/app.json").Header.Get("ETag")
	next := app
	next.Contracts = append([]Contract{{ID: "SOLUSDT", Source: "binance"}}, app.Contracts...)
	p.Reload(next)
	res := get(t, p, "/app.json", "If-None-Match", before)
	var got App
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res.Status, err)
	}
	if len(got.Contracts) != 2 || got.Contracts[0].ID != "SOLUSDT" {
		t.Errorf("got %+v", got.Contracts)
	}
}
