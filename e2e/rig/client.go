package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
)

// Message is what a client received.
type Message struct {
	Topic    string
	Retained bool
	Cleared  bool // an empty payload: the topic's value is gone
	At       time.Time
	Raw      []byte
	Candle
}

// Candle has the fields of candles and statuses that tests look at.
type Candle struct {
	Contract string `json:"s"`
	Epoch    int64  `json:"epoch"`
	Seq      int64  `json:"seq"`
	Sim      bool   `json:"sim"`
	Quality  string `json:"q"`
	Period   string `json:"i"`
	OpenMs   int64  `json:"t"`
	CloseMs  int64  `json:"T"` // also because encoding/json would take T for t
	LastID   int64  `json:"L"`
	Open     string `json:"o"`
	High     string `json:"h"`
	Low      string `json:"l"`
	Close    string `json:"c"`
	Volume   string `json:"v"`
	Quote    string `json:"qv"`
	Count    int64  `json:"n"`
	Buy      string `json:"bv"`
	BuyQuote string `json:"bqv"`
	Closed   bool   `json:"x"`
	Revision int    `json:"rev"`
	Fill     bool   `json:"fill"`
	Kind     string `json:"kind"`
	State    string `json:"state"`
}

// Client is a paho.golang client that keeps all it receives.
type Client struct {
	T    testing.TB
	mu   sync.Mutex
	all  []Message
	news chan struct{}
}

var subscribers atomic.Int64 // two clients of one name would take the session from each other

// Subscribe connects a client; it is disconnected when the test ends.
func Subscribe(t testing.TB, server string, filters ...string) *Client {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{T: t, news: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	subscribed := make(chan error, 1)
	cm, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls: []*url.URL{u}, KeepAlive: 30, CleanStartOnInitialConnection: true,
		ReconnectBackoff: func(int) time.Duration { return 50 * time.Millisecond },
		OnConnectionUp: func(cm *autopaho.ConnectionManager, _ *paho.Connack) {
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
		ClientConfig: paho.ClientConfig{ClientID: fmt.Sprintf("e2e-%s-%d", t.Name(), subscribers.Add(1)), OnPublishReceived: []func(paho.PublishReceived) (bool, error){c.receive}},
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
		t.Fatalf("subscribe to %v at %s: %v", filters, server, err)
	}
	return c
}

func (c *Client) receive(p paho.PublishReceived) (bool, error) {
	m := Message{Topic: p.Packet.Topic, Retained: p.Packet.Retain, At: time.Now(), Raw: p.Packet.Payload}
	var err error
	if len(m.Raw) == 0 {
		m.Cleared = true
	} else if strings.HasPrefix(m.Topic, "candle/") || strings.HasPrefix(m.Topic, "status/") {
		err = json.Unmarshal(p.Packet.Payload, &m.Candle)
	} else { // other products have other meanings of the same letters
		var v struct{ Epoch, Seq int64 }
		err = json.Unmarshal(m.Raw, &v)
		m.Epoch, m.Seq = v.Epoch, v.Seq
	}
	if err != nil {
		c.T.Errorf("payload on %s: %v: %s", m.Topic, err, m.Raw)
	}
	c.mu.Lock()
	c.all = append(c.all, m)
	c.mu.Unlock()
	select {
	case c.news <- struct{}{}:
	default:
	}
	return true, nil
}

// Received is all that came so far.
func (c *Client) Received() []Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Message(nil), c.all...)
}

// Wait returns the first message that pred takes, among those received and those to come.
func (c *Client) Wait(what string, limit time.Duration, pred func(Message) bool) Message {
	c.T.Helper()
	deadline := time.After(limit)
	seen := 0
	for {
		all := c.Received()
		for ; seen < len(all); seen++ {
			if pred(all[seen]) {
				return all[seen]
			}
		}
		select {
		case <-c.news:
		case <-deadline:
			c.T.Fatalf("%s did not come within %s; %d messages did", what, limit, seen)
		}
	}
}

// NoStepBack fails if the version of a topic went back (per open time on closed topics).
func (c *Client) NoStepBack() {
	c.T.Helper()
	last := map[string]Message{}
	for _, m := range c.Received() {
		key := m.Topic
		if strings.HasSuffix(key, "/closed") {
			key += fmt.Sprint(m.OpenMs)
		}
		if l, ok := last[key]; ok {
			older := m.Epoch < l.Epoch || m.Epoch == l.Epoch && (m.OpenMs < l.OpenMs || m.OpenMs == l.OpenMs && m.Seq < l.Seq) // QoS 1 may deliver twice
			if older {
				c.T.Errorf("%s: version (%d, %d, %d) after (%d, %d, %d)", m.Topic, m.Epoch, m.OpenMs, m.Seq, l.Epoch, l.OpenMs, l.Seq)
			}
		}
		last[key] = m
	}
}
