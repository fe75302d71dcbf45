package simexchange

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/tickcast/tickcast/binanceapi"
	"github.com/tickcast/tickcast/market"
)

func TestAddressesAndTheirFrames(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const raw, combined = `{"e":"aggTrade","E":`, `{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":`
	subscribe := `{"method":"SUBSCRIBE","params":["btcusdt@aggTrade"],"id":7}`
	for _, c := range []struct{ path, request, want string }{
		{"/ws/btcusdt@aggTrade", "", raw},
		{"/ws/btcusdt@aggTrade/btcusdt@avgPrice", "", raw},
		{"/ws/btcusdt%40aggTrade", "", raw},
		{"/ws", subscribe, raw},
		{"/ws/3", subscribe, raw},
		{"/stream?streams=btcusdt@aggTrade/ethusdt@avgPrice", "", combined},
		{"/stream?streams=btcusdt%40aggTrade", "", combined},
		{"/stream?timeUnit=millisecond&streams=btcusdt@aggTrade", "", combined},
		{"/stream", subscribe, combined},
		{"/stream?streams=", subscribe, combined},
	} {
		conn := dial(t, s, c.path)
		if c.request != "" {
			if got := ask(t, conn, c.request); got != `{"result":null,"id":7}` {
				t.Errorf("%s: answer %s", c.path, got)
			}
		}
		if got := readText(t, conn); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: frame %s, want %s…", c.path, got, c.want)
		}
		conn.Close()
	}
	_, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.URL(), "http")+"/stream?timeUnit=HOUR", nil)
	if err == nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("bad timeUnit: %v", err)
	}
}

func TestControlMessages(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.WebSocket.MaxInbound, c.WebSocket.MaxStreams = 1000, 3 })
	conn := dial(t, s, "/ws")
	for _, c := range []struct{ request, want string }{
		{`{"method":"SUBSCRIBE","params":["x@depth","y@aggTrade"],"id":1}`, `{"result":null,"id":1}`},
		{`{"method":"SUBSCRIBE","params":["x@depth"],"id":"a1B2"}`, `{"result":null,"id":"a1B2"}`},
		{`{"method":"LIST_SUBSCRIPTIONS","id":null}`, `{"result":["x@depth","y@aggTrade"],"id":null}`},
		{`{"method":"SUBSCRIBE","params":["1@a","2@a"],"id":-3}`, `{"code":2,"msg":"Invalid request: too many streams","id":-3}`},
		{`{"method":"UNSUBSCRIBE","params":["x@depth","never@had"],"id":4}`, `{"result":null,"id":4}`},
		{`{"method":"LIST_SUBSCRIPTIONS","id":5}`, `{"result":["y@aggTrade"],"id":5}`},
		{`{"method":"LIST_SUBSCRIPTIONS","params":["a"],"id":5}`, `{"code":2,"msg":"Invalid request: too many parameters","id":5}`},
		{`{"method":"GET_PROPERTY","params":["combined"],"id":6}`, `{"result":false,"id":6}`},
		{`{"method":"SET_PROPERTY","params":["combined",true],"id":7}`, `{"result":null,"id":7}`},
		{`{"method":"GET_PROPERTY","params":["combined"],"id":8}`, `{"result":true,"id":8}`},
		{`{"method":"SET_PROPERTY","params":["combined","yes"],"id":9}`, `{"code":1,"msg":"Invalid value type: expected Boolean","id":9}`},
		{`{"method":"SET_PROPERTY","params":["speed",true],"id":9}`, `{"code":0,"msg":"Unknown property","id":9}`},
		{`{"method":"GET_PROPERTY","params":[1],"id":9}`, `{"code":2,"msg":"Invalid request: property name must be a string","id":9}`},
		{`{"method":"GET_PROPERTY","params":["combined",1],"id":9}`, `{"code":2,"msg":"Invalid request: too many parameters","id":9}`},
		{`{"method":"SUBSCRIBE","params":["a@b"],"id":1.5}`, `{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}`},
		{`{"method":"SUBSCRIBE","params":["a@b"],"id":"0123456789012345678901234567890123456"}`, `{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}`},
		{`{"method":"SUBSCRIBE","params":[1],"id":1}`, `{"code":2,"msg":"Invalid request: invalid type: expected a string at params[0]","id":1}`},
		{`{"method":"JUMP","id":1}`, "{\"code\":2,\"msg\":\"Invalid request: unknown variant `JUMP`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY` at line 1 column 16\",\"id\":1}"},
		{`{"params":["a@b"],"id":1}`, "{\"code\":2,\"msg\":\"Invalid request: missing field `method` at line 1 column 25\",\"id\":1}"},
		{`hello`, `{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}`},
	} {
		if got := ask(t, conn, c.request); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.request, got, c.want)
		}
	}
}

