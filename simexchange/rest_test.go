package simexchange

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/market"
)

func TestErrorsOfREST(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, c := range []struct {
		path   string
		status int
		want   string
	}{
		{"/api/v3/ping", 200, `{}`},
		{"/api/v3/aggTrades", 400, `{"code":-1102,"msg":"Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."}`},
		{"/api/v3/aggTrades?symbol=NOPE", 400, `{"code":-1121,"msg":"Invalid symbol."}`},
		{"/api/v3/aggTrades?symbol=btcusdt", 400, `{"code":-1100,"msg":"Illegal characters found in parameter 'symbol'; legal range is '^[\\w\\-._&&[^a-z]]{1,50}$'."}`},
		{"/api/v3/aggTrades?symbol=BTCUSDT&limit=x", 400, `{"code":-1100,"msg":"Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'."}`},
		{"/api/v3/aggTrades?symbol=BTCUSDT&limit=0", 400, `{"code":-1130,"msg":"Data sent for parameter 'limit' is not valid."}`},
		{"/api/v3/aggTrades?symbol=BTCUSDT&fromId=1&startTime=1", 400, `{"code":-1128,"msg":"Combination of optional parameters invalid."}`},
		{"/api/v3/aggTrades?symbol=BTCUSDT&symbol=BTCUSDT", 400, `{"code":-1101,"msg":"Duplicate values for a parameter detected."}`},
		{"/api/v3/aggTrades?symbol=BTCUSDT&fromId=99999999999999999999", 400, `{"code":-1108,"msg":"Parameter 'fromId' overflowed."}`},
		{"/api/v3/aggTrades?symbol=BTCUSDT&fromId=", 400, `{"code":-1105,"msg":"Parameter 'fromId' was empty."}`},
		{"/api/v3/aggTrades?symbol=BTCUSDT&fromId=9000000000000", 200, `[]`},
		{"/api/v3/aggTrades?symbol=BTCUSDT&endTime=1000", 200, `[]`},
		{"/api/v3/klines?symbol=BTCUSDT", 400, `{"code":-1102,"msg":"Mandatory parameter 'interval' was not sent, was empty/null, or malformed."}`},
		{"/api/v3/klines?symbol=BTCUSDT&interval=7m", 400, `{"code":-1120,"msg":"Invalid interval."}`},
		{"/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime=9223372036854775807", 400, `{"code":-1130,"msg":"Data sent for parameter 'startTime' is not valid."}`},
		{"/api/v3/klines?symbol=BTCUSDT&interval=1m&timeZone=8", 400, `{"code":-1130,"msg":"Data sent for parameter 'timeZone' is not valid."}`},
		{"/api/v3/klines?symbol=BTCUSDT&interval=1M&startTime=99999999999999", 200, `[]`},
		{"/api/v3/exchangeInfo?symbol=NOPE", 400, `{"code":-1121,"msg":"Invalid symbol."}`},
		{"/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22,%22NOPE%22%5D", 400, `{"code":-1121,"msg":"Invalid symbol."}`},
		{"/api/v1/trades?symbol=BTCUSDT", 404, ""},
		{"/api/v3/nothing", 404, ""},
	} {
		body, resp := get(t, s, c.path)
		if resp.StatusCode != c.status || c.want != "" && body != c.want {
			t.Errorf("%s\n got %d %s\nwant %d %s", c.path, resp.StatusCode, body, c.status, c.want)
		}
		if ct := resp.Header.Get("Content-Type"); c.status != 404 && ct != "application/json;charset=UTF-8" {
			t.Errorf("%s: content type %s", c.path, ct)
		}
	}
}

