package broker

import (
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
)

// testContractOf goes with testClassOf: the contract is the level before `closed`, or the last.
func testContractOf(topic string) (contract string, role catalog.ClockRole) {
	parts := strings.Split(topic, "/")
	switch {
	case parts[0] == "status" && parts[2] == "clock":
		return parts[1], catalog.ClockReport
	case parts[0] == "candle" && parts[1] == "1s" && len(parts) == 3:
		return parts[2], catalog.CandleBeat
	case parts[0] == "candle" && parts[1] == "ticker": // there are no tickers there
		return parts[2], catalog.TickerBeat
	case parts[0] == "candle":
		return parts[2], catalog.NoClock
	}
	return "", catalog.NoClock
}

func always() bool { return true }

func TestUnchangedStateIsSentAgainWhileTheClockMoves(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	l := newLife(b.hub, testContractOf, always)
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	c.subscribe(filter("candle/#", 1), filter("candle/1m/+", 0), filter("status/#", 1))
	other := dial(t, b.Addrs().TCP, dialing{id: "other", v: 4})
	other.subscribe(filter("candle/1m/B", 0))
	now := time.Now()
	l.sweep(now)
	put(t, b, "status/A/clock", ver(1, 0, 1), `{"state":"live"}`)
	put(t, b, "candle/1m/A", ver(1, 0, 1), "a1")
	put(t, b, "candle/1m/A/closed", ver(1, 0, 1), "closed")
	put(t, b, "candle/1m/B", ver(1, 0, 1), "b1") // whose clock nobody has reported
	for range 4 {
		c.message()
	}
	other.message()
	beat := int64(0)
	after := func(d time.Duration, want ...string) {
		t.Helper()
		beat++
		put(t, b, "candle/1s/A", ver(1, 0, beat), "beat")
		c.message()
		l.sweep(time.Now().Add(d))
		for _, payload := range want {
			if m := c.message(); string(m.Payload) != payload || m.FixedHeader.Retain || m.FixedHeader.Qos != 0 {
				t.Errorf("after %s: %s, RETAIN %v, QoS %d; want %s", d, m.Payload, m.FixedHeader.Retain, m.FixedHeader.Qos, payload)
			}
		}
		c.silent()
		other.silent()
	}
	after(2500 * time.Millisecond)
	after(3500*time.Millisecond, "a1") // once, though two filters match
	after(4 * time.Second)
	after(7*time.Second, "a1")
	put(t, b, "candle/1m/A", ver(1, 0, 2), "a2")
	c.message()
	b.hub.index.find("candle/1m/A").current.Load().at += 9000 // it came 9 s later
	after(11 * time.Second)
	after(13*time.Second, "a2")
	put(t, b, "status/A/clock", ver(1, 0, 2), `{"state":"stale"}`)
	c.message()
	after(20 * time.Second)
	put(t, b, "status/A/clock", ver(1, 0, 3), `{"state":"live"}`)
	c.message()
	after(21*time.Second, "a2")
	if !b.Publish(Message{Topic: "candle/1m/A", Class: catalog.State, Version: ver(1, 0, 3)}) { // delisted
		t.Fatal("refused")
	}
	c.message()
	after(40 * time.Second)
	if s := b.Stats(); s.Repeated != 4 || s.Conflated != 0 {
		t.Errorf("%d repeated, %d conflated", s.Repeated, s.Conflated)
	}
}

func TestWhoHasJustSubscribedGetsNoRepetition(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	l := newLife(b.hub, testContractOf, always)
	put(t, b, "status/A/clock", ver(1, 0, 1), `{"state":"live"}`)
	put(t, b, "candle/1m/A", ver(1, 0, 1), "a")
	put(t, b, "candle/1s/A", ver(1, 0, 1), "beat")
	b.hub.index.find("candle/1m/A").current.Load().at -= uint32(signOfLife.Milliseconds())
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	c.subscribe(filter("candle/1m/+", 0))
	if m := c.message(); !m.FixedHeader.Retain {
		t.Error("no snapshot")
	}
	l.sweep(time.Now())
	c.silent()
	put(t, b, "candle/1s/A", ver(1, 0, 2), "beat")
	l.sweep(time.Now().Add(signOfLife))
	if m := c.message(); m.FixedHeader.Retain || string(m.Payload) != "a" {
		t.Errorf("%s, RETAIN %v", m.Payload, m.FixedHeader.Retain)
	}
}
