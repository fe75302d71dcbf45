package broker

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/market"
)

// clockReport is what a bridge whose contract's clock moves says.
func clockReport(atMs, n int64) (market.Version, string) {
	s := market.Status{Scope: "A", Kind: "clock", Source: "binance", Simulated: true, AtMs: atMs, Counter: n, State: market.ClockLive, SinceMs: atMs, Missing: -1}
	return s.Version(), string(s.AppendJSON(nil))
}

// theClock sees what an edge sends of one contract's clock.
type theClock struct {
	*client
	held market.Version
}

// says reads the next report, which must be newer than the last, and returns its state.
func (c *theClock) says() string {
	c.tb.Helper()
	m := c.message()
	var r struct {
		Src                   string
		Sim                   bool
		Epoch, Seq, TS, Since int64
		Q, State, Reason      string
	}
	if err := json.Unmarshal(m.Payload, &r); err != nil || !strings.HasPrefix(m.TopicName, "status/") {
		c.tb.Fatalf("%s %s: %v", m.TopicName, m.Payload, err)
	}
	if v := ver(r.Epoch, 0, r.Seq); !c.held.Less(v) {
		c.tb.Errorf("%v after %v", v, c.held)
	} else {
		c.held = v
	}
	if r.Src != "binance" || !r.Sim || (r.State == "stale") != (r.Q == "stale") || r.Since > time.Now().Add(time.Hour).UnixMilli() || r.TS < r.Epoch {
		c.tb.Errorf("%s", m.Payload)
	}
	return r.State
}

func TestEdgeSaysThatAClockHasStoppedWhereTheBridgeDoesNot(t *testing.T) {
	t.Parallel()
	for _, beat := range []string{"candle/1s/A", "candle/ticker/A"} {
		b := startBroker(t, nil)
		l := newLife(b.hub, testContractOf, always)
		begun := time.Now()
		v, live := clockReport(begun.UnixMilli(), 7)
		put(t, b, "status/A/clock", v, live)
		put(t, b, "candle/1m/A", ver(1, 0, 1), "unchanged")
		put(t, b, beat, ver(1, 0, 1), "1")
		other := dial(t, b.Addrs().TCP, dialing{id: "other"})
		other.subscribe(filter("candle/1m/+", 0), filter(beat, 0))
		other.message()
		other.message()
		c := &theClock{client: dial(t, b.Addrs().TCP, dialing{id: "c"})}
		c.subscribe(filter("status/+/clock", 1))
		if c.says() != "live" {
			t.Fatal("not live")
		}
		sweep := func(after time.Duration) { l.sweep(begun.Add(after)) }
		n := int64(1)
		moves := func() {
			n++
			put(t, b, beat, ver(1, 0, n), fmt.Sprint(n))
			if m := other.message(); string(m.Payload) != fmt.Sprint(n) {
				t.Errorf("%s", m.Payload)
			}
		}
		sweep(0)
		sweep(2900 * time.Millisecond)
		c.silent()
		sweep(3400 * time.Millisecond) // the bridge's turn to say so
		c.silent()
		other.silent() // no sign of life of what is in doubt
		sweep(3500 * time.Millisecond)
		if c.says() != "stale" {
			t.Errorf("%s: live without a beat", beat)
		}
		for d := 4 * time.Second; d < 20*time.Second; d += 500 * time.Millisecond {
			sweep(d)
		}
		c.silent()
		other.silent()
		moves()
		sweep(20 * time.Second)
		c.silent() // once may be an old one
		moves()
		sweep(21 * time.Second)
		if c.says() != "live" {
			t.Errorf("%s: stale though it moves", beat)
		}
		if m := other.message(); string(m.Payload) != "unchanged" {
			t.Errorf("%s as a sign of life", m.Payload)
		}
		sweep(25 * time.Second)
		if c.says() != "stale" {
			t.Errorf("%s: live without a beat, the second time", beat)
		}
		v, live = clockReport(begun.UnixMilli()+1, 1) // a bridge that has just begun to count
		put(t, b, "status/A/clock", v, live)
		if c.says() != "live" {
			t.Errorf("%s: the bridge's word does not count", beat)
		}
		moves()
		sweep(26 * time.Second)
		other.message() // unchanged, again
		s := market.Status{Scope: "A", Kind: "clock", Source: "binance", Simulated: true, AtMs: begun.UnixMilli() + 2, Counter: 2, Quality: market.QualityStale, State: market.ClockStale}
		put(t, b, "status/A/clock", s.Version(), string(s.AppendJSON(nil)))
		if c.says() != "stale" {
			t.Errorf("%s: live", beat)
		}
		for d := 27 * time.Second; d < 30*time.Second; d += time.Second {
			moves()
			sweep(d) // it is not for the edge to take back what the bridge has said
		}
		c.silent()
		other.silent()
	}
}

func TestDeadBridgeIsNoSignOfLife(t *testing.T) {
	t.Parallel()
	publisher := withPublisher(t)
	b := startBroker(t, func(c *Config) { publisher(c); c.AwaitPublisher = true })
	l := newLife(b.hub, testContractOf, b.fed)
	p := dial(t, b.Addrs().TCP, dialing{id: "bridge-1", user: "bridge", password: "secret"})
	send := func(topic string, v market.Version, payload string) {
		p.publish(topic, payload, 1, packets.UserProperty{Key: "ver", Val: v.String()})
		p.until(packets.Puback)
	}
	begun := time.Now()
	v, live := clockReport(begun.UnixMilli(), 7)
	send("status/A/clock", v, live)
	send("candle/1m/A", ver(1, 0, 1), "unchanged")
	send("candle/1s/A", ver(1, 0, 1), "1")
	p.publish("$tickcast/bridge", "ready", 1)
	p.until(packets.Puback)
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	c.subscribe(filter("candle/#", 0))
	c.message()
	c.message()
	l.sweep(begun.Add(2 * time.Second))
	l.sweep(begun.Add(4 * time.Second))
	if m := c.message(); string(m.Payload) != "unchanged" {
		t.Errorf("%s", m.Payload)
	}
	_ = p.Conn.Close() // as kill -9 does
	waitFor(t, "the end of the publisher", func() bool { return !b.ready.present() })
	put(t, b, "candle/1s/A", ver(1, 0, 2), "2") // the last, on its way still
	c.message()
	l.sweep(begun.Add(7 * time.Second))
	c.silent()
	status := &theClock{client: dial(t, b.Addrs().TCP, dialing{id: "s"})}
	status.subscribe(filter("status/A/clock", 0))
	if status.says() != "live" {
		t.Error("stale before the limit: a bridge may connect anew")
	}
	l.sweep(begun.Add(11 * time.Second))
	if status.says() != "stale" {
		t.Error("a dead bridge's clock is live")
	}
	c.silent()
}
