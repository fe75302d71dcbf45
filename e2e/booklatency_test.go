package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
)

// depthFrame is when the simulator was about to send a frame of changes that ends with an update.
type depthFrame struct {
	update int64
	at     time.Time
}

// BenchmarkBookEventToClient measures from the simulator's send of a depth frame to a client's receipt of the first message that contains it, of bbo and of the
// order book at the tick: everything in one process. A frame that changes neither the top nor the shown levels, or falls into a 100 ms slot that was written
// already, has no message of its own; those are counted as merged, and not as late.
func BenchmarkBookEventToClient(b *testing.B) {
	const contracts, rate, length = 10, 100, 30 * time.Second // trades a second and contract; frames come ten times a second
	for b.Loop() {
		bookEventToClient(b, contracts, rate, length)
	}
}

func bookEventToClient(b *testing.B, contracts int, rate float64, length time.Duration) {
	const warmUp = 5 * time.Second
	cfg := benchConfig(b, contracts, rate, `, books: ["0.01", "1"], depth: 50`)
	var mu sync.Mutex
	frames, messages := map[string][]depthFrame{}, map[string][]depthFrame{} // by symbol, by topic
	newest := map[string]int64{}                                             // event time of each topic's newest message, ms
	cfg.Simulator.OnDepth = func(symbol string, lastID int64, at time.Time) {
		mu.Lock()
		frames[symbol] = append(frames[symbol], depthFrame{lastID, at})
		mu.Unlock()
	}
	u := benchUp(b, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cm := benchClient(b, ctx, u.Addrs().MQTT, func(m *paho.Publish, now time.Time) {
		var v struct {
			Update  int64 `json:"u"`
			EventMs int64 `json:"ts"`
		}
		if err := json.Unmarshal(m.Payload, &v); err != nil {
			b.Errorf("%s: %v: %s", m.Topic, err, m.Payload)
		}
		mu.Lock()
		messages[m.Topic] = append(messages[m.Topic], depthFrame{v.Update, now})
		newest[m.Topic] = v.EventMs
		mu.Unlock()
	}, "bbo/+", "orderbook/0.01/+")
	live := func() (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, at := range newest {
			if time.Since(time.UnixMilli(at)) < time.Second {
				n++
			}
		}
		return n
	}
	for begun := time.Now(); live() < 2*contracts; time.Sleep(100 * time.Millisecond) { // snapshots come over REST, within the exchange's limits
		if time.Since(begun) > 2*time.Minute {
			b.Fatalf("%d of %d topics are live", live(), 2*contracts)
		}
	}
	time.Sleep(warmUp)
	from := time.Now()
	time.Sleep(length)
	to := time.Now()
	time.Sleep(2 * time.Second) // what is on its way arrives
	_ = cm.Disconnect(ctx)
	mu.Lock()
	defer mu.Unlock()
	for _, kind := range []string{"bbo/", "orderbook/0.01/"} {
		var ms []float64
		merged, lost := 0, 0
		for symbol, fs := range frames {
			got, next := messages[kind+symbol], 0
			for _, f := range fs {
				if f.at.Before(from) || f.at.After(to) {
					continue
				}
				for next < len(got) && got[next].update < f.update {
					next++
				}
				switch {
				case next == len(got):
					lost++
				case got[next].update > f.update:
					merged++
				default:
					ms = append(ms, float64(got[next].at.Sub(f.at).Microseconds())/1000)
				}
			}
		}
		if len(ms) == 0 {
			b.Fatalf("%s: no frame arrived", kind)
		}
		slices.Sort(ms)
		name := strings.TrimSuffix(strings.TrimSuffix(kind, "/"), "/0.01")
		for _, q := range []struct {
			name string
			of   float64
		}{{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}} {
			b.ReportMetric(ms[int(q.of*float64(len(ms)-1))], fmt.Sprintf("%s-%s-ms", name, q.name))
		}
		b.ReportMetric(float64(len(ms))/length.Seconds(), name+"-frames/s")
		b.ReportMetric(float64(merged)/length.Seconds(), name+"-merged/s")
		b.ReportMetric(float64(lost), name+"-lost")
	}
	b.ReportMetric(0, "ns/op")
}
