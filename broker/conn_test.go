package broker

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/catalog"
)

// tape is a socket that keeps the type of each packet written to it.
type tape struct {
	net.Conn
	mu    sync.Mutex
	types []byte
}

func (s *tape) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for rest := p; len(rest) > 0; {
		length, n, err := packets.DecodeLength(bytes.NewReader(rest[1:]))
		if err != nil {
			return 0, err
		}
		s.types = append(s.types, rest[0]>>4)
		rest = rest[1+n+length:]
	}
	return len(p), nil
}

func (*tape) SetWriteDeadline(time.Time) error { return nil }
func (*tape) SetReadDeadline(time.Time) error  { return nil }
func (*tape) Close() error                     { return nil }

// startPump runs a pump until the test ends.
func startPump(tb testing.TB) *pump {
	p := newPump()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { p.Run(ctx) })
	tb.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return p
}

// sendAll sends what there is, without a pump.
func (c *conn) sendAll() {
	c.lent.Store(true)
	c.sendBlocking()
}

// The writer looks at what mochi wrote and at what the session has at two moments; whatever comes in between, an answer is not overtaken by messages that
// were released after it, and nothing follows a DISCONNECT.
func TestAnswersAreNotOvertakenByWhatTheyRelease(t *testing.T) {
	t.Parallel()
	cfg, stats := DefaultConfig(), new(counters)
	h := &hub{index: newIndex(), stats: stats}
	p := startPump(t)
	for range 3000 {
		socket := &tape{}
		c := newConn(socket, packets.Code{}, &cfg, stats, p)
		c.v5 = true
		s := &session{id: "c"}
		s.attach(c, 10)
		c.session.Store(s)
		h.subscribe(s, c, subscription{filter: "candle/#"})
		publish := func() {
			h.publish(&Message{Topic: "candle/1m/A", Class: catalog.State, Version: ver(1, 0, int64(stats.published.Load())+1), Payload: []byte("x")})
			p.start()
		}
		publish()
		c.kick() // the writer is awake and looks while the answer is written
		_, _ = c.Write([]byte{packets.Suback << 4, 0})
		s.setHold(c, false)
		publish()
		_, _ = c.Write([]byte{packets.Disconnect << 4, 0})
		publish()
		_ = c.Close()
		<-c.flushed
		if n := len(socket.types); socket.types[0] != packets.Suback || socket.types[n-1] != packets.Disconnect {
			t.Fatalf("packet types %v", socket.types)
		}
		h.kill(s)
	}
}

func TestNothingIsSentWhileASubscribeIsInWork(t *testing.T) {
	t.Parallel()
	cfg, stats := DefaultConfig(), new(counters)
	h := &hub{index: newIndex(), stats: stats}
	socket := &tape{}
	c := newConn(socket, packets.Code{}, &cfg, stats, newPump())
	s := &session{id: "c"}
	s.attach(c, 10)
	c.session.Store(s)
	h.subscribe(s, c, subscription{filter: "candle/#"})
	h.publish(&Message{Topic: "candle/1m/A", Version: ver(1, 0, 1), Payload: []byte("x")})
	c.sendAll()
	_, _ = c.Write([]byte{packets.Suback << 4, 0})
	s.setHold(c, false)
	c.sendAll()
	if want := []byte{packets.Suback, packets.Publish}; !bytes.Equal(socket.types, want) {
		t.Errorf("packet types %v, want %v", socket.types, want)
	}
}

// A value is stored before the sessions are told of it, one after the other. One that had the topic in line already sends the new value meanwhile; it must
// not do so again when it is told.
func TestStateThatWasSentBeforeItsPublisherCameIsNotSentTwice(t *testing.T) {
	t.Parallel()
	cfg, stats := DefaultConfig(), new(counters)
	h := &hub{index: newIndex(), stats: stats}
	socket := &tape{}
	c := newConn(socket, packets.Code{}, &cfg, stats, newPump())
	s := &session{id: "c"}
	s.attach(c, 10)
	c.session.Store(s)
	h.subscribe(s, c, subscription{filter: "candle/#"})
	s.setHold(c, false)
	publish := func(seq int64) {
		h.publish(&Message{Topic: "candle/1m/A", Class: catalog.State, Version: ver(1, 0, seq), Payload: []byte("x")})
	}
	sent := func(want int) {
		t.Helper()
		if c.sendAll(); len(socket.types) != want {
			t.Fatalf("%d messages were sent, want %d", len(socket.types), want)
		}
	}
	publish(1)
	topic := h.index.topic("candle/1m/A", catalog.State)
	first, node := topic.current.Load(), (*topic.nodes.Load())[0]
	node.mu.Lock() // the publisher stops before it comes to s
	published := make(chan struct{})
	go func() { publish(2); close(published) }()
	waitFor(t, "the second value is stored", func() bool { return topic.current.Load() != first })
	sent(1)
	node.mu.Unlock()
	<-published
	sent(1)
	if n := c.figures.conflated.Load(); n != 1 {
		t.Errorf("%d conflated, want the first value", n)
	}
	publish(3)
	sent(2)
	if len(s.ahead) != 0 {
		t.Errorf("%d values are remembered", len(s.ahead))
	}
}
