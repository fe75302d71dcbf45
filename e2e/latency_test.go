package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
	"github.com/gorilla/websocket"

	"github.com/tickcast/tickcast/e2e/rig"
	tickup "github.com/tickcast/tickcast/up"

	"github.com/tickcast/tickcast/simexchange"
)

// sent is when the simulator was about to send an aggregate trade; seen is when a client had a 1m candle whose last trade is lastID.
type sent struct {
	aggID, lastID int64
	at            time.Time
}

type seen struct {
	lastID int64
	at     time.Time
}

// BenchmarkEventToClient measures from the simulator's send of a trade to the receipt of the first 1m candle that contains it, everything in one process:
// simulator, go-binance, Kafka, compute, bridge, broker and the client that measures. Run one rate per process.
func BenchmarkEventToClient(b *testing.B) {
	for _, rate := range []int{1000, 5000} {
		b.Run(fmt.Sprintf("%d-trades-per-second", rate), func(b *testing.B) {
			for b.Loop() {
				eventToClient(b, rate, 20*time.Second)
			}
		})
	}
}

func eventToClient(b *testing.B, rate int, length time.Duration) {
	const contracts, warmUp, patience = 10, 5 * time.Second, 2 * time.Minute
	cfg := benchConfig(b, contracts, float64(rate)/contracts, "")
	var mu sync.Mutex
	trades, candles := map[string][]sent{}, map[string][]seen{}
	newest := map[string]int64{} // event time of each contract's newest candle, ms
	cfg.Simulator.OnSend = func(symbol string, aggID int64, at time.Time) {
		mu.Lock()
		trades[symbol] = append(trades[symbol], sent{aggID: aggID, at: at})
		mu.Unlock()
	}
	u := benchUp(b, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cm := benchClient(b, ctx, u.Addrs().MQTT, func(m *paho.Publish, now time.Time) {
		symbol := m.Topic[len("candle/1m/"):]
		if id := number(m.Payload, `"L":`); id > 0 {
			mu.Lock()
			candles[symbol] = append(candles[symbol], seen{id, now})
			newest[symbol] = number(m.Payload, `"ts":`)
			mu.Unlock()
		}
	}, "candle/1m/+")
	// The log's first minute is fetched over REST, within the exchange's limits: it is over when every contract's newest candle is of now.
	for begun := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		mu.Lock()
		n := 0
		for _, at := range newest {
			if time.Since(time.UnixMilli(at)) < time.Second {
				n++
			}
		}
		mu.Unlock()
		if n == contracts {
			break
		}
		if time.Since(begun) > patience {
			b.Fatalf("%d of %d contracts are live after %s", n, contracts, patience)
		}
	}
	frames := plainClient(b, ctx, u.Addrs().Simulator, "C0USDT")
	time.Sleep(warmUp)
	from := time.Now()
	time.Sleep(length)
	to := time.Now()
	time.Sleep(2 * time.Second) // what is on its way arrives
	_ = cm.Disconnect(ctx)
	tool := frames()
	mu.Lock()
	defer mu.Unlock()
	var ms, toolMs []float64
	lost := 0
	for symbol, ts := range trades {
		ts = within(ts, from, to)
		if symbol == "C0USDT" {
			for _, t := range ts {
				if at, ok := tool[t.aggID]; ok {
					toolMs = append(toolMs, float64(at.Sub(t.at).Microseconds())/1000)
				}
			}
		}
		lastIDs(b, u.Addrs().Simulator, symbol, ts)
		cs, next := candles[symbol], 0
		for _, t := range ts {
			for next < len(cs) && cs[next].lastID < t.lastID {
				next++
			}
			if next == len(cs) {
				lost++
				continue
			}
			ms = append(ms, float64(cs[next].at.Sub(t.at).Microseconds())/1000)
		}
	}
	if len(ms) == 0 || len(toolMs) == 0 {
		b.Fatal("no trade arrived")
	}
	slices.Sort(ms)
	slices.Sort(toolMs)
	at := func(q float64) float64 { return ms[int(q*float64(len(ms)-1))] }
	b.ReportMetric(toolMs[len(toolMs)/2], "tool-p50-ms") // part of the others: from the simulator's send to a plain WebSocket client
	b.ReportMetric(toolMs[int(0.99*float64(len(toolMs)-1))], "tool-p99-ms")
	b.ReportMetric(float64(len(ms)+lost)/length.Seconds(), "trades/s")
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.99), "p99-ms")
	b.ReportMetric(at(0.999), "p99.9-ms")
	b.ReportMetric(float64(lost), "lost")
	b.ReportMetric(0, "ns/op")
}

