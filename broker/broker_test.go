package broker

import (
	"fmt"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/market"
)

func ver(epoch, t, seq int64) market.Version { return market.Version{Epoch: epoch, T: t, Seq: seq} }

func TestSubscriberGetsTheRetainedValueThenLiveUpdates(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	for _, v := range []byte{4, 5} {
		topic := fmt.Sprintf("candle/1m/V%d", v)
		put(t, b, topic, ver(1, 60000, 1), "one")
		c := dial(t, b.Addrs().TCP, dialing{id: fmt.Sprint("c", v), v: v})
		if codes := c.subscribe(filter("candle/1m/+", 1)); codes[0] != 1 {
			t.Fatalf("granted %#x, want QoS 1", codes[0])
		}
		for { // the other version's topic may be there too
			m := c.message()
			if m.TopicName != topic {
				continue
			}
			if string(m.Payload) != "one" || !m.FixedHeader.Retain || m.FixedHeader.Qos != 0 {
				t.Fatalf("got %s retain %v QoS %d", m.Payload, m.FixedHeader.Retain, m.FixedHeader.Qos)
			}
			if want := map[byte]string{4: "", 5: "application/json"}[v]; m.Properties.ContentType != want {
				t.Fatalf("content type %q, want %q", m.Properties.ContentType, want)
			}
			break
		}
		put(t, b, topic, ver(1, 60000, 2), "two")
		if m := c.message(); string(m.Payload) != "two" || m.FixedHeader.Retain {
			t.Fatalf("got %s retain %v", m.Payload, m.FixedHeader.Retain)
		}
		if b.Publish(Message{Topic: topic, Version: ver(1, 60000, 2), Payload: []byte("old")}) {
			t.Fatal("an equal version was taken")
		}
		c.silent()
	}
}

func TestFinalsComeInOrderAtTheGrantedQoS(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	const topic = "candle/1s/BTCUSDT/closed"
	put(t, b, topic, ver(1, 1000, 1), "t1")
	c0 := dial(t, b.Addrs().TCP, dialing{id: "q0"})
	c1 := dial(t, b.Addrs().TCP, dialing{id: "q1", v: 4})
	c0.subscribe(filter("candle/#", 0))
	c1.subscribe(filter("candle/#", 1))
	for i := int64(2); i <= 500; i++ {
		put(t, b, topic, ver(1, 1000*i, i), fmt.Sprint("t", i))
	}
	for qos, c := range []*client{c0, c1} {
		for i := 1; i <= 500; i++ {
			m := c.message()
			if string(m.Payload) != fmt.Sprint("t", i) || int(m.FixedHeader.Qos) != qos {
				t.Fatalf("QoS %d: message %d is %s at QoS %d", qos, i, m.Payload, m.FixedHeader.Qos)
			}
		}
	}
}

var _ = packets.Publish
