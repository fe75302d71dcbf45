package broker

import (
	"fmt"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"
)

// The tests of this file hold faults of stock mochi away from the product; each was reproduced on mochi itself. They must stand before another version of
// mochi is used.

func TestResumeSendsTheUnacknowledgedAgainInOrder(t *testing.T) {
	t.Parallel()
	const window, total = 20, 200
	b := startBroker(t, func(c *Config) { c.InflightWindow = window })
	for _, v := range []byte{4, 5} {
		id := fmt.Sprint("resume", v)
		topic := fmt.Sprint("status/", id, "/feed")
		d := dialing{id: id, v: v, resume: true, expiry: 600}
		c := dial(t, b.Addrs().TCP, d)
		if c.ack.SessionPresent {
			t.Fatal("a session was present")
		}
		c.subscribe(filter("status/+/feed", 1))
		c.silent()
		for i := range int64(total / 2) {
			put(t, b, topic, ver(1, 0, i), fmt.Sprint(i))
		}
		ids := map[string]uint16{}
		const acked = 30
		for i := range acked + window {
			m := c.until(packets.Publish)
			ids[string(m.Payload)] = m.PacketID
			if i < acked {
				c.puback(m.PacketID)
			}
		}
		c.ping() // the acknowledgements have arrived
		_ = c.Close()
		waitFor(t, "the connection to end", func() bool { return b.Stats().Connections == 0 })
		for i := range int64(total / 2) {
			put(t, b, topic, ver(1, 0, total/2+i), fmt.Sprint(total/2+i))
		}
		d.receiveMaximum = window / 2 // smaller than what is in flight
		c = dial(t, b.Addrs().TCP, d)
		if !c.ack.SessionPresent {
			t.Fatal("no session was present")
		}
		for i := acked; i < total; i++ {
			m := c.message()
			if string(m.Payload) != fmt.Sprint(i) {
				t.Fatalf("MQTT %d: want message %d, got %s", v, i, m.Payload)
			}
			again := i < acked+window
			if m.FixedHeader.Dup != again || again && m.PacketID != ids[fmt.Sprint(i)] {
				t.Fatalf("message %d: DUP %v, id %d, was %d", i, m.FixedHeader.Dup, m.PacketID, ids[fmt.Sprint(i)])
			}
		}
		c.silent()
		put(t, b, topic, ver(2, 0, 0), "") // cleared for the next round
		c.message()
		_ = c.Close()
		waitFor(t, "the connection to end", func() bool { return b.Stats().Connections == 0 })
	}
}

func TestExpiredSessionLeavesNothing(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	const n = 20
	var clients []*client
	for i := range n {
		c := dial(t, b.Addrs().TCP, dialing{id: fmt.Sprint("p", i), resume: true, expiry: 600})
		c.subscribe(filter("candle/1m/BTCUSDT", 1), filter("status/#", 1))
		clients = append(clients, c)
	}
	for _, c := range clients[:n/2] {
		_ = c.Close()
	}
	waitFor(t, "half of the connections to end", func() bool { return b.Stats().Connections == n/2 })
	if s := b.Stats(); s.Sessions != n || s.Subscriptions != 2*n {
		t.Errorf("%d sessions with %d subscriptions, want %d with %d", s.Sessions, s.Subscriptions, n, 2*n)
	}
	for i, c := range clients { // from now on they last a second
		if i < n/2 {
			c = dial(t, b.Addrs().TCP, dialing{id: fmt.Sprint("p", i), resume: true, expiry: 600})
		}
		c.send((*packets.Packet).DisconnectEncode, packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Disconnect},
			Properties: packets.Properties{SessionExpiryInterval: 1, SessionExpiryIntervalFlag: true}})
	}
	waitFor(t, "the sessions to expire", func() bool {
		s := b.Stats()
		return s.Sessions == 0 && s.Subscriptions == 0 && b.mqtt.Clients.Len() == 0 && len(b.mqtt.Topics.Subscribers("candle/1m/BTCUSDT").Subscriptions) == 0
	})
	if len(b.hub.index.wild)+len(b.hub.index.exact) != 0 {
		t.Error("the index still has filters")
	}
}

func TestTakeoverStormLeavesOneLiveConnection(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	var last *client
	for i := range 100 {
		last = dial(t, b.Addrs().TCP, dialing{id: "z", resume: i%3 > 0, expiry: uint32(i%2) * 60})
		last.subscribe(filter("status/#", 1))
	}
	waitFor(t, "one connection to be left", func() bool { return b.Stats().Connections == 1 })
	put(t, b, "status/BTCUSDT/feed", ver(1, 0, 1), "up")
	if m := last.message(); string(m.Payload) != "up" {
		t.Fatalf("got %s", m.Payload)
	}
	if s := b.Stats(); s.Sessions != 1 || s.Subscriptions != 1 {
		t.Errorf("%d sessions, %d subscriptions", s.Sessions, s.Subscriptions)
	}
}

func TestNothingComesBeforeConnackOrSuback(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	stop := make(chan struct{})
	published := make(chan struct{})
	go func() {
		defer close(published)
		for i := int64(0); ; i++ {
			select {
			case <-stop:
				return
			default:
				put(t, b, "candle/1s/BTCUSDT", ver(1, 0, i), "live")
			}
		}
	}()
	for i := range 50 {
		c := dial(t, b.Addrs().TCP, dialing{id: "r", resume: true, expiry: 60}) // fails unless CONNACK is first
		if i%2 == 0 {
			c.unsubscribe("candle/#")
			c.ping()
			c.startSubscribe(filter("candle/#", 0))
			if pk, err := c.next(patience); err != nil || pk.FixedHeader.Type != packets.Suback {
				t.Fatalf("first came type %d, %v", pk.FixedHeader.Type, err)
			}
		}
		c.message()
		_ = c.Close()
	}
	close(stop)
	<-published
}
