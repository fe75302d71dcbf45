package simexchange

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/binanceapi"
	"github.com/tickcast/tickcast/market"
)

// wireTicker is a row of GET /api/v3/ticker/24hr.
type wireTicker struct {
	Symbol, PriceChange, PriceChangePercent, WeightedAvgPrice, PrevClosePrice, LastPrice, LastQty, BidPrice, BidQty, AskPrice, AskQty string
	OpenPrice, HighPrice, LowPrice, Volume, QuoteVolume                                                                               string
	OpenTime, CloseTime, FirstID, LastID, Count                                                                                       int64
}

// What follows from the rest of the exchange's own answers (change, percent, weighted average, window) is what the exchange answered.
func TestTickersAreTheExchangesOwn(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("testdata/ticker_24hr_REST_samples.json")
	if err != nil {
		t.Fatal(err)
	}
	num := func(s string) int64 {
		v, err := market.ParseScaled(s, decimals)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	wide := func(s string, scale int) market.Int128 {
		v, err := market.ParseInt128(s, scale)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	checked := 0
	for _, sample := range decode[[]struct{ Data json.RawMessage }](t, file) {
		if sample.Data[0] == '{' {
			sample.Data = json.RawMessage("[" + string(sample.Data) + "]")
		}
		for _, raw := range decode[[]json.RawMessage](t, sample.Data) {
			w := decode[wireTicker](t, raw)
			tk := ticker{openMs: w.CloseTime - market.DayMs, closeMs: w.CloseTime, before: num(w.PrevClosePrice), lastQty: num(w.LastQty),
				best: best{Bid: level{num(w.BidPrice), num(w.BidQty)}, Ask: level{num(w.AskPrice), num(w.AskQty)}},
				window: bar{Open: num(w.OpenPrice), High: num(w.HighPrice), Low: num(w.LowPrice), Close: num(w.LastPrice), Trades: w.LastID - w.FirstID + 1,
					Volume: wide(w.Volume, decimals), Quote: wide(w.QuoteVolume, 2*decimals), FirstID: w.FirstID, LastID: w.LastID}}
			got := decode[map[string]any](t, appendTickerRow(nil, binanceapi.Ms, w.Symbol, &tk, false))
			if want := decode[map[string]any](t, raw); !reflect.DeepEqual(got, want) {
				t.Errorf("%s\n got %v\nwant %v", w.Symbol, got, want)
			}
			checked++
		}
	}
	if checked != 11 {
		t.Errorf("%d answers, want 11", checked)
	}
}

func TestTickerIsTheLastDay(t *testing.T) {
	t.Parallel()
	in, startMs := marketOf(t, false, 2)
	nowMs := startMs + 26*market.HourMs + 12_345
	if err := in.catchUp(nowMs*1000, 10); err != nil {
		t.Fatal(err)
	}
	tk := in.log.ticker(nowMs)
	want := emptyBar(0, 0)
	from := market.Period1m.OpenMs(nowMs - market.DayMs)
	var before trade
	for i := range in.log.trades {
		if tr := &in.log.trades[i]; tr.TimeUs >= from*1000 {
			want.add(tr)
		} else {
			before = *tr
		}
	}
	want.OpenMs = tk.window.OpenMs
	last := &in.log.trades[len(in.log.trades)-1]
	if tk.window != want || tk.before != before.Price || tk.lastQty != last.fillQty(int(last.LastID-last.FirstID)) || tk.window.Close != last.Price {
		t.Errorf("got %+v\nwant %+v after a trade at %d", tk, want, before.Price)
	}
	if tk.closeMs != nowMs || tk.openMs != nowMs-market.DayMs || tk.best.Bid.Price >= tk.best.Ask.Price || tk.best.Bid.Qty == 0 {
		t.Errorf("%+v", tk)
	}
	// A day without trades: zeros, and the last price.
	quiet := nowMs + 2*market.DayMs
	in.log.bars.advance(quiet)
	tk = in.log.ticker(quiet)
	row := string(appendTickerRow(nil, binanceapi.Ms, "X", &tk, true))
	if want := fmt.Sprintf(`{"symbol":"X","openPrice":"0.00000000","highPrice":"0.00000000","lowPrice":"0.00000000","lastPrice":"%s","volume":"0.00000000","quoteVolume":"0.00000000","openTime":%d,"closeTime":%d,"firstId":-1,"lastId":-1,"count":0}`,
		appendPrice(nil, last.Price), quiet-market.DayMs, quiet); row != want {
		t.Errorf("got  %s\nwant %s", row, want)
	}
	if abs, permille := tk.change(); abs != 0 || permille != 0 || tk.average() != 0 || tk.lastQty != 0 || tk.before != last.Price {
		t.Errorf("%+v", tk)
	}
}

// wireStreamTicker is the payload of @ticker; of @miniTicker it has fewer fields.
type wireStreamTicker struct {
	E0 string `json:"e"`
	E  int64  `json:"E"`
	S  string `json:"s"`
	P0 string `json:"p"`
	P  string `json:"P"`
	W  string `json:"w"`
	X  string `json:"x"`
	C0 string `json:"c"`
	Q0 string `json:"q"`
	Q  string `json:"Q"`
	B0 string `json:"b"`
	B  string `json:"B"`
	A0 string `json:"a"`
	A  string `json:"A"`
	O0 string `json:"o"`
	H  string `json:"h"`
	L0 string `json:"l"`
	V  string `json:"v"`
	O  int64  `json:"O"`
	C  int64  `json:"C"`
	F  int64  `json:"F"`
	L  int64  `json:"L"`
	N  int64  `json:"n"`
}

// row is the ticker as REST has it.
func (w *wireStreamTicker) row() wireTicker {
	return wireTicker{w.S, w.P0, w.P, w.W, w.X, w.C0, w.Q, w.B0, w.B, w.A0, w.A, w.O0, w.H, w.L0, w.V, w.Q0, w.O, w.C, w.F, w.L, w.N}
}

// In a market that stands still, streams and REST say the same.
func TestTickersAgreeOverStreamsAndREST(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.Symbols[0].Rate = 0.1; c.Symbols = c.Symbols[:2] })
	conn := dial(t, s, "/stream?streams=btcusdt@ticker/btcusdt@miniTicker/!miniTicker@arr")
	var full, mini wireStreamTicker
	var all []wireStreamTicker
	for full.S == "" || mini.S == "" || all == nil {
		f := decode[streamFrame](t, []byte(readText(t, conn)))
		switch f.Stream {
		case "btcusdt@ticker":
			full = decode[wireStreamTicker](t, f.Data)
		case "btcusdt@miniTicker":
			mini = decode[wireStreamTicker](t, f.Data)
		case "!miniTicker@arr":
			all = decode[[]wireStreamTicker](t, f.Data)
		}
	}
	if full.E0 != "24hrTicker" || full.C-full.O != market.DayMs || full.N != full.L-full.F+1 || full.E < full.C {
		t.Errorf("%+v", full)
	}
	if mini.E0 != "24hrMiniTicker" || mini.C0 != full.C0 || mini.O0 != full.O0 || mini.H != full.H || mini.L0 != full.L0 || mini.V != full.V || mini.Q0 != full.Q0 {
		t.Errorf("%+v, want of %+v", mini, full)
	}
	if len(all) != 2 || all[0] != mini || all[1].S != "ETHUSDT" {
		t.Errorf("all: %+v", all)
	}
	var rest wireTicker
	for rest.Count != full.N { // unless there was a trade in between
		f := decode[streamFrame](t, []byte(readText(t, conn)))
		if f.Stream != "btcusdt@ticker" {
			continue
		}
		full = decode[wireStreamTicker](t, f.Data)
		body, _ := get(t, s, "/api/v3/ticker/24hr?symbol=BTCUSDT")
		rest = decode[wireTicker](t, []byte(body))
	}
	want := full.row()
	if rest.OpenTime < want.OpenTime || rest.CloseTime-rest.OpenTime != market.DayMs {
		t.Errorf("window of REST %+v", rest)
	}
	// Quotes may have changed meanwhile.
	want.OpenTime, want.CloseTime = rest.OpenTime, rest.CloseTime
	want.BidPrice, want.BidQty, want.AskPrice, want.AskQty = rest.BidPrice, rest.BidQty, rest.AskPrice, rest.AskQty
	if rest != want {
		t.Errorf("REST   %+v\nstream %+v", rest, want)
	}
}

