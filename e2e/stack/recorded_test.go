package stack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/e2e/recorded"
	"github.com/tickcast/tickcast/e2e/rig"
	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/sinks/store"
)

// The exchange's recorded trades, through Kafka and Flink, are the exchange's own candles: at a client, in PostgreSQL and over REST.
func TestRecordedTradesBecomeBinancesOwnCandles(t *testing.T) {
	need(t)
	id := own("BTCUSDT")
	m := newSystem(t, []string{fmt.Sprintf(`{id: %s, source: {venue: binance, symbol: BTCUSDT}, base: BTC, quote: USDT, tick: "0.01", step: "0.000001"}`, id)}, fmt.Sprintf(`
  symbols: [{symbol: BTCUSDT, base: BTC, quote: USDT, tick: "0.01", step: "0.000001"}]
  recording:
    markets: [{symbol: BTCUSDT, agg_trades: [%s], klines: %s}]
    times: kept
    speed: 30
    wait_for_subscriber: true
`, rig.File(t, recorded.Trades), rig.File(t, recorded.Klines)))
	history := m.startHistory()
	cl := rig.Subscribe(t, m.mqtt, "candle/1m/"+id+"/closed", "candle/1m/"+id, "status/#")
	m.startIngest("  feed: {max_ahead: 10m, reorder_wait: 50ms}\n", ", silence: 1s, first_frame: 1s, backoff_min: 20ms, backoff_max: 200ms, replace_min: 100ms")
	cl.Wait("the last whole minute", 90*time.Second, func(g rig.Message) bool {
		return g.Topic == "candle/1m/"+id+"/closed" && g.OpenMs == recorded.LastWholeMs
	})
	recorded.CheckCandles(t, cl, id)
	cl.NoStepBack()
	m.checkStored(id)
	checkREST(t, history, id)
	m.checkParity(id)
}

// checkStored compares the candles that PostgreSQL has with Binance's.
func (m *system) checkStored(id string) {
	t := m.t
	t.Helper()
	t.Setenv("TICKCAST_STORE_PASSWORD", m.storePassword())
	cfg := store.DefaultConfig()
	cfg.Postgres = &store.PostgresConfig{URL: m.storeURL(), Secret: configs.Secret{Env: "TICKCAST_STORE_PASSWORD"}}
	db, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ask := market.CandleRange{Contract: id, Period: market.Period1m, FromMs: recorded.FirstWholeMs, ToMs: recorded.LastWholeMs, Limit: 100}
	var got []market.CandleMessage
	for deadline := time.Now().Add(patience); len(got) < recorded.WholeMinutes; time.Sleep(100 * time.Millisecond) { // the next checkpoint commits them
		if got, err = db.Candles(t.Context(), ask); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("PostgreSQL has %d of the %d candles", len(got), recorded.WholeMinutes)
		}
	}
	want := recorded.BinanceKlines(t)
	for i := range got {
		var c rig.Candle
		if err := json.Unmarshal(got[i].AppendJSON(nil), &c); err != nil {
			t.Fatal(err)
		}
		if n := recorded.Nine(t, &c); n != want[c.OpenMs] || c.Quality != "ok" || c.Revision != 0 {
			t.Errorf("candle %d in PostgreSQL, quality %s, revision %d\n got %v\nwant %v", c.OpenMs, c.Quality, c.Revision, n, want[c.OpenMs])
		}
	}
}

// checkREST compares the klines that the history role answers with Binance's.
func checkREST(t *testing.T, history, id string) {
	t.Helper()
	res, err := http.Get(fmt.Sprintf("%s/api/v3/klines?symbol=%s&interval=1m&startTime=%d&endTime=%d", history, id, recorded.FirstWholeMs, recorded.LastWholeMs))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var rows [][]any
	if err := json.NewDecoder(res.Body).Decode(&rows); err != nil || res.StatusCode != http.StatusOK || len(rows) != recorded.WholeMinutes {
		t.Fatalf("klines: %s, %v, %d rows, want %d", res.Status, err, len(rows), recorded.WholeMinutes)
	}
	want := recorded.BinanceKlines(t)
	for _, r := range rows {
		openMs := int64(r[0].(float64))
		got := [9]string{}
		for i, column := range []int{1, 2, 3, 4, 5, 7, 8, 9, 10} {
			got[i] = fmt.Sprint(r[column])
		}
		if got != want[openMs] {
			t.Errorf("kline %d over REST\n got %v\nwant %v", openMs, got, want[openMs])
		}
	}
}
