package bridge

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/market"
)

func newTestRemote(t *testing.T) *Remote {
	t.Helper()
	t.Setenv("TICKCAST_TEST_PASSWORD", "secret")
	r, err := NewRemote(RemoteConfig{URL: "mqtt://127.0.0.1:1", Username: "bridge", Secret: configs.Secret{Env: "TICKCAST_TEST_PASSWORD"}}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func closed(topic string, epoch, t, seq int64, payload string) catalog.Message {
	return catalog.Message{Topic: topic, Class: catalog.Final, Version: market.Version{Epoch: epoch, T: t, Seq: seq}, Payload: []byte(payload)}
}

// sent takes everything that waits.
func sent(r *Remote) (all []string) {
	for m, ok := r.next(); ok; m, ok = r.next() {
		all = append(all, fmt.Sprintf("%s %s", m.Topic, m.Payload))
	}
	return all
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: sent %q, want %q", what, got, want)
	}
}

func TestReconnectedEdgeGetsTheClosedCandleOfTheGreatestOpenTime(t *testing.T) {
	r := newTestRemote(t)
	for _, m := range []closedCase{
		{closed("a", 1, 120_000, 9, "newest"), true},
		{closed("a", 2, 60_000, 1, "recalculated"), true}, // an older candle of a newer epoch
		{closed("a", 1, 120_000, 9, "newest"), false},     // again, after a crash
	} {
		if got := r.Publish(m.Message); got != m.taken {
			t.Errorf("%s: taken %t, want %t", m.Payload, got, m.taken)
		}
	}
	expect(t, "at first", sent(r), "a newest", "a recalculated")
	r.remarkAll()
	expect(t, "after a reconnection", sent(r), "a newest")
	r.Publish(closed("a", 1, 0, 10, "")) // delisted
	sent(r)
	r.remarkAll()
	expect(t, "cleared", sent(r), "a ")
}

type closedCase struct {
	catalog.Message
	taken bool
}

func TestStateThatWasClearedIsNotSentAgain(t *testing.T) {
	r := newTestRemote(t)
	state := closed("s", 1, 60_000, 5, "value")
	state.Class = catalog.State
	gone := closed("s", 1, 0, 6, "")
	gone.Class = catalog.State
	if !r.Publish(state) || !r.Publish(gone) || r.Publish(state) {
		t.Error("the clearing message does not outrank what it clears")
	}
	expect(t, "once", sent(r), "s ")
}

func TestFlappingConnectionQueuesNothingTwice(t *testing.T) {
	r := newTestRemote(t)
	for i := range int64(3) {
		r.Publish(closed("a", 1, 60_000*i, i, fmt.Sprint(i)))
	}
	for range 100 {
		r.remarkAll()
	}
	expect(t, "after many reconnections", sent(r), "a 0", "a 1", "a 2", "a 2")
}

func TestFinalsThatOverflowAreReplacedByTheirTopicsNewest(t *testing.T) {
	r := newTestRemote(t)
	r.Publish(closed("first", 1, 0, 1, "kept"))
	for i := range int64(maxFinals) {
		r.Publish(closed("other", 1, 60_000*i, i, fmt.Sprint(i)))
	}
	all := sent(r)
	if n := len(all); n != maxFinals+1 || all[n-1] != "first kept" || r.Dropped.Load() != 1 {
		t.Errorf("%d sent, the last is %q, %d dropped", n, all[n-1], r.Dropped.Load())
	}
}

func TestFinalsThatWaitDoNotHoldUpStates(t *testing.T) {
	t.Parallel()
	r := &Remote{wake: make(chan struct{}, 1), latest: map[string]catalog.Message{}, marked: map[string]bool{}}
	for n := range int64(1000) {
		r.Publish(catalog.Message{Topic: "candle/1s/A/closed", Class: catalog.Final, Version: market.Version{T: 1000 * n}, Payload: []byte("{}")})
	}
	r.remarkAll() // as after a reconnection: the newest candle again, and not before those that wait
	r.Publish(catalog.Message{Topic: "ticker/A", Class: catalog.State, Version: market.Version{Seq: 1}})
	r.Publish(catalog.Message{Topic: "trade/A", Class: catalog.Event, Version: market.Version{Seq: 1}})
	var sent []string
	finals := int64(0)
	for m, ok := r.next(); ok; m, ok = r.next() {
		if m.Class == catalog.Final {
			if m.Version.T != 1000*min(finals, 999) {
				t.Fatalf("final %d is that of %d", finals, m.Version.T)
			}
			finals++
		}
		if len(sent) < 4 {
			sent = append(sent, m.Topic)
		}
	}
	if got := strings.Join(sent, " "); got != "candle/1s/A/closed trade/A candle/1s/A/closed ticker/A" || finals != 1001 {
		t.Errorf("sent first: %s; %d finals, want 1001", got, finals)
	}
}

// An edge that dies before it acknowledges a closed candle, or that the bridge is ready, must not keep the bridge waiting for the acknowledgement: the next edge gets everything at once.
func TestAnAcknowledgementOfADeadEdgeIsNotAwaited(t *testing.T) {
	const candle = "candle/1s/A/closed"
	for _, last := range []string{candle, catalog.BridgeTopic} {
		t.Run(last, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			r := newTestRemote(t)
			r.cfg.URL = "mqtt://" + l.Addr().String()
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- r.Run(ctx) }()
			defer func() { cancel(); <-done }()
			r.Publish(closed(candle, 1, 1000, 1, "{}"))
			r.SetLoaded()
			begun := time.Now()
			for range 2 {
				deadEdge(t, l, last)
			}
			if took := time.Since(begun); took > 8*time.Second { // an acknowledgement would be awaited for ten
				t.Errorf("the second edge got %s after %s", last, took)
			}
		})
	}
}

// deadEdge takes a connection and acknowledges what comes, until a topic does: then it closes.
func deadEdge(t *testing.T, l net.Listener, last string) {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if p, err := packets.ReadPacket(c); err != nil || p.Type != packets.CONNECT {
		t.Fatalf("%v, %v; want CONNECT", p, err)
	}
	if _, err := c.Write([]byte{0x20, 3, 0, 0, 0}); err != nil { // CONNACK
		t.Fatal(err)
	}
	for {
		p, err := packets.ReadPacket(c)
		if err != nil {
			t.Fatal(err)
		}
		m, ok := p.Content.(*packets.Publish)
		if !ok { // PINGREQ may come first
			continue
		}
		if m.Topic == last {
			return
		}
		if _, err := (&packets.Puback{PacketID: m.PacketID, Properties: &packets.Properties{}}).WriteTo(c); err != nil {
			t.Fatal(err)
		}
	}
}
