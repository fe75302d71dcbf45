package history

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/market"
)

// FuzzRequest: whatever is asked, the answer is JSON of the kind that its endpoint has, or an error that names its number, and of candles exactly those that were
// asked for.
func FuzzRequest(f *testing.F) {
	for _, q := range []string{
		"", "symbol=A&interval=1m", "symbol=A&interval=1m&startTime=60000000&endTime=60300000&limit=3&timeZone=-12:00", "symbol=A&interval=1M&timeZone=8", "symbol=A&limit=0", "symbol=A&limit=99999",
		"symbol=A&interval=1m&startTime=9223372036854775807&endTime=18446744073709551615", "symbol=A&interval=1m&startTime=60000000000001", "symbol=A&fromId=5&limit=2", "symbol=A&startTime=1&endTime=2",
		"symbols=%5B%22A%22%5D&type=MINI", "symbols=%5B%22A%22,%22A%22%5D", "symbols=null", "symbols=%5Bnull%5D", "symbols=%7B%7D", "symbol=A&symbols=%5B%22A%22%5D", "symbol=A&symbolStatus=HALT",
		"symbol=a", "symbol=", "symbol=A&symbol=A", "%zz", "a;b", "symbol=A&type=FULL", "permissions=SPOT", "symbols=" + strings.Repeat("%5B", 2000),
	} {
		for i := range paths() {
			f.Add(byte(i), q, "GET", "")
		}
	}
	f.Add(byte(0), "symbol=A&interval=1m", "POST", "MICROSECOND")
	f.Add(byte(0), "symbol=A&interval=1m", "GET", "MICROSECOND")
	f.Add(byte(0), "symbol=A&interval=1m", "OPTIONS", "second")

	c := market.Contract{ID: "A", Source: "binance", Symbol: "A", Tick: market.Unit{Size: 1, Scale: 2}, Step: market.Unit{Size: 1, Scale: 3}, Period: []market.Period{market.Period1m, market.Period1d},
		Books: []market.Unit{{Size: 1, Scale: 2}}}
	stored := &lagging{}
	for minute := range int64(200) {
		var m market.CandleMessage
		m.PriceScale, m.QtyScale, m.Period = 2, 3, market.Period1m
		m.Contract, m.Epoch, m.Seq, m.OpenMs, m.Closed = c.ID, 1, minute, (1000+minute)*market.MinuteMs, true
		m.Open, m.High, m.Low, m.Close = 100, 200, 50, 150
		stored.rows = append(stored.rows, m)
	}
	h, err := New(DefaultConfig(), &catalog.Catalog{Contracts: []market.Contract{c}}, stored, slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	close(h.ready)
	h.limits = newLimiter(1 << 50)
	f.Fuzz(func(t *testing.T, path byte, rawQuery, method, unit string) {
		p := paths()[int(path)%len(paths())]
		u, err := url.ParseRequestURI(p + "?" + rawQuery)
		if err != nil || strings.ContainsFunc(method+rawQuery+unit, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return // net/http lets no such request through
		}
		r := httptest.NewRequest("GET", "http://history/", nil)
		r.Method, r.URL = method, u
		r.Header.Set("X-Mbx-Time-Unit", unit)
		for try := range 3 { // a machine that does other work may hold a single run up
			w, start := httptest.NewRecorder(), time.Now()
			h.ServeHTTP(w, r)
			if took := time.Since(start); took > time.Second && try == 2 {
				t.Fatalf("takes %v", took)
			} else if took < time.Second {
				checkAnswer(t, p, r, w)
				break
			}
		}
	})
}

func paths() []string {
	all := []string{"/api/v3/klines", "/api/v3/none"}
	for p := range endpoints {
		if p != all[0] {
			all = append(all, p)
		}
	}
	slices.Sort(all[2:])
	return all
}

func checkAnswer(t *testing.T, path string, r *http.Request, w *httptest.ResponseRecorder) {
	body := w.Body.Bytes()
	var failed struct {
		Code *int
		Msg  *string
	}
	switch {
	case w.Code == http.StatusNoContent && r.Method == http.MethodOptions:
		return
	case w.Code != http.StatusOK:
		if w.Code >= 500 || json.Unmarshal(body, &failed) != nil || failed.Code == nil || *failed.Code >= 0 || failed.Msg == nil || *failed.Msg == "" {
			t.Fatalf("%d %s", w.Code, body)
		}
		return
	case !json.Valid(body) || len(body) > 1<<20:
		t.Fatalf("%d bytes: %.200s", len(body), body)
	case !strings.HasSuffix(path, "lines"): // klines, uiKlines
		return
	}
	var rows [][]any
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	if err := d.Decode(&rows); err != nil || len(rows) > 1000 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	last := int64(-1)
	for _, row := range rows {
		at, err := row[0].(json.Number).Int64()
		if len(row) != 12 || err != nil || at <= last {
			t.Fatalf("%v after %d, %v", row, last, err)
		}
		last = at
	}
}
