package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/broker/admin"
	"github.com/tickcast/tickcast/catalog"
)

// follower reads QoS 1 messages with the numbers 1, 2, 3… as payload until the broker closes the connection.
type follower struct {
	first, last int64        // numbers
	got         atomic.Int64 // last, for the publisher; beyond all when the connection is over
	holes       int
	code        byte // of the DISCONNECT, 0: none
	reason      string
	reference   string
	told        time.Time
	lost        bool // the connection ended without DISCONNECT
}

func (f *follower) follow(c *client) {
	defer f.got.Store(math.MaxInt64)
	for {
		pk, err := c.next(2 * patience)
		if err != nil {
			f.lost = f.code == 0
			return
		}
		switch pk.FixedHeader.Type {
		case packets.Publish:
			n, _ := strconv.ParseInt(string(pk.Payload), 10, 64)
			if f.first == 0 {
				f.first = n
			} else if n != f.last+1 {
				f.holes++
			}
			f.last = n
			f.got.Store(n)
			if pk.FixedHeader.Qos > 0 {
				if _, err := c.Conn.Write([]byte{packets.Puback << 4, 2, byte(pk.PacketID >> 8), byte(pk.PacketID)}); err != nil {
					f.lost = true
					return
				}
			}
		case packets.Disconnect:
			f.code, f.reason, f.reference, f.told = pk.ReasonCode, pk.Properties.ReasonString, pk.Properties.ServerReference, time.Now()
		}
	}
}

