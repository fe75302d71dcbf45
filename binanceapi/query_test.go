package binanceapi_test

import (
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/tickcast/tickcast/binanceapi"
)

// The codes and messages are those of errors.md, and what Binance answers to such a request.
func TestBadParametersHaveTheirCodeAndMessage(t *testing.T) {
	t.Parallel()
	known := map[string]*string{"BTCUSDT": new(string), "ETHUSDT": new(string)}
	markets := binanceapi.Markets[*string]{All: []*string{known["BTCUSDT"], known["ETHUSDT"]}, Named: func(s string) *string { return known[s] }}
	symbol := func(q *binanceapi.Query) { markets.Symbol(q) }
	symbols := func(q *binanceapi.Query) { markets.Symbols(q) }
	limit := func(q *binanceapi.Query) { q.Limit(500, 1000) }
	start := func(q *binanceapi.Query) { q.Time("startTime") }
	interval := func(q *binanceapi.Query) { q.Interval() }
	for _, c := range []struct {
		query string
		read  func(*binanceapi.Query)
		code  int
		msg   string
	}{
		{"symbol=BTCUSDT", symbol, 0, ""},
		{"", symbol, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."},
		{"symbol=NOPE", symbol, -1121, "Invalid symbol."},
		{"symbol=btcusdt", symbol, -1100, `Illegal characters found in parameter 'symbol'; legal range is '^[\w\-._&&[^a-z]]{1,50}$'.`},
		{"symbol=BTCUSDT&symbol=BTCUSDT", symbol, -1101, "Duplicate values for a parameter detected."},
		{"symbol=%zz", symbol, -1100, "Illegal characters found in a parameter."},
		{`symbols=["ETHUSDT"]`, symbols, 0, ""},
		{`symbols=["ETHUSDT","ETHUSDT"]`, symbols, -1151, "Symbol is present multiple times in the list."},
		{`symbols=[]`, symbols, -1100, `Illegal characters found in parameter 'symbols'; legal range is '^\[("[\w\-._&&[^a-z]]{1,50}"(,"[\w\-._&&[^a-z]]{1,50}"){0,}){0,1}\]$'.`},
		{`symbol=BTCUSDT&symbols=["ETHUSDT"]`, symbols, -1128, "Combination of optional parameters invalid. Recommendation: 'symbol' and 'symbols' cannot both be sent."},
		{"symbol=BTCUSDT&symbolStatus=HALT", symbols, -1220, "The symbol's status does not match the requested symbolStatus."},
		{"symbolStatus=HALT", symbols, 0, ""},
		{"symbolStatus=OPEN", symbols, -1122, "Invalid symbolStatus."},
		{"limit=", limit, -1105, "Parameter 'limit' was empty."},
		{"limit=-1", limit, -1100, "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'."},
		{"limit=0", limit, -1130, "Data sent for parameter 'limit' is not valid."},
		{"limit=99999999999999999999", limit, -1108, "Parameter 'limit' overflowed."},
		{"startTime=99999999999999999", start, 0, ""},
		{"startTime=100000000000000000", start, -1130, "Data sent for parameter 'startTime' is not valid."},
		{"", interval, -1102, "Mandatory parameter 'interval' was not sent, was empty/null, or malformed."},
		{"interval=2m", interval, -1120, "Invalid interval."},
		{"type=FULL", func(q *binanceapi.Query) { q.MiniTicker() }, 0, ""},
		{"type=HALF", func(q *binanceapi.Query) { q.MiniTicker() }, -1139, "Invalid ticker type."},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL = &url.URL{Path: "/", RawQuery: c.query}
		q := binanceapi.NewQuery(r)
		c.read(&q)
		switch {
		case c.code == 0 && q.Bad != nil:
			t.Errorf("%s: %d %s", c.query, q.Bad.Code, q.Bad.Msg)
		case c.code != 0 && (q.Bad == nil || q.Bad.Code != c.code || q.Bad.Msg != c.msg):
			t.Errorf("%s: %+v, want %d %s", c.query, q.Bad, c.code, c.msg)
		}
	}
}

func TestWeightsFollowTheParameters(t *testing.T) {
	t.Parallel()
	ticker := binanceapi.PerSymbols(2, 3, 40, 80)
	for _, c := range []struct {
		query  string
		weight binanceapi.Weight
		want   int
	}{
		{"", binanceapi.DepthWeight, 5}, {"limit=101", binanceapi.DepthWeight, 25}, {"limit=501", binanceapi.DepthWeight, 50}, {"limit=9999", binanceapi.DepthWeight, 250},
		{"symbol=BTCUSDT", ticker, 2}, {`symbols=["BTCUSDT"]`, ticker, 3}, {"", ticker, 80},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL = &url.URL{Path: "/", RawQuery: c.query}
		q := binanceapi.NewQuery(r)
		if got := c.weight(&q); got != c.want {
			t.Errorf("%s: weight %d, want %d", c.query, got, c.want)
		}
	}
}
