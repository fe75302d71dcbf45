package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/catalog"
)

func TestRationAllowsNoMoreThanItsRate(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	r := &ration{messagesPerSecond: 10, bytesPerSecond: 1000, messages: 10, bytes: 1000, at: now}
	var messages, bytes, waited int
	for now.Before(time.Unix(10, 0)) {
		m, b, wait := r.allow(now, 1<<20)
		if wait > 0 {
			if wait > 2*time.Second {
				t.Fatalf("waits %v", wait)
			}
			waited++
			now = now.Add(wait)
			continue
		}
		if m == 0 || b == 0 {
			t.Fatalf("allows %d messages, %d bytes, but nothing to wait for", m, b)
		}
		messages++
		bytes += 150
		r.spend(1, 150)
	}
	if messages < 65 || messages > 75 || waited < 30 { // 1000 + 10 * 1000 bytes, 150 each
		t.Errorf("%d messages, %d bytes in 10 s, %d waits", messages, bytes, waited)
	}
}

func TestAClientOfLimitedRateGetsTheLatestOfAllTopics(t *testing.T) {
	t.Parallel()
	const perSecond, topics = 50, 10
	b := startBroker(t, func(c *Config) { c.ClientMessages = perSecond; c.EventMessages = 1 << 20 })
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	c.subscribe(filter("candle/#", 0), filter("trade/#", 0))
	start := time.Now()
	for i := int64(1); i <= 1000; i++ {
		put(t, b, fmt.Sprint("candle/1m/S", i%topics), ver(1, 0, i), fmt.Sprint(i))
		if i%10 == 0 {
			put(t, b, "trade/T", ver(1, 0, i), fmt.Sprint(i))
		}
	}
	got, events, latest := 0, 0, 0
	for events < 100 || latest < topics {
		m := c.message()
		got++
		if m.TopicName == "trade/T" {
			events++
		} else {
			var i int
			if _, err := fmt.Sscan(string(m.Payload), &i); err == nil && i > 1000-topics {
				latest++
			}
		}
	}
	if least := time.Duration(got-perSecond-1) * time.Second / perSecond; time.Since(start) < least {
		t.Errorf("%d messages in %v, less than %v", got, time.Since(start), least)
	}
	if b.Stats().Conflated == 0 {
		t.Error("nothing conflated")
	}
}

func subscribeAtRate(c *client, rate string, subs ...packets.Subscription) []byte {
	pk := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Subscribe, Qos: 1}, PacketID: 7, Filters: subs}
	pk.Properties.User = []packets.UserProperty{{Key: "rate", Val: rate}}
	c.send((*packets.Packet).SubscribeEncode, pk)
	reply := c.until(packets.Suback)
	return reply.ReasonCodes
}

func TestSubscriptionMayAskForFewerUpdates(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	put(t, b, "candle/1m/A", ver(1, 0, 1), "1")
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	for _, bad := range []string{"", "fast", "0", "-1", "1001", "NaN"} {
		if codes := subscribeAtRate(c, bad, filter("candle/#", 0)); codes[0] != packets.ErrImplementationSpecificError.Code {
			t.Errorf("rate %q: %#x", bad, codes[0])
		}
	}
	subscribeAtRate(c, "5", filter("candle/#", 1))
	if m := c.message(); string(m.Payload) != "1" || !m.FixedHeader.Retain {
		t.Errorf("got %s RETAIN %v", m.Payload, m.FixedHeader.Retain)
	}
	start := time.Now()
	const updates = 300
	for i := int64(2); i <= updates; i++ {
		put(t, b, "candle/1m/A", ver(1, 0, i), fmt.Sprint(i))
		put(t, b, "candle/1m/A/closed", ver(1, i, 1), fmt.Sprint(i))
		time.Sleep(2 * time.Millisecond)
	}
	states, finals, last := 0, 0, ""
	for finals < updates-1 || last != fmt.Sprint(updates) {
		if m := c.message(); m.TopicName == "candle/1m/A" {
			states, last = states+1, string(m.Payload)
		} else {
			finals++
		}
	}
	if most := 2 + int(time.Since(start)/(200*time.Millisecond)); states > most || states < 2 {
		t.Errorf("%d updates in %v, want at most %d", states, time.Since(start), most)
	}
	c.unsubscribe("candle/#")
	put(t, b, "candle/1m/A", ver(2, 0, 1), "gone")
	time.Sleep(300 * time.Millisecond)
	c.silent()
}

func TestPacerAgainstAModel(t *testing.T) {
	t.Parallel()
	var p pacer
	a, z := &topic{id: 1, class: catalog.State}, &topic{id: 200, class: catalog.State}
	base := uint32(1<<32 - 500) // the clock wraps around
	for _, step := range []struct {
		t           *topic
		at          uint32
		wait, again bool
	}{{a, 0, false, false}, {a, 10, true, false}, {a, 20, true, true}, {z, 30, false, false}, {z, 40, true, false}} {
		if wait, again := p.hold(step.t, 1000, base+step.at); wait != step.wait || again != step.again {
			t.Errorf("at %d: wait %v, again %v", step.at, wait, again)
		}
	}
	for at, want := range map[uint32]int{999: 0} {
		if ts := p.release(base + at); len(ts) != want {
			t.Errorf("at %d: %d released", at, len(ts))
		}
	}
	if ts := p.release(base + 1000); len(ts) != 1 || ts[0] != a {
		t.Errorf("released %v", ts)
	}
	if ts := p.release(base + 2000); len(ts) != 1 || ts[0] != z {
		t.Errorf("released %v", ts)
	}
	if wait, _ := p.hold(a, 1000, base+1001); wait {
		t.Error("still waits")
	}
}
