package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"

	"github.com/tickcast/tickcast/market"
)

var filters = []string{"candle/1s/+", "candle/1m/+", "candle/1s/+/closed", "candle/1m/+/closed", "ticker/+", "bbo/+", "orderbook/+/+", "trade/+", "status/#"}

// beat is the topic whose news come each second, trades or not: pauses are measured on it.
const beat = "candle/1s/"

// client is an MQTT 5 client that subscribes again when its connection is lost, and judges all that it gets.
type client struct {
	name string

	mu          sync.Mutex
	connections int
	topics      map[string]*topic
	faults      []string
	messages    int
	news        map[string]time.Time     // when each contract's beat last had a newer version
	pause       map[string]time.Duration // the longest time between two of them since measure
}

// topic is what a client has seen of one.
type topic struct {
	newest market.Version
	closed map[int64]market.Version // by open time, on topics of closed candles
	on     int                      // the connection on which the last message came
	holes  int                      // closed candles that are missing between two that came
}

func connect(t *testing.T, name, server string) *client {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{name: name, topics: map[string]*topic{}, news: map[string]time.Time{}, pause: map[string]time.Duration{}}
	ctx, cancel := context.WithCancel(context.Background())
	subscribed := make(chan error, 1)
	cm, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls: []*url.URL{u}, KeepAlive: 5, CleanStartOnInitialConnection: true, ConnectTimeout: 5 * time.Second,
		ReconnectBackoff: func(int) time.Duration { return 100 * time.Millisecond },
		OnConnectionUp: func(cm *autopaho.ConnectionManager, _ *paho.Connack) {
			c.mu.Lock()
			c.connections++
			c.mu.Unlock()
			s := &paho.Subscribe{}
			for _, f := range filters {
				s.Subscriptions = append(s.Subscriptions, paho.SubscribeOptions{Topic: f, QoS: 1})
			}
			_, err := cm.Subscribe(ctx, s)
			select {
			case subscribed <- err:
			default:
			}
		},
		ClientConfig: paho.ClientConfig{ClientID: "chaos-" + name, OnPublishReceived: []func(paho.PublishReceived) (bool, error){c.receive}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); <-cm.Done() })
	select {
	case err = <-subscribed:
	case <-time.After(30 * time.Second):
		err = context.DeadlineExceeded
	}
	if err != nil {
		t.Fatalf("client %s at %s: %v", name, server, err)
	}
	return c
}

// versionOf reads the version that a message has.
func versionOf(topic string, payload []byte) (market.Version, error) {
	var m struct {
		Epoch int64           `json:"epoch"`
		Seq   int64           `json:"seq"`
		Open  json.RawMessage `json:"t"`
		Close json.RawMessage `json:"T"` // encoding/json would take it for t
	}
	if err := json.Unmarshal(payload, &m); err != nil {
		return market.Version{}, err
	}
	v := market.Version{Epoch: m.Epoch, Seq: m.Seq}
	if strings.HasPrefix(topic, "candle/") {
		return v, json.Unmarshal(m.Open, &v.T)
	}
	return v, nil
}

func (c *client) receive(p paho.PublishReceived) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages++
	if c.connections == 0 {
		return true, nil
	}
	name := p.Packet.Topic
	v, err := versionOf(name, p.Packet.Payload)
	if err != nil {
		c.fault("%s: %v: %.200s", name, err, p.Packet.Payload)
		return true, nil
	}
	tp := c.topics[name]
	if tp == nil {
		tp = &topic{closed: map[int64]market.Version{}}
		c.topics[name] = tp
	}
	first := tp.on != c.connections // of this topic on this connection
	tp.on = c.connections
	if strings.HasSuffix(name, "/closed") {
		c.candle(name, tp, v, first, p.Packet.Retain)
		return true, nil
	}
	if first && strings.HasPrefix(name, "status/") && strings.HasSuffix(name, "/clock") { // the word of one edge's life: docs/client-guide.md has clients forget it when they connect
		tp.newest = market.Version{}
	}
	known := tp.newest != market.Version{}
	switch order := v.Compare(tp.newest); {
	case known && order < 0:
		c.fault("%s went back from %v to %v (connection %d, the topic's first on it: %t)", name, tp.newest, v, c.connections, first)
	case known && order == 0 && strings.HasPrefix(name, "trade/"):
		c.fault("%s: %v came twice", name, v)
	case order > 0 && strings.HasPrefix(name, beat):
		c.moved(strings.TrimPrefix(name, beat))
	}
	tp.newest = v
	return true, nil
}

// candle judges a closed candle: never twice but for the retained one of a new connection, which is not older than what was seen.
func (c *client) candle(name string, tp *topic, v market.Version, first, retained bool) {
	was, known := tp.closed[v.T]
	again := first && retained
	switch {
	case known && v.Less(was):
		c.fault("%s: candle %d went back from %v to %v", name, v.T, was, v)
	case known && v == was && !again:
		c.fault("%s: %v came twice (connection %d)", name, v, c.connections)
	case again && v.T < tp.newest.T:
		c.fault("%s: the retained candle of connection %d is of %d, older than %d", name, c.connections, v.T, tp.newest.T)
	}
	if period := map[bool]int64{true: market.SecondMs, false: market.MinuteMs}[strings.HasPrefix(name, "candle/1s/")]; !first && tp.newest.T > 0 && v.T > tp.newest.T+period {
		tp.holes += int((v.T-tp.newest.T)/period) - 1
	}
	tp.closed[v.T] = v
	delete(tp.closed, v.T-1000*market.MinuteMs)
	if v.T >= tp.newest.T {
		tp.newest = v
	}
}

func (c *client) fault(format string, args ...any) {
	if len(c.faults) < 20 {
		c.faults = append(c.faults, time.Now().UTC().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
}

func (c *client) moved(contract string) {
	now := time.Now()
	if was, ok := c.news[contract]; ok {
		c.pause[contract] = max(c.pause[contract], now.Sub(was))
	}
	c.news[contract] = now
}

// measure begins a measurement of pauses and holes.
func (c *client) measure() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.pause)
	for _, tp := range c.topics {
		tp.holes = 0
	}
}

// measured is the longest pause of any contract, and the number of closed candles that did not come, since measure.
func (c *client) measured() (pause time.Duration, holes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.pause {
		pause = max(pause, d)
	}
	for _, tp := range c.topics {
		holes += tp.holes
	}
	return pause, holes
}

// movedSince says which contract's beat has not come since a time.
func (c *client) movedSince(at time.Time, contracts int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.news) < contracts {
		return fmt.Errorf("client %s has the beat of %v only", c.name, slices.Sorted(maps.Keys(c.news)))
	}
	for contract, last := range c.news {
		if last.Before(at) {
			return fmt.Errorf("client %s has had no beat of %s since %s", c.name, contract, last.UTC().Format("15:04:05"))
		}
	}
	return nil
}

// behind says which topic the client does not have in the version that is wanted.
func (c *client) behind(want map[string]market.Version) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, v := range want {
		if tp := c.topics[name]; tp == nil || tp.newest.Less(v) {
			return fmt.Errorf("it has not %v of %s", v, name)
		}
	}
	return nil
}

// report fails the test for each fault.
func (c *client) report(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.faults {
		t.Errorf("client %s: %s", c.name, f)
	}
	t.Logf("client %s: %d messages on %d topics over %d connections", c.name, c.messages, len(c.topics), c.connections)
}
