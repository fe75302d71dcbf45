package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/e2e/recorded"
	"github.com/tickcast/tickcast/e2e/rig"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// recording is a configuration that plays the recorded trades, at their own times, thirty times as fast.
func recording(t *testing.T, more string) string {
	t.Helper()
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
`, contracts, rig.File(t, recorded.Trades), rig.File(t, recorded.Klines), more)
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
			cl.Wait("the last whole minute", 90*time.Second, func(m message) bool { return m.Closed && m.Period == "1m" && m.OpenMs == recorded.LastWholeMs })
			recorded.CheckCandles(t, cl.Client, "BTCUSDT")
			cl.NoStepBack()
			checkLog(t, a.kafka)
			if c.name == "bad frames" {
				checkQuarantine(t, a.kafka)
			}
		})
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
	want := recorded.IDs(t)
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
