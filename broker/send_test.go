package broker

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/catalog"
)

// tcpPair returns both ends of a TCP connection whose kernel buffers are as small as they get.
func tcpPair(tb testing.TB) (server, client *net.TCPConn) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	server, client = s.(*net.TCPConn), c.(*net.TCPConn)
	_ = server.SetWriteBuffer(1)
	_ = client.SetReadBuffer(4 << 10) // with less, each byte waits for the kernel's timers
	tb.Cleanup(func() { _, _ = server.Close(), client.Close() })
	return server, client
}

// pumped is a connection with a session, without mochi.
func pumped(tb testing.TB, h *hub, p *pump, socket net.Conn) (*conn, *session) {
	cfg := DefaultConfig()
	cfg.WriteTimeout = minute
	c := newConn(socket, packets.Code{}, &cfg, h.stats, p)
	s := &session{id: "c"}
	s.finals.limit = 1 << 20
	s.attach(c, 64)
	c.session.Store(s)
	tb.Cleanup(func() {
		c.closeFor("test is over")
		<-c.flushed // before the socket is closed
	})
	return c, s
}

// What a client gets is what a model of the hub expects, however the socket cuts it: random messages of every class, sizes and subscriptions, over a
// socket that takes some hundred bytes at a time, read in pieces of any length.
func TestTheStreamAlwaysParsesAndEqualsTheModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			stats := new(counters)
			p := startPump(t)
			h := &hub{index: newIndex(), stats: stats, maxEvents: 1 << 20, pumps: []*pump{p}, end: func(*session) { t.Error("a queue overflowed") }}
			server, client := tcpPair(t)
			c, s := pumped(t, h, p, server)
			c.v5 = seed%2 == 0
			for i, f := range []string{"candle/#", "candle/1m/+", "trade/#", "status/#"} {
				sub := subscription{filter: f, qos: byte(i % 2)}
				if c.v5 {
					sub.id = r.IntN(3) * 200
				}
				h.subscribe(s, c, sub)
			}
			s.setHold(c, false)
			const n = 600
			go func() {
				for i := int64(1); i <= n; i++ {
					k := i % 3
					topic := []string{fmt.Sprint("candle/1m/S", i%7), "trade/T", "status/A/feed"}[k]
					class, _ := testClassOf(topic)
					payload := fmt.Appendf(nil, "%d %s", i, bytes.Repeat([]byte("x"), r.IntN(1<<r.IntN(9))))
					h.publish(&Message{Topic: topic, Class: class, Version: ver(1, 0, i), Payload: payload})
					if i%5 != 0 {
						p.start()
					}
				}
				p.start()
				_, _ = c.Write([]byte{packets.Pingresp << 4, 0})
			}()
			version := byte(4)
			if c.v5 {
				version = 5
			}
			in := bufio.NewReaderSize(&cutting{client, rand.New(rand.NewPCG(seed, 2))}, 16)
			last := map[string]int64{}
			counts := map[string]int{}
			_ = client.SetReadDeadline(time.Now().Add(patience))
			for done := false; !done; {
				pk, err := readPacket(in, version)
				if err != nil {
					t.Fatalf("after %v: %v", counts, err)
				}
				if pk.FixedHeader.Type == packets.Pingresp {
					continue
				}
				var i int64
				if _, err := fmt.Sscan(string(pk.Payload), &i); err != nil || i < last[pk.TopicName] {
					t.Fatalf("%s: %d after %d, %v", pk.TopicName, i, last[pk.TopicName], err)
				}
				// A value of a state topic may come twice: a publisher stores it before it marks those who have still to get it.
				if class, _ := testClassOf(pk.TopicName); class != catalog.State && last[pk.TopicName] > 0 && i != last[pk.TopicName]+3 {
					t.Fatalf("%s: %d follows %d", pk.TopicName, i, last[pk.TopicName])
				}
				last[pk.TopicName] = i
				counts[pk.TopicName]++
				if pk.FixedHeader.Qos > 0 && s.ack(c, pk.PacketID) {
					c.kick()
				}
				done = last["trade/T"] >= n-2 && last["status/A/feed"] >= n-2
				for k := range int64(7) {
					done = done && last[fmt.Sprint("candle/1m/S", k)] > n-21
				}
			}
			if counts["trade/T"] != n/3 || counts["status/A/feed"] != n/3 {
				t.Errorf("%v", counts)
			}
		})
	}
}