func TestAggTradesByIDAndTime(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.Keep = 200; c.Market.Rate = 20 })
	const path = "/api/v3/aggTrades?symbol=BTCUSDT"
	newest := getRows[recordedTrade](t, s, path+"&limit=100")
	if len(newest) != 100 {
		t.Fatalf("%d rows", len(newest))
	}
	a, b := newest[20], newest[79]
	ids := func(rows []recordedTrade) string {
		if len(rows) == 0 {
			return "none"
		}
		for i := range rows {
			if rows[i].AggID != rows[0].AggID+int64(i) {
				t.Fatalf("row %d has id %d after %d", i, rows[i].AggID, rows[0].AggID)
			}
		}
		return fmt.Sprintf("%d+%d", rows[0].AggID-a.AggID, len(rows))
	}
	for query, want := range map[string]string{
		fmt.Sprintf("&fromId=%d&limit=5", a.AggID):     "0+5",
		fmt.Sprintf("&endTime=%d&limit=3", a.TimeMs-1): "",
	} {
		got := ids(getRows[recordedTrade](t, s, path+query))
		if want != "" && got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	between := getRows[recordedTrade](t, s, path+fmt.Sprintf("&startTime=%d&endTime=%d&limit=1000", a.TimeMs, b.TimeMs))
	for _, r := range between {
		if r.TimeMs < a.TimeMs || r.TimeMs > b.TimeMs {
			t.Errorf("row at %d outside of %d..%d", r.TimeMs, a.TimeMs, b.TimeMs)
		}
	}
	if n := int64(len(between)); n < b.AggID-a.AggID+1 {
		t.Errorf("%d rows between ids %d and %d", n, a.AggID, b.AggID)
	}
	from := getRows[recordedTrade](t, s, path+fmt.Sprintf("&startTime=%d&limit=2", a.TimeMs))
	if len(from) != 2 || from[0] != between[0] {
		t.Errorf("startTime alone: %+v, want oldest first from %+v", from, between[0])
	}
	us := getRows[recordedTrade](t, s, path+fmt.Sprintf("&startTime=%d000&limit=2", a.TimeMs))
	if len(us) != 2 || us[0] != from[0] {
		t.Errorf("startTime in microseconds: %+v", us)
	}
	to := getRows[recordedTrade](t, s, path+fmt.Sprintf("&endTime=%d&limit=2", b.TimeMs))
	if len(to) != 2 || to[1] != between[len(between)-1] {
		t.Errorf("endTime alone: %+v, want the newest up to it", to)
	}
	oldest := getRows[recordedTrade](t, s, path+"&fromId=1&limit=1")
	if len(oldest) != 1 || oldest[0].AggID < firstAggID {
		t.Errorf("an id that is not kept any more: %+v, want the oldest kept", oldest)
	}
}

func TestKlinesByTime(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	now := s.clock.nowUs() / 1000
	for _, p := range market.Periods() {
		path := fmt.Sprintf("/api/v3/klines?symbol=ETHUSDT&interval=%s", p)
		all := getRows[[]any](t, s, path+"&limit=1000")
		if len(all) < 3 || len(all) > 1000 {
			t.Fatalf("%s: %d rows", p, len(all))
		}
		open := func(r []any) int64 { return int64(r[0].(float64)) }
		for i := range all {
			if o := open(all[i]); p.OpenMs(o) != o || int64(all[i][6].(float64)) != p.NextMs(o)-1 || i > 0 && o != p.NextMs(open(all[i-1])) {
				t.Fatalf("%s: row %v", p, all[i])
			}
		}
		if last := open(all[len(all)-1]); last < p.OpenMs(now) {
			t.Errorf("%s: the newest opens at %d, want the one of %d", p, last, now)
		}
		o := open(all[1])
		two := getRows[[]any](t, s, path+fmt.Sprintf("&startTime=%d&limit=1", o-1))
		if p != market.Period1s && (len(two) != 1 || open(two[0]) != o) {
			t.Errorf("%s: startTime just before %d: %v", p, o, two)
		}
		two = getRows[[]any](t, s, path+fmt.Sprintf("&endTime=%d&limit=1", o))
		if len(two) != 1 || open(two[0]) != o {
			t.Errorf("%s: endTime at %d: %v", p, o, two)
		}
	}
	if n := len(getRows[[]any](t, s, "/api/v3/uiKlines?symbol=ETHUSDT&interval=1m")); n != 500 {
		t.Errorf("uiKlines without limit: %d rows", n)
	}
}

func TestWeightIsCountedAndLimited(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.Limits.Weight = 60 })
	_, resp := get(t, s, "/api/v3/exchangeInfo")
	used, err := strconv.Atoi(resp.Header.Get("X-Mbx-Used-Weight-1m"))
	if err != nil || used != 20 || resp.Header.Get("X-Mbx-Used-Weight") != "20" {
		t.Fatalf("weight %v", resp.Header)
	}
	for limited := 0; ; limited++ {
		body, resp := get(t, s, "/api/v3/trades?symbol=BTCUSDT&limit=1")
		switch resp.StatusCode {
		case http.StatusOK:
			limited = -1
			continue
		case http.StatusTooManyRequests, http.StatusTeapot:
			if !strings.HasPrefix(body, `{"code":-1003,"msg":"`) || resp.Header.Get("Retry-After") == "" {
				t.Fatalf("%s %s %v", resp.Status, body, resp.Header)
			}
		default:
			t.Fatalf("%s %s", resp.Status, body)
		}
		if resp.StatusCode == http.StatusTeapot {
			if limited != afterRefusals {
				t.Errorf("ban after %d refusals, want %d", limited, afterRefusals)
			}
			return
		}
	}
}