type streamFrame struct {
	Stream string
	Data   json.RawMessage
}

type wireKline struct {
	Event string `json:"e"` // else it would be taken for E
	E     int64  `json:"E"`
	K     struct {
		T0        int64  `json:"t"`
		T1        int64  `json:"T"`
		F         int64  `json:"f"`
		L         int64  `json:"L"`
		N         int64  `json:"n"`
		X         bool   `json:"x"`
		Open      string `json:"o"`
		Close     string `json:"c"`
		High      string `json:"h"`
		Low       string `json:"l"`
		Volume    string `json:"v"`
		Quote     string `json:"q"`
		BuyVolume string `json:"V"`
		BuyQuote  string `json:"Q"`
	} `json:"k"`
}

// row is the kline as REST has it.
func (k *wireKline) row() string {
	v := &k.K
	return fmt.Sprintf(`[%d,"%s","%s","%s","%s","%s",%d,"%s",%d,"%s","%s","0"]`,
		v.T0, v.Open, v.High, v.Low, v.Close, v.Volume, v.T1, v.Quote, v.N, v.BuyVolume, v.BuyQuote)
}

func decode[T any](t *testing.T, data []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	return v
}

func TestTradesAggregatesAndKlinesAgreeOverStreamsAndREST(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := dial(t, s, "/stream?streams=btcusdt@aggTrade/btcusdt@trade/btcusdt@kline_1s/btcusdt@kline_1m")
	var aggs, singles []recordedTrade
	var seconds []wireKline
	for len(seconds) < 4 {
		f := decode[streamFrame](t, []byte(readText(t, conn)))
		switch {
		case strings.HasSuffix(f.Stream, "@aggTrade"):
			aggs = append(aggs, decode[recordedTrade](t, f.Data))
		case strings.HasSuffix(f.Stream, "@trade"):
			singles = append(singles, decode[recordedTrade](t, f.Data))
		case strings.HasSuffix(f.Stream, "@kline_1s"):
			seconds = append(seconds, decode[wireKline](t, f.Data))
		}
	}
	log := newEventLog(1 << 20)
	next := 0
	for i := range aggs {
		a, err := aggs[i].trade()
		if err != nil {
			t.Fatal(err)
		}
		if err := log.add(a); err != nil {
			t.Fatal(err)
		}
		var sum int64
		for id := a.FirstID; id <= a.LastID; id, next = id+1, next+1 {
			q, _ := market.ParseScaled(singles[next].Qty, decimals)
			sum += q
			if singles[next].TradeID != id || singles[next].Price != aggs[i].Price || singles[next].Maker != aggs[i].Maker || singles[next].TimeMs != aggs[i].TimeMs {
				t.Fatalf("single trade %+v of aggregate %+v", singles[next], aggs[i])
			}
		}
		if sum != a.Qty {
			t.Fatalf("single trades of %d sum up to %d, not %d", a.ID, sum, a.Qty)
		}
	}
	for _, k := range seconds[1:] { // the first was under way already
		want, _ := log.bars.one(market.Period1s, k.K.T0)
		if got := string(appendKlineRow(nil, binanceapi.Ms, market.Period1s, &want)); got != k.row() || want.FirstID != k.K.F || want.LastID != k.K.L || !k.K.X {
			t.Errorf("kline of the stream %+v, from its trades %s", k, got)
		}
		body, _ := get(t, s, fmt.Sprintf("/api/v3/klines?symbol=BTCUSDT&interval=1s&limit=1&startTime=%d", k.K.T0))
		if body != "["+k.row()+"]" {
			t.Errorf("kline of the stream %s, of REST %s", k.row(), body)
		}
	}
	rows := getRows[recordedTrade](t, s, fmt.Sprintf("/api/v3/aggTrades?symbol=BTCUSDT&limit=1000&fromId=%d", aggs[0].AggID))
	for i := range aggs {
		aggs[i].Symbol = "" // not in REST's rows
		if rows[i] != aggs[i] {
			t.Fatalf("REST %+v, stream %+v", rows[i], aggs[i])
		}
	}
	type restTrade struct {
		ID                   int64
		Price, Qty, QuoteQty string
		Time                 int64
		IsBuyerMaker         bool
	}
	for i, r := range getRows[restTrade](t, s, fmt.Sprintf("/api/v3/historicalTrades?symbol=BTCUSDT&limit=20&fromId=%d", singles[0].TradeID)) {
		w := singles[i]
		if r.ID != w.TradeID || r.Price != w.Price || r.Qty != w.Qty || r.Time != w.TimeMs || r.IsBuyerMaker != w.Maker {
			t.Fatalf("REST %+v, stream %+v", r, w)
		}
	}
}