// cutting reads pieces of any length.
type cutting struct {
	io.Reader
	r *rand.Rand
}

func (c *cutting) Read(p []byte) (int, error) {
	if c.r.IntN(50) == 0 {
		time.Sleep(time.Duration(c.r.IntN(1000)) * time.Microsecond)
	}
	return c.Reader.Read(p[:1+c.r.IntN(len(p))])
}

// With PINGs in between whose PONGs must not fall into the middle of a message.
func TestWebSocketFramesStayWholeOnASocketThatTakesLittle(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.SendBuffer = 4 << 10; c.WriteTimeout = minute; c.EventMessages = 1 << 20 })
	dialer := websocket.Dialer{Subprotocols: []string{"mqtt"}, NetDial: func(network, addr string) (net.Conn, error) {
		c, err := net.Dial(network, addr)
		if err == nil {
			_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
		}
		return c, err
	}}
	ws, _, err := dialer.Dial("ws://"+b.Addrs().WebSocket+"/mqtt", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	var pongs atomic.Int64
	ws.SetPongHandler(func(string) error { pongs.Add(1); return nil })
	c := dial(t, "", dialing{id: "ws", over: &webSocketConn{Conn: ws}})
	c.subscribe(filter("trade/+", 0))
	const n = 300
	go func() {
		for i := int64(1); i <= n; i++ {
			class, _ := testClassOf("trade/A")
			b.Publish(Message{Topic: "trade/A", Class: class, Version: ver(1, 0, i), Payload: fmt.Appendf(nil, "%d %0*d", i, 1+int(i*37%3_000), 0)})
		}
	}()
	for i := int64(1); i <= n; i++ {
		if i%20 == 0 {
			if err := ws.WriteControl(websocket.PingMessage, []byte("still there?"), time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
		}
		var got int64
		if m := c.message(); true {
			if _, err := fmt.Sscan(string(m.Payload), &got); err != nil || got != i {
				t.Fatalf("message %d: got %d, %v", i, got, err)
			}
		}
	}
	c.ping()
	if pongs.Load() == 0 {
		t.Error("no PONG")
	}
}

// blockedClient is one whose socket takes nothing any more, in the middle of a batch.
func blockedClient(t *testing.T, b *Broker, d dialing) *client {
	t.Helper()
	d.readBuffer = 1
	c := dial(t, b.Addrs().TCP, d)
	c.subscribe(filter("candle/#", 0), filter("status/#", 1))
	for blocked := 0; blocked < 30; time.Sleep(time.Millisecond) {
		put(t, b, "candle/1m/A", ver(1, 0, int64(b.Stats().Published)+1), fmt.Sprintf("%03000d", 0))
		blocked++
		for _, own := range b.connected() {
			if own.client.ID == d.id && !own.waiting.Load() {
				blocked = 0
			}
		}
	}
	return c
}

func TestTakeoverWhileBlockedIsQuick(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.SendBuffer = 4 << 10; c.WriteTimeout = minute })
	d := dialing{id: "c", resume: true, expiry: 600}
	blockedClient(t, b, d)
	put(t, b, "status/A/feed", ver(1, 0, 1), "kept")
	start := time.Now()
	next := dial(t, b.Addrs().TCP, d)
	if took := time.Since(start); took > patience/4 || !next.ack.SessionPresent {
		t.Errorf("took %v, session present %v", took, next.ack.SessionPresent)
	}
	for m := next.message(); string(m.Payload) != "kept"; m = next.message() {
	}
	waitFor(t, "the old connection to end", func() bool { return b.Stats().Connections == 1 })
}

