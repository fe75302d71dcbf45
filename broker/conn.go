package broker

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
	"golang.org/x/time/rate"

	"github.com/tickcast/tickcast/broker/wire"
)

// maxControlBytes is how much of mochi's own packets (acknowledgements, PINGRESP) may wait for a connection before it is closed.
const maxControlBytes = 64 << 10

// closingFlush is how long a connection that is being closed may still take to send what mochi wrote last, its DISCONNECT.
const closingFlush = 200 * time.Millisecond

// conn stands between mochi and a socket. mochi reads valid packets from it; what mochi writes goes to a mailbox and never blocks, because mochi
// writes under a lock that publishers, kicks and session takeovers need as well. One goroutine, writeLoop, owns the socket's sending side.
type conn struct {
	net.Conn
	cfg   *Config
	stats *counters

	// Set by the reader's goroutine at CONNECT, before a session has the connection.
	client    *mqtt.Client
	refuse    packets.Code // by the listener: over a limit; zero: welcome
	refused   packets.Code // the answer to CONNECT, zero: success
	who       identity
	expiry    *time.Timer   // of its token; nil: none
	requests  *rate.Limiter // what it may ask for in time; nil: no limit
	ready     bool          // a publisher has said that its state is complete
	keep      bool          // the session outlives the connection
	v5        bool
	maxPacket int // the client's Maximum Packet Size, 0: none
	window    int // QoS 1 messages that the client takes unacknowledged

	// Used by the reader's goroutine alone.
	denied   map[string]packets.Code // filters of the SUBSCRIBE in work that were refused
	asked    int                     // filters of the SUBSCRIBE in work
	notNewer bool                    // the PUBLISH in work had a version that is not newer

	in     *wire.Reader
	unread []byte // of the packet that mochi is reading

	session atomic.Pointer[session]
	figures figures

	mu      sync.Mutex
	control []byte // whole packets from mochi, in order
	leaving bool   // a DISCONNECT is among them, or was
	closed  bool
	reason  string // why the edge closed it, empty: it did not

	wake    chan struct{}
	pending atomic.Bool // a wake-up is on its way
}

func newConn(socket net.Conn, refuse packets.Code, cfg *Config, stats *counters) *conn {
	in := wire.NewReader(socket, wireLimits(cfg))
	c := &conn{Conn: socket, refuse: refuse, cfg: cfg, stats: stats, in: in, wake: make(chan struct{}, 1)}
	c.figures.since = time.Now()
	return c
}

var errControlFull = errors.New("too many unread answers")

// Write takes whole packets from mochi (its option ClientNetWriteBufferSize 1 sees to that; a test holds it).
func (c *conn) Write(p []byte) (int, error) {
	disconnect := len(p) > 0 && p[0]>>4 == packets.Disconnect
	if disconnect && !c.v5 {
		return len(p), nil // servers do not send DISCONNECT in MQTT 3.1.1; mochi does
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return 0, net.ErrClosed
	}
	if len(c.control)+len(p) > maxControlBytes {
		c.mu.Unlock()
		c.closeFor("unread answers")
		return 0, errControlFull
	}
	c.control = append(c.control, p...)
	c.leaving = c.leaving || disconnect
	c.mu.Unlock()
	c.kick()
	return len(p), nil
}

// SetDeadline is called by mochi with each packet, from the client's keepalive. The write deadline is the writer's own.
func (c *conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// Close makes the writer flush what mochi wrote and close the socket. The reader is released at once.
func (c *conn) Close() error {
	c.closeFor("")
	return nil
}

func (c *conn) closeFor(reason string) {
	c.mu.Lock()
	first := !c.closed
	c.closed = true
	if c.reason == "" {
		c.reason = reason
	}
	c.mu.Unlock()
	if first {
		_ = c.SetReadDeadline(time.Unix(1, 0))
		interruptWrite(c.Conn, time.Now().Add(closingFlush))
		c.kick()
	}
}

// interruptWrite gives a write that another goroutine has under way until the deadline.
func interruptWrite(c net.Conn, deadline time.Time) {
	if ws, ok := c.(*webSocketConn); ok {
		c = ws.NetConn() // its own deadline belongs to the goroutine that writes
	}
	_ = c.SetWriteDeadline(deadline)
}

func (c *conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// setReason says why the connection is about to be closed, unless there is a reason already.
func (c *conn) setReason(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason == "" {
		c.reason = reason
	}
}

// kick wakes the writer. It costs one load while a wake-up is on its way.
func (c *conn) kick() {
	if !c.pending.Load() && c.pending.CompareAndSwap(false, true) {
		c.wake <- struct{}{} // never blocks: one place, and one sender between two clearings of pending
	}
}

// tally counts what one batch holds.
type tally struct{ messages, tooLarge uint64 }

var batches = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// writeLoop sends until the connection is closed, and closes the socket.
func (c *conn) writeLoop() {
	defer c.Conn.Close()
	for range c.wake {
		c.pending.Store(false) // before looking: whoever adds something later sends a new wake-up
		for {
			more, closed := c.writeBatch()
			if closed {
				return
			}
			if !more {
				break
			}
		}
	}
}

// writeBatch sends one batch: what mochi wrote, then what the session has.
//
// It looks at the session first. What the session gave out was released by an answer of mochi's (CONNACK, SUBACK) that is in the mailbox by then, so it
// cannot overtake it. A DISCONNECT is the last packet: nothing is sent behind it.
func (c *conn) writeBatch() (more, closed bool) {
	pooled := batches.Get().(*[]byte)
	defer batches.Put(pooled)
	batch := (*pooled)[:0]
	var n tally
	if s := c.session.Load(); s != nil {
		batch = s.collect(c, batch, int(c.cfg.BatchBytes), &n)
		*pooled = batch
	}
	c.mu.Lock()
	control := c.control
	c.control = nil
	closed = c.closed
	last := closed || c.leaving
	c.mu.Unlock()
	timeout := c.cfg.WriteTimeout.D()
	if closed {
		timeout = min(timeout, closingFlush)
	}
	if last {
		batch, n = nil, tally{}
	}
	if n.tooLarge > 0 {
		c.stats.tooLarge.Add(n.tooLarge)
		c.figures.tooLarge.Add(n.tooLarge)
	}
	if len(control) > 0 {
		batch = append(control, batch...)
	}
	if len(batch) == 0 {
		return n.tooLarge > 0, closed
	}
	_ = c.Conn.SetWriteDeadline(time.Now().Add(timeout))
	if !closed && c.isClosed() { // since, and before the deadline was set
		_ = c.Conn.SetWriteDeadline(time.Now().Add(closingFlush))
	}
	if _, err := c.Conn.Write(batch); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.closeFor("write timeout")
		} else {
			c.closeFor("write failed")
		}
		return false, true
	}
	c.stats.sent.Add(n.messages)
	c.stats.sentBytes.Add(uint64(len(batch)))
	c.figures.sent.Add(n.messages)
	c.figures.sentBytes.Add(uint64(len(batch)))
	c.figures.wrote.Store(coarseMS(time.Now()))
	return !last, closed
}

// idle says whether everything that can be sent has been handed to the kernel or is in the write under way.
func (c *conn) idle() bool {
	c.mu.Lock()
	waiting := len(c.control) > 0 && !c.closed
	c.mu.Unlock()
	s := c.session.Load()
	return !waiting && (s == nil || s.idle())
}
