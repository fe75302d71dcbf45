package binance

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/ingest/depth"
)

func TestDepthAnswersAreTakenAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body string
		status     int
		want       string // the error, or nothing
		bids, asks int    // -1: there was none, which is not the same as an empty one
	}{
		{"a book", `{"lastUpdateId":7,"bids":[["1.00","2.0"],["0.99","1.0"]],"asks":[["1.01","3.0"]]}`, 200, "", 2, 1},
		{"an empty book", `{"lastUpdateId":7,"bids":[],"asks":[]}`, 200, "", 0, 0},
		{"no asks", `{"lastUpdateId":7,"bids":[],"asks":null}`, 200, "", 0, -1},
		{"an error of Binance", `{"code":-1121,"msg":"Invalid symbol."}`, 400, `get depth of BTCUSDT: status 400: "{\"code\":-1121,\"msg\":\"Invalid symbol.\"}"`, -1, -1},
		{"numbers instead of text", `{"lastUpdateId":7,"bids":[[1.5,2]],"asks":[]}`, 200, "get depth of BTCUSDT: decode the answer: json: cannot unmarshal number into Go struct field .bids of type string", -1, -1},
		{"an id that is text", `{"lastUpdateId":"x","bids":[],"asks":[]}`, 200, "get depth of BTCUSDT: decode the answer: json: cannot unmarshal string into Go struct field .lastUpdateId of type int64", -1, -1},
		{"truncated", `{"lastUpdateId":7,"bi`, 200, "get depth of BTCUSDT: decode the answer: unexpected EOF", -1, -1},
		{"too large", `{"lastUpdateId":7,"bids":[` + strings.Repeat(`["1","1"],`, 1000) + `]}`, 200, "get depth of BTCUSDT: decode the answer: the answer is larger than allowed", -1, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var asked url.URL
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = *r.URL
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer srv.Close()
			cfg := DefaultConfig()
			cfg.RestURL, cfg.MaxBody = srv.URL, 2048
			src, err := New(cfg, nil, []string{"BTCUSDT"}, &events{}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			a := src.Depth(t.Context(), "BTCUSDT", depth.Request{Serial: 3, Levels: 1000})
			if asked.String() != "/api/v3/depth?limit=1000&symbol=BTCUSDT" {
				t.Errorf("asked for %s", asked.String())
			}
			got := ""
			if a.Err != nil {
				got = a.Err.Error()
			}
			if a.Serial != 3 || !strings.HasSuffix(got, c.want) || (got == "") != (c.want == "") {
				t.Errorf("answer to %d: error %s, want %s", a.Serial, got, c.want)
			}
			count := func(side [][2]string) int {
				if side == nil {
					return -1
				}
				return len(side)
			}
			if a.Err == nil && (a.LastID != 7 || count(a.Bids) != c.bids || count(a.Asks) != c.asks) {
				t.Errorf("got %+v", a)
			}
		})
	}
}

func TestTheWeightOfADepthSnapshotIsThatOfItsSize(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]int{"limit=5": 5, "limit=100": 5, "limit=101": 25, "limit=500": 25, "limit=1000": 50, "limit=1001": 250, "limit=5000": 250} {
		if got := weightOf(&url.URL{Path: "/api/v3/depth", RawQuery: "symbol=X&" + query}); got != want {
			t.Errorf("%s: weight %d, want %d", query, got, want)
		}
	}
	l := newLimiter(100, 1<<20, nil)
	if l.weight.Burst() < maxWeight {
		t.Errorf("a budget of 100 a minute never lets a weight of %d through", maxWeight)
	}
}