// benchConfig is `tickcast up` with so many contracts C0USDT, C1USDT, … of the simulator; books is a list of resolutions, or empty.
func benchConfig(b *testing.B, contracts int, rate float64, books string) tickup.Config {
	b.Helper()
	cfg := tickup.DefaultConfig()
	cfg.DataDir, cfg.HTTP.Listen, cfg.Kafka.Listen, cfg.Broker.TCP, cfg.Broker.WebSocket = b.TempDir(), "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg.Broker.Admin.Listen = ""
	var yaml strings.Builder
	yaml.WriteString("contracts:\n")
	cfg.Simulator.Symbols = nil
	for i := range contracts {
		s := fmt.Sprintf("C%dUSDT", i)
		cfg.Simulator.Symbols = append(cfg.Simulator.Symbols, simexchange.Symbol{Symbol: s, Base: fmt.Sprintf("C%d", i), Quote: "USDT", Tick: "0.01", Step: "0.0001", Price: "1000.00"})
		fmt.Fprintf(&yaml, "  - {id: %s, source: {venue: binance, symbol: %s}, base: C%d, quote: USDT, tick: \"0.01\", step: \"0.0001\"%s}\n", s, s, i, books)
	}
	cfg.Contracts = rig.WriteFile(b, "contracts.yaml", yaml.String())
	cfg.Simulator.Market.Rate, cfg.Simulator.Market.Even, cfg.Simulator.Market.Backlog = rate, true, time.Minute
	return cfg
}

// benchUp runs it in this process until the benchmark ends.
func benchUp(b *testing.B, cfg tickup.Config) *tickup.Up {
	b.Helper()
	u, err := tickup.New(cfg, "bench", slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- u.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	<-u.Ready()
	return u
}

// benchClient gives every message to receive, with the time of its arrival.
func benchClient(b *testing.B, ctx context.Context, addr string, receive func(*paho.Publish, time.Time), filters ...string) *autopaho.ConnectionManager {
	b.Helper()
	var subs []paho.SubscribeOptions
	for _, f := range filters {
		subs = append(subs, paho.SubscribeOptions{Topic: f})
	}
	server, _ := url.Parse("mqtt://" + addr) // an address that was bound
	cm, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{ServerUrls: []*url.URL{server}, KeepAlive: 30, CleanStartOnInitialConnection: true,
		OnConnectionUp: func(cm *autopaho.ConnectionManager, _ *paho.Connack) {
			if _, err := cm.Subscribe(ctx, &paho.Subscribe{Subscriptions: subs}); err != nil {
				b.Error(err)
			}
		},
		ClientConfig: paho.ClientConfig{ClientID: "bench", OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			receive(p.Packet, time.Now())
			return true, nil
		}}},
	})
	if err != nil {
		b.Fatal(err)
	}
	return cm
}

func within(ts []sent, from, to time.Time) []sent {
	ts = slices.DeleteFunc(ts, func(t sent) bool { return t.at.Before(from) || t.at.After(to) })
	return slices.CompactFunc(ts, func(a, b sent) bool { return a.aggID == b.aggID })
}

// plainClient reads a symbol's aggregate trades as frames, from the simulator alone; what it returns ends it and says when each id arrived.
func plainClient(b *testing.B, ctx context.Context, base, symbol string) func() map[int64]time.Time {
	b.Helper()
	conn, res, err := websocket.DefaultDialer.DialContext(ctx, "ws"+strings.TrimPrefix(base, "http")+"/ws/"+strings.ToLower(symbol)+"@aggTrade", nil)
	if err != nil {
		b.Fatal(err)
	}
	res.Body.Close()
	arrived, done := map[int64]time.Time{}, make(chan struct{})
	go func() {
		defer close(done)
		for {
			_, frame, err := conn.ReadMessage()
			if err != nil {
				return
			}
			now := time.Now()
			arrived[number(frame, `"a":`)] = now
		}
	}()
	return func() map[int64]time.Time {
		conn.Close()
		<-done
		return arrived
	}
}

// number finds a candle's number; 0 if it is not there.
func number(payload []byte, key string) int64 {
	_, rest, found := bytes.Cut(payload, []byte(key))
	n := bytes.IndexByte(rest, ',')
	if !found || n < 0 {
		return 0
	}
	v, err := strconv.ParseInt(string(rest[:n]), 10, 64)
	if err != nil {
		return 0
	}
	return v
}

// lastIDs asks the simulator for the last single trade of each aggregate.
func lastIDs(b *testing.B, base, symbol string, ts []sent) {
	b.Helper()
	for i := 0; i < len(ts); {
		res, err := http.Get(fmt.Sprintf("%s/api/v3/aggTrades?symbol=%s&fromId=%d&limit=1000", base, symbol, ts[i].aggID))
		if err != nil {
			b.Fatal(err)
		}
		var rows []struct {
			A     int64 `json:"a"`
			L     int64 `json:"l"`
			M     bool  `json:"m"`
			Match bool  `json:"M"`
		}
		err = json.NewDecoder(res.Body).Decode(&rows)
		res.Body.Close()
		if err != nil || len(rows) == 0 {
			b.Fatalf("aggTrades of %s from %d: %d rows, %v", symbol, ts[i].aggID, len(rows), err)
		}
		for _, r := range rows {
			if i < len(ts) && ts[i].aggID == r.A {
				ts[i].lastID = r.L
				i++
			}
		}
	}
}