func TestErrorsAndFormsOfMarketREST(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, c := range []struct {
		path         string
		weight, code int // code 0: an answer
		want         string
	}{
		{"depth?symbol=BTCUSDT", 5, 0, `{"lastUpdateId":5`},
		{"depth?symbol=BTCUSDT&limit=100", 5, 0, `{"lastUpdateId":5`},
		{"depth?symbol=BTCUSDT&limit=101", 25, 0, `{"lastUpdateId":5`},
		{"depth?symbol=BTCUSDT&limit=501", 50, 0, `{"lastUpdateId":5`},
		{"depth?symbol=BTCUSDT&limit=1001", 250, 0, `{"lastUpdateId":5`},
		{"depth?symbol=BTCUSDT&limit=9999&symbolStatus=TRADING", 250, 0, `{"lastUpdateId":5`},
		{"depth", 5, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."},
		{"depth?symbol=NOPE", 5, -1121, "Invalid symbol."},
		{"depth?symbol=BTCUSDT&limit=0", 5, -1130, "Data sent for parameter 'limit' is not valid."},
		{"depth?symbol=BTCUSDT&limit=x", 5, -1100, "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'."},
		{"depth?symbol=BTCUSDT&symbolStatus=HALT", 5, -1220, "The symbol's status does not match the requested symbolStatus."},
		{"depth?symbol=BTCUSDT&symbolStatus=GONE", 5, -1122, "Invalid symbolStatus."},
		{"ticker/24hr?symbol=BTCUSDT", 2, 0, `{"symbol":"BTCUSDT","priceChange":"`},
		{"ticker/24hr?symbol=BTCUSDT&type=MINI", 2, 0, `{"symbol":"BTCUSDT","openPrice":"`},
		{"ticker/24hr?symbols=[%22ETHUSDT%22,%22BTCUSDT%22]", 2, 0, `[{"symbol":"ETHUSDT","priceChange":"`},
		{"ticker/24hr", 80, 0, `[{"symbol":"BTCUSDT","priceChange":"`},
		{"ticker/24hr?symbolStatus=BREAK", 80, 0, `[]`},
		{"ticker/24hr?symbol=BTCUSDT&type=HUGE", 2, -1139, "Invalid ticker type."},
		{"ticker/24hr?symbol=BTCUSDT&symbols=[%22BTCUSDT%22]", 2, -1128, "Combination of optional parameters invalid. Recommendation: 'symbol' and 'symbols' cannot both be sent."},
		{"ticker/24hr?symbols=[%22BTCUSDT%22,%22BTCUSDT%22]", 2, -1151, "Symbol is present multiple times in the list."},
		{"ticker/24hr?symbols=[%22BTCUSDT%22,%22NOPE%22]", 2, -1121, "Invalid symbol."},
		{"ticker/price?symbol=BTCUSDT", 2, 0, `{"symbol":"BTCUSDT","price":"`},
		{"ticker/price?symbols=[%22SOLUSDT%22]", 4, 0, `[{"symbol":"SOLUSDT","price":"`},
		{"ticker/price", 4, 0, `[{"symbol":"BTCUSDT","price":"`},
		{"ticker/price?symbols=BTCUSDT", 4, -1100, `Illegal characters found in parameter 'symbols'; legal range is '^\["[\w\-._&&[^a-z]]{1,50}"`},
		{"ticker/bookTicker?symbol=BTCUSDT", 2, 0, `{"symbol":"BTCUSDT","bidPrice":"`},
		{"ticker/bookTicker", 4, 0, `[{"symbol":"BTCUSDT","bidPrice":"`},
		{"ticker/bookTicker?symbol=", 4, 0, `[{"symbol":"BTCUSDT","bidPrice":"`},
	} {
		s.limits = newLimiter(s.cfg.Limits) // between requests nobody else uses it
		body, resp := get(t, s, "/api/v3/"+c.path)
		if got := resp.Header.Get("X-Mbx-Used-Weight-1m"); got != fmt.Sprint(c.weight) {
			t.Errorf("%s: weight %s, want %d", c.path, got, c.weight)
		}
		if c.code == 0 {
			if resp.StatusCode != http.StatusOK || !strings.HasPrefix(body, c.want) || !json.Valid([]byte(body)) {
				t.Errorf("%s: %s %.150s, want %s…", c.path, resp.Status, body, c.want)
			}
			continue
		}
		var e struct {
			Code int
			Msg  string
		}
		if err := json.NewDecoder(bytes.NewReader([]byte(body))).Decode(&e); err != nil || resp.StatusCode != http.StatusBadRequest || e.Code != c.code ||
			c.code != -1100 && e.Msg != c.want {
			t.Errorf("%s\n got %s %s\nwant %d %s", c.path, resp.Status, body, c.code, c.want)
		}
	}
}
