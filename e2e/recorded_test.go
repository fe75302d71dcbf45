package e2e

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

const (
	recordedTrades = "../simexchange/testdata/BTCUSDT-aggTrades-2020-01-02T1510-1518.json"
	recordedKlines = "../simexchange/testdata/BTCUSDT-1m-2020-01-02T1510-1517.csv"
	firstWhole     = int64(1577977860000) // 15:11; the recording begins within 15:10
	wholeMinutes   = 7
)

// recording is a configuration that plays the recorded trades, at their own times, thirty times as fast.
func recording(t *testing.T, more string) string {
	t.Helper()
	abs := func(p string) string {
		a, err := filepath.Abs(p)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	contracts := contractsWith(t, `{id: BTCUSDT, source: {venue: binance, symbol: BTCUSDT}, base: BTC, quote: USDT, tick: "0.01", step: "0.000001"}`)
	return fmt.Sprintf(`
contracts: %s
simulator:
  symbols: [{symbol: BTCUSDT, base: BTC, quote: USDT, tick: "0.01", step: "0.000001"}]
  recording:
    markets: [{symbol: BTCUSDT, agg_trades: [%s], klines: %s}]
    times: kept
    speed: 30
    wait_for_subscriber: true
%s
ingest:
  feed: {max_ahead: 10m, reorder_wait: 50ms}
  binance: {silence: 1s, first_frame: 1s, backoff_min: 20ms, backoff_max: 200ms, replace_min: 100ms}
`, contracts, abs(recordedTrades), abs(recordedKlines), more)
}

// binanceKlines are the exchange's own candles by open time: open, high, low, close, volume, quote volume, count, taker-buy volume, taker-buy quote volume.
func binanceKlines(t *testing.T) map[int64][9]string {
	t.Helper()
	f, err := os.Open(recordedKlines)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	ks := map[int64][9]string{}
	for _, r := range rows {
		at, err := strconv.ParseInt(r[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ks[at] = [9]string{r[1], r[2], r[3], r[4], r[5], r[7], r[8], r[9], r[10]}
	}
	return ks
}

func recordedIDs(t *testing.T) []int64 {
	t.Helper()
	b, err := os.ReadFile(recordedTrades)
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct{ A int64 }
	if err := json.Unmarshal(b, &rows); err != nil {
		t.Fatal(err)
	}
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].A
	}
	return ids
}

// nine are a candle's fields as Binance prints them, with 8 decimals.
func (c *candle) nine(t *testing.T) [9]string {
	t.Helper()
	eight := func(s string) string {
		v, err := market.ParseInt128(s, 8)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		return string(v.AppendDecimal(nil, 8))
	}
	return [9]string{eight(c.Open), eight(c.High), eight(c.Low), eight(c.Close), eight(c.Volume), eight(c.Quote), fmt.Sprint(c.Count), eight(c.Buy), eight(c.BuyQuote)}
}

func TestRecordedTradesBecomeBinancesOwnCandles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, faults string }{
		{"as recorded", ``},
		{"frames dropped, duplicated, reordered, connection cut", `
  faults:
    - {kind: drop, stream: "*@aggTrade", probability: 0.1, seed: 1}
    - {kind: duplicate, stream: "*@aggTrade", probability: 0.1, seed: 2}
    - {kind: reorder, stream: "*@aggTrade", probability: 0.1, seed: 3}
    - {kind: rst, stream: "*@aggTrade", after: 150}
    - {kind: fin, stream: "*@aggTrade", after: 400}
    - {kind: shutdown, stream: "*@aggTrade", after: 550, duration: 300ms}
    - {kind: status, path: "/api/v3/aggTrades", status: 503, after: 3, count: 2}
`},
		{"half open and silent, then away", `
  faults:
    - {kind: silence, stream: "*", after: 200}
    - {kind: outage, after: 500, duration: 3s}
`},
		{"bad frames", `
  faults:
    - {kind: truncate, stream: "*@aggTrade", after: 20}
    - {kind: zero_price, stream: "*@aggTrade", after: 80}
    - {kind: bad_number, stream: "*@aggTrade", after: 140}
    - {kind: wrong_symbol, stream: "*@aggTrade", after: 200}
    - {kind: bad_time, stream: "*@aggTrade", after: 260}
    - {kind: binary, stream: "*@aggTrade", after: 320}
    - {kind: huge, stream: "*@aggTrade", after: 380}
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := up(t, t.TempDir(), recording(t, c.faults))
			a := p.addrs()
			cl := subscribe(t, a.mqtt, "candle/1m/BTCUSDT/closed", "candle/1m/BTCUSDT", "status/#")
			last := firstWhole + (wholeMinutes-1)*market.MinuteMs
			cl.wait("the last whole minute", 90*time.Second, func(m message) bool { return m.Closed && m.Period == "1m" && m.OpenMs == last })
			checkCandles(t, cl)
			cl.noStepBack()
			checkLog(t, a.kafka)
			if c.name == "bad frames" {
				checkQuarantine(t, a.kafka)
			}
		})
	}
}

// checkCandles compares the closed candles that a client got with Binance's, and their order.
func checkCandles(t *testing.T, cl *client) {
	t.Helper()
	want := binanceKlines(t)
	got := map[int64]bool{}
	var before int64
	for _, m := range cl.received() {
		if !strings.HasSuffix(m.topic, "1m/BTCUSDT/closed") || m.OpenMs < firstWhole {
			continue
		}
		if m.OpenMs <= before {
			t.Errorf("closed candle %d came after %d", m.OpenMs, before)
		}
		before = m.OpenMs
		if n := m.nine(t); n != want[m.OpenMs] {
			t.Errorf("candle %s\n got %v\nwant %v", time.UnixMilli(m.OpenMs).UTC().Format("15:04"), n, want[m.OpenMs])
		}
		if !m.Sim || m.Revision != 0 || m.Fill || m.Quality != "ok" {
			t.Errorf("candle %d: sim %v, rev %d, fill %v, quality %s", m.OpenMs, m.Sim, m.Revision, m.Fill, m.Quality)
		}
		got[m.OpenMs] = true
	}
	if len(got) < wholeMinutes {
		t.Errorf("%d whole minutes came, want %d", len(got), wholeMinutes)
	}
}

// readTopic returns all records of a Kafka topic.
func readTopic(t *testing.T, brokers, topic string) (rs []*kafka.Record) {
	t.Helper()
	r, err := kafka.NewReader(kafka.Config{Brokers: brokers}, kafka.ReaderOptions{Name: "e2e"}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ranges, err := r.Ranges(topic)
	if err != nil {
		t.Fatal(err)
	}
	for i, rg := range ranges {
		if rg.High == rg.Low {
			continue
		}
		if err := r.Assign([]kafka.Position{{Topic: topic, Partition: int32(i), Offset: rg.Low}}); err != nil {
			t.Fatal(err)
		}
		for {
			rec, err := r.Poll(5 * time.Second)
			if err != nil || rec == nil {
				t.Fatalf("read %s: %v", topic, err)
			}
			rs = append(rs, rec)
			if rec.Offset+1 >= rg.High {
				break
			}
		}
	}
	return rs
}

// checkLog sees that the log holds the recorded trades once each and in order, with a contiguous sequence.
func checkLog(t *testing.T, brokers string) {
	t.Helper()
	want := recordedIDs(t)
	var dec market.Decoder
	var seq int64
	next := 0
	for _, rec := range readTopic(t, brokers, catalog.MarketTrades) {
		var m market.Record
		if err := dec.Decode(rec.Value, &m); err != nil {
			t.Fatalf("offset %d: %v", rec.Offset, err)
		}
		if seq != 0 && m.Seq != seq+1 {
			t.Fatalf("seq %d follows %d", m.Seq, seq)
		}
		seq = m.Seq
		if m.Kind == market.KindGap {
			t.Fatalf("gap %d..%d in the log", m.GapFrom, m.GapTo)
		}
		if m.Kind != market.KindTrade {
			continue
		}
		if next < len(want) && m.Trade.AggID != want[next] {
			t.Fatalf("trade %d in the log is %d, want %d", next, m.Trade.AggID, want[next])
		}
		next++
	}
	if next < len(want)-200 { // the recording plays on beyond its last whole minute
		t.Errorf("the log has %d trades, the recording %d", next, len(want))
	}
}

// checkQuarantine sees that each kind of bad frame was put apart, with its bytes.
func checkQuarantine(t *testing.T, brokers string) {
	t.Helper()
	reasons := map[string]int{}
	for _, rec := range readTopic(t, brokers, catalog.MarketQuarantine) {
		var q struct{ Reason, Raw, Src string }
		if err := json.Unmarshal(rec.Value, &q); err != nil {
			t.Fatalf("%v: %s", err, rec.Value)
		}
		if q.Reason == "" || q.Src != "binance" {
			t.Errorf("quarantine record %s", rec.Value)
		}
		reasons[q.Reason]++
	}
	t.Logf("quarantined: %v", reasons)
	if len(reasons) < 5 {
		t.Errorf("only %v is in quarantine", reasons)
	}
}