func TestWhatABlockedClientGetsIsWholeUpToTheDisconnect(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.SendBuffer = 4 << 10; c.WriteTimeout = minute })
	c := blockedClient(t, b, dialing{id: "c"})
	own := b.connected()[0]
	_ = b.mqtt.DisconnectClient(own.client, packets.ErrAdministrativeAction)
	if code := c.closed(); code != packets.ErrAdministrativeAction.Code && code != 0 {
		t.Errorf("DISCONNECT %#x", code)
	}
	waitFor(t, "the connection to end", func() bool { return b.Stats().Connections == 0 })
}

func TestShutdownWhileClientsAreBlocked(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.SendBuffer = 4 << 10; c.WriteTimeout = minute })
	for i := range 10 {
		blockedClient(t, b, dialing{id: fmt.Sprint("c", i)})
	} // the end of the test fails if Run does not return
}

func TestBlockedClientIsClosedAfterTheWriteTimeout(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.SendBuffer = 4 << 10; c.WriteTimeout = seconds(1) })
	blockedClient(t, b, dialing{id: "c"})
	waitFor(t, "the connection to end", func() bool { return b.Stats().Disconnects["write timeout"] == 1 })
}

func TestOnePumpServesOthersWhileOneIsBlocked(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.SendBuffer = 4 << 10; c.WriteTimeout = minute })
	blockedClient(t, b, dialing{id: "blocked"})
	for k := range 2 * len(b.pumps) {
		c := dial(t, b.Addrs().TCP, dialing{id: fmt.Sprint("c", k)})
		c.subscribe(filter("candle/1m/B", 0))
		put(t, b, "candle/1m/B", ver(2, int64(k), 1), fmt.Sprint(k))
		for m := c.message(); string(m.Payload) != fmt.Sprint(k); m = c.message() {
		}
	}
}

// A slow link takes a little all the time, and much longer for the whole than the write timeout.
func TestSlowSocketIsNotOneThatTakesNothing(t *testing.T) {
	t.Parallel()
	const timeout = 2 // seconds
	slowly := func(r io.Reader, size int) error {
		for n := 0; n < size; n += size / 60 { // 6 s
			if _, err := io.CopyN(io.Discard, r, int64(min(size/60, size-n))); err != nil {
				return fmt.Errorf("after %d bytes: %w", n, err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		return nil
	}
	t.Run("TCP", func(t *testing.T) {
		t.Parallel()
		const size = 1_200_000
		b := startBroker(t, func(c *Config) { c.SendBuffer = 4 << 10; c.WriteTimeout = seconds(timeout) })
		c := dial(t, b.Addrs().TCP, dialing{id: "c", readBuffer: 64 << 10})
		c.subscribe(filter("trade/A", 0))
		put(t, b, "trade/A", ver(1, 0, 1), strings.Repeat("x", size))
		if err := slowly(c.br, size); err != nil {
			t.Errorf("%v; %v", err, b.Stats().Disconnects)
		}
	})
	t.Run("blocking", func(t *testing.T) { // as TLS is
		t.Parallel()
		ours, theirs := net.Pipe()
		cfg := DefaultConfig()
		cfg.WriteTimeout = seconds(timeout)
		c := newConn(ours, packets.Code{}, &cfg, new(counters), newPump())
		read := make(chan error, 1)
		const size = 60_000
		go func() { read <- slowly(theirs, size) }()
		if err := c.sendPatiently(make([]byte, size), false); err != nil {
			t.Fatal(err)
		}
		if err := <-read; err != nil {
			t.Error(err)
		}
		begun := time.Now()
		if err := c.sendPatiently(make([]byte, 1), false); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begun) < time.Second {
			t.Errorf("a socket that takes nothing: %v after %s", err, time.Since(begun))
		}
	})
}