// A thousand clients, a publisher that goes on to the end, and an operator who empties the edge: nobody misses a message that was acknowledged to the publisher
// before the client was told to go, everybody is told where to, in waves, and Run ends.
func TestDrainUnderLoadLosesNothingAcknowledged(t *testing.T) {
	const clients, wave, outstanding = 1000, 200, 5
	const interval = 300 * time.Millisecond
	dir := t.TempDir()
	a := newAPI(t, dir)
	cfg := DefaultConfig()
	cfg.TCP, cfg.WebSocket, cfg.MaxConnectionsPerAddress, cfg.ConnectsPerAddress, cfg.WriteTimeout = "127.0.0.1:0", "", 0, 0, minute
	cfg.Admin.Listen, cfg.Admin.KeysFile, cfg.Admin.ServerReference = "127.0.0.1:0", filepath.Join(dir, "keys.yaml"), "edge2.example:8883 edge3.example:8883"
	b, err := newBroker(cfg, testClassOf, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	a.base = "http://" + b.Addrs().Admin
	done := make(chan error, 1)
	go func() { done <- b.Run(context.Background()) }()

	followers := make([]follower, clients)
	var following sync.WaitGroup
	for i := range followers {
		d := dialing{id: fmt.Sprint("f", i), keepalive: 0}
		if i%10 == 9 {
			d.v = 4
		}
		if i%10 == 8 {
			d.resume, d.expiry = true, 600
		}
		c := dial(t, b.Addrs().TCP, d)
		c.subscribe(filter("status/BTCUSDT/feed", 1))
		following.Go(func() { followers[i].follow(c) })
	}
	var acknowledged atomic.Int64
	stop, published := make(chan struct{}), make(chan struct{})
	go func() { // Publish has stored the message in every session when it returns: that is when a publisher gets its PUBACK
		defer close(published)
		for n := int64(1); ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
			for i := 0; i < clients; i++ { // as fast as they take it, with some on their way
				for followers[i].got.Load() < n-outstanding {
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
					}
				}
			}
			b.Publish(Message{Topic: "status/BTCUSDT/feed", Class: catalog.Final, Version: ver(1, 0, n), Payload: []byte(fmt.Sprint(n))})
			acknowledged.Store(n)
		}
	}()
	waitFor(t, "load", func() bool { return acknowledged.Load() > 20 })

	before := acknowledged.Load()
	if got := a.call("POST", "/api/v1/drain", a.operator, fmt.Sprintf(`{"wave":%d,"interval_ms":%d,"grace_ms":60000,"reason":"maintenance"}`, wave, interval.Milliseconds())); got.status != 202 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := a.call("POST", "/api/v1/drain", a.operator, `{}`); got.status != 409 || got.code() != "DRAINING" {
		t.Errorf("a second drain: %d %s", got.status, got.body)
	}
	if got := a.call("GET", "/health/ready", "", ""); got.status != 503 {
		t.Errorf("ready while draining: %d", got.status)
	}
	if c := dial(t, b.Addrs().TCP, dialing{id: "late", refused: true}); c.ack.ReasonCode != packets.ErrServerMoved.Code || c.ack.Properties.ServerReference != cfg.Admin.ServerReference {
		t.Errorf("a newcomer: %#x %q", c.ack.ReasonCode, c.ack.Properties.ServerReference)
	}
	if c := dial(t, b.Addrs().TCP, dialing{id: "late4", v: 4, refused: true}); c.ack.ReasonCode != packets.Err3ServerUnavailable.Code {
		t.Errorf("a newcomer of 3.1.1: %#x", c.ack.ReasonCode)
	}
	var state admin.DrainState
	if a.get("/api/v1/drain", &state); state.State == admin.DrainNone || state.ReasonCode != 0x9D || state.ServerReference != cfg.Admin.ServerReference {
		t.Errorf("%+v", state)
	}
	seen := map[int]bool{}
	for running, end := true, time.After(10*patience); running; {
		seen[manage{b}.DrainState().WavesDone] = true
		select {
		case err := <-done:
			if running = false; !errors.Is(err, ErrDrained) {
				t.Errorf("Run: %v, want ErrDrained", err)
			}
		case <-end:
			t.Fatal("Run did not return")
		case <-time.After(10 * time.Millisecond):
		}
	}
	following.Wait()
	close(stop)
	<-published
	state = manage{b}.DrainState()
	if state.State != admin.DrainDone || state.Clients != clients || state.Moved != clients || state.Remaining != 0 || state.Undelivered != 0 || state.WavesDone != clients/wave {
		t.Errorf("%+v", state)
	}
	for i := 1; i < len(state.Waves); i++ {
		if gap := state.Waves[i].At.Sub(state.Waves[i-1].At); gap < interval-20*time.Millisecond {
			t.Errorf("wave %d begins %s after the one before", i, gap)
		}
	}
	if len(seen) < 3 {
		t.Errorf("waves seen: %v", seen)
	}
	var shortest, longest time.Time
	for i := range followers {
		f := &followers[i]
		v4 := i%10 == 9
		switch {
		case f.holes > 0:
			t.Errorf("client %d misses messages: %d holes in %d…%d", i, f.holes, f.first, f.last)
		case f.last < before:
			t.Errorf("client %d got %d, but %d were acknowledged before the drain began", i, f.last, before)
		case v4 != f.lost:
			t.Errorf("client %d: DISCONNECT %#x, connection lost %v", i, f.code, f.lost)
		case !v4 && (f.code != 0x9D || f.reason != "maintenance" || f.reference != cfg.Admin.ServerReference):
			t.Errorf("client %d: DISCONNECT %#x %q %q", i, f.code, f.reason, f.reference)
		}
		if !v4 && (shortest.IsZero() || f.told.Before(shortest)) {
			shortest = f.told
		}
		if f.told.After(longest) {
			longest = f.told
		}
	}
	if spread := longest.Sub(shortest); spread < (clients/wave-1)*interval-100*time.Millisecond {
		t.Errorf("everybody was told within %s: no waves", spread)
	}
	t.Logf("%d messages before, %d in all; told over %s; waves %+v", before, acknowledged.Load(), longest.Sub(shortest), state.Waves)
}

// A client that takes nothing does not hold a drain up for longer than its grace, and what it did not get is said.
func TestDrainWaitsForAStalledClientOnlyItsGrace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := DefaultConfig()
	cfg.TCP, cfg.WebSocket, cfg.Admin.Listen = "127.0.0.1:0", "", ""
	cfg.Admin.BannedFile = filepath.Join(dir, "banned.json")
	b, err := newBroker(cfg, testClassOf, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- b.Run(context.Background()) }()
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	c.subscribe(filter("status/#", 1))
	for i := int64(1); i <= 3; i++ {
		put(t, b, "status/BTCUSDT/feed", ver(1, 0, i), "x")
	}
	waitFor(t, "the messages to be sent", func() bool { return manage{b}.Stats().Queues.Inflight == 3 })
	if _, err := (manage{b}).Drain(admin.DrainOrder{Wave: 1, Grace: 50 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if code := c.closed(); code != packets.ErrServerShuttingDown.Code {
		t.Errorf("DISCONNECT %#x, want 0x8B", code)
	}
	if err := <-done; !errors.Is(err, ErrDrained) {
		t.Errorf("Run: %v", err)
	}
	if s := (manage{b}).DrainState(); s.Undelivered != 3 || s.ReasonCode != 0x8B {
		t.Errorf("%+v", s)
	}
}
