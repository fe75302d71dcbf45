//go:build linux

package stackbench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// seen is a record or message that holds all trades up to a sequence number.
type seen struct {
	seq        int64
	atNs       int64 // when it was read; wall clock
	computedMs int64 // a candle's tsc
}

// watch notes what it is shown, by contract.
type watch struct {
	index map[string]int // of contracts
	mu    sync.Mutex
	seen  [][]seen
}

func newWatch(logs []*contractLog) *watch {
	w := &watch{index: map[string]int{}, seen: make([][]seen, len(logs))}
	for i, l := range logs {
		w.index[l.id] = i
	}
	return w
}

func (w *watch) note(contract []byte, s seen) {
	if i, ok := w.index[string(contract)]; ok {
		w.mu.Lock()
		w.seen[i] = append(w.seen[i], s)
		w.mu.Unlock()
	}
}

// take returns what was noted since it was last called.
func (w *watch) take() [][]seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.seen
	w.seen = make([][]seen, len(s))
	return s
}

// holds says whether the last of these trades have been seen.
func (w *watch) holds(trades [][]meant) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, ts := range trades {
		if len(ts) > 0 && (len(w.seen[i]) == 0 || w.seen[i][len(w.seen[i])-1].seq < ts[len(ts)-1].seq) {
			return false
		}
	}
	return true
}

// follow reads a topic, from its start or its end, until ctx ends. It has begun when it returns; what went wrong afterwards, wait says.
func follow(ctx context.Context, brokers, topic string, start bool, take func(*kafka.Record, time.Time)) (wait func() error, err error) {
	r, err := kafka.NewReader(kafka.Config{Brokers: brokers}, kafka.ReaderOptions{Name: "bench-" + topic}, slog.Default())
	if err != nil {
		return nil, err
	}
	ranges, err := r.Ranges(topic)
	if err == nil {
		ps := make([]kafka.Position, len(ranges))
		for i, rg := range ranges {
			ps[i] = kafka.Position{Topic: topic, Partition: int32(i), Offset: rg.High}
			if start {
				ps[i].Offset = rg.Low
			}
		}
		err = r.Assign(ps)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	done := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			rec, err := r.Poll(100 * time.Millisecond)
			if err != nil {
				done <- errors.Join(err, r.Close())
				return
			}
			if rec != nil {
				take(rec, time.Now())
			}
		}
		done <- r.Close()
	}()
	return func() error { return <-done }, nil
}

// tradeIn notes a trade of market.trades.
func (w *watch) tradeIn(rec *kafka.Record, now time.Time) {
	if string(rec.Header(catalog.KindName)) != market.KindTrade.String() {
		return
	}
	if v, err := market.ParseVersion(rec.Header(catalog.VersionName)); err == nil {
		w.note(rec.Key, seen{seq: v.Seq, atNs: now.UnixNano()})
	}
}

var minutes = market.Period1m.String()

// candleIn notes a candle of push.candles; those of a minute, which come with every trade.
func (w *watch) candleIn(rec *kafka.Record, now time.Time) {
	contract, period, found := bytes.Cut(rec.Key, []byte{'/'})
	if !found || string(period) != minutes {
		return
	}
	if v, err := market.ParseVersion(rec.Header(catalog.VersionName)); err == nil {
		w.note(contract, seen{v.Seq, now.UnixNano(), number(rec.Value, `"tsc":`)})
	}
}

// candlesOverMQTT subscribes to the candles of a minute and notes them until ctx ends. It has subscribed when it returns.
func (w *watch) candlesOverMQTT(ctx context.Context, address string) error {
	filter := "candle/" + minutes + "/"
	subscribed := make(chan error, 1)
	_, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{ServerUrls: []*url.URL{{Scheme: "mqtt", Host: address}}, KeepAlive: 30, CleanStartOnInitialConnection: true,
		OnConnectionUp: func(cm *autopaho.ConnectionManager, _ *paho.Connack) {
			_, err := cm.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter + "+"}}})
			select {
			case subscribed <- err:
			default: // connected again
			}
		},
		ClientConfig: paho.ClientConfig{ClientID: "bench", OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			now := time.Now().UnixNano()
			w.note([]byte(p.Packet.Topic[len(filter):]), seen{seq: number(p.Packet.Payload, `"seq":`), atNs: now})
			return true, nil
		}}},
	})
	if err != nil {
		return fmt.Errorf("connect to the edge %s: %w", address, err)
	}
	select {
	case err = <-subscribed:
	case <-time.After(20 * time.Second):
		err = errors.New("no answer within 20 s")
	}
	if err != nil {
		return fmt.Errorf("subscribe at the edge %s: %w", address, err)
	}
	return nil
}

// number finds a number in a message by its key and quotes; 0 if it is not there.
func number(payload []byte, key string) int64 {
	_, rest, found := bytes.Cut(payload, []byte(key))
	n := bytes.IndexAny(rest, ",}")
	if !found || n < 0 {
		return 0
	}
	v, err := strconv.ParseInt(string(rest[:n]), 10, 64)
	if err != nil {
		return 0
	}
	return v
}