func TestQuietMarketClosesAKlineEachSecond(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.Symbols[0].Rate = 0.001 })
	conn := dial(t, s, "/ws/btcusdt@kline_1s")
	var last wireKline
	for i := range 3 {
		k := decode[wireKline](t, []byte(readText(t, conn)))
		v := k.K
		if v.N == 0 && (v.F != -1 || v.L != -1 || v.Open != v.Close || v.High != v.Low || v.Open != v.High || v.Volume != "0.00000000") {
			t.Errorf("empty kline %+v", k)
		}
		if !v.X || k.E <= v.T1 {
			t.Errorf("kline %+v is not closed at its end", k)
		}
		if i > 0 && (v.T0 != last.K.T0+1000 || v.N == 0 && v.Open != last.K.Close) {
			t.Errorf("kline %+v after %+v", k, last)
		}
		last = k
	}
}

func TestMicroseconds(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := dial(t, s, "/stream?streams=btcusdt@aggTrade/btcusdt@kline_1s&timeUnit=MICROSECOND")
	for kinds := map[string]bool{}; len(kinds) < 2; {
		f := decode[streamFrame](t, []byte(readText(t, conn)))
		kinds[f.Stream] = true
		if strings.HasSuffix(f.Stream, "kline_1s") {
			if k := decode[wireKline](t, f.Data).K; k.T1 != k.T0+999_999 || k.T0%1_000_000 != 0 || k.T0 < 1e15 {
				t.Errorf("kline %s", f.Data)
			}
		} else if a := decode[recordedTrade](t, f.Data); a.TimeMs < 1e15 {
			t.Errorf("trade %s", f.Data)
		}
	}
	req, err := http.NewRequest(http.MethodGet, s.URL()+"/api/v3/time", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-MBX-TIME-UNIT", "MICROSECOND")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var v struct{ ServerTime int64 }
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil || v.ServerTime < 1e15 {
		t.Errorf("serverTime %d, %v", v.ServerTime, err)
	}
}

func TestPongsKeepAConnection(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) {
		c.Symbols[0].Rate = 0.001
		c.WebSocket.PingInterval, c.WebSocket.PongTimeout, c.WebSocket.MaxInbound = 20*time.Millisecond, 100*time.Millisecond, 1000
	})
	good, mute, wrong := dial(t, s, "/ws/btcusdt@kline_1s"), dial(t, s, "/ws/x@y"), dial(t, s, "/ws/x@y")
	mute.SetPingHandler(func(string) error { return nil })
	wrong.SetPingHandler(func(string) error {
		return wrong.WriteControl(websocket.PongMessage, []byte("unsolicited"), time.Now().Add(time.Second))
	})
	kept := make(chan error, 1)
	go func() { // reading is what answers pings
		for range 3 {
			if _, _, err := good.ReadMessage(); err != nil {
				kept <- err
				return
			}
		}
		kept <- nil
	}()
	for name, c := range map[string]*websocket.Conn{"without pongs": mute, "with pongs of another payload": wrong} {
		if _, _, err := c.ReadMessage(); err == nil {
			t.Errorf("connection %s was kept", name)
		}
	}
	if err := <-kept; err != nil { // three seconds: longer than the others lived
		t.Errorf("connection with pongs was not kept: %v", err)
	}
}

func TestConnectionEndsAtItsAge(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.WebSocket.Lifetime = 50 * time.Millisecond })
	for path, want := range map[string]string{
		"/ws/x@y":             `{"e":"serverShutdown","E":`,
		"/stream?streams=x@y": `{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":`,
	} {
		conn := dial(t, s, path)
		if got := readText(t, conn); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", path, got)
		}
		if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestTooManyMessagesEndAConnection(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := dial(t, s, "/ws/x@y")
	for range 6 {
		conn.WriteMessage(websocket.TextMessage, []byte(`{"method":"LIST_SUBSCRIPTIONS","id":1}`))
	}
	for {
		_, _, err := conn.ReadMessage()
		if err == nil {
			continue
		}
		if !websocket.IsCloseError(err, websocket.ClosePolicyViolation) {
			t.Error(err)
		}
		return
	}
}

func TestCompressionIsNegotiated(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.WebSocket.CompressFrom = 1 })
	d := websocket.Dialer{EnableCompression: true}
	conn, resp, err := d.Dial("ws"+strings.TrimPrefix(s.URL(), "http")+"/ws/btcusdt@aggTrade", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if ext := resp.Header.Get("Sec-WebSocket-Extensions"); !strings.HasPrefix(ext, "permessage-deflate") {
		t.Errorf("extensions %q", ext)
	}
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	decode[recordedTrade](t, []byte(readText(t, conn)))
}

func TestConnectionAttemptsAreLimited(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.Limits.Connections = 2 })
	dial(t, s, "/ws/x@y")
	dial(t, s, "/ws/x@y")
	_, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.URL(), "http")+"/ws/x@y", nil)
	if err == nil || resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("third attempt: %v %v", err, resp)
	}
}
