package broker

import (
	"errors"
	"net"
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
// writes under a lock that publishers, kicks and session takeovers need as well. The socket's sending side belongs to whoever has the connection lent: its
// pump, or for as long as the socket takes nothing a goroutine.
type conn struct {
	net.Conn
	cfg   *Config
	stats *counters
	pump  *pump
	find  func(topic string) *topic // nil: there is no hub
	out   outlet

	// Set by the reader's goroutine at CONNECT, before a session has the connection.
	client    *mqtt.Client
	refuse    packets.Code // by the listener: over a limit; zero: welcome
	refused   packets.Code // the answer to CONNECT, zero: success
	who       identity
	expiry    *time.Timer   // of its token; nil: none
	requests  *rate.Limiter // what it may ask for in time; nil: no limit
	shared    *rate.Limiter // the same of all clients of its address
	ready     bool          // a publisher has said that its state is complete
	keep      bool          // the session outlives the connection
	v5        bool
	maxPacket int // the client's Maximum Packet Size, 0: none
	window    int // QoS 1 messages that the client takes unacknowledged

	// Used by the reader's goroutine alone.
	interval uint32         // of the SUBSCRIBE in work: least time between two updates, ms
	badRate  error          // of the SUBSCRIBE in work
	verdicts []packets.Code // on the filters of the SUBSCRIBE in work
	asked    int            // filters of the SUBSCRIBE in work that are new
	notNewer bool           // the PUBLISH in work had a version that is not newer
	goodbye  bool           // the client has sent a DISCONNECT that cancels its will
	unlock   func()         // what the general-purpose realm holds while mochi works on the packet; nil: nothing

	in     *wire.Reader
	unread []byte // of the packet that mochi is reading

	behind    bool // packets were taken whose effects are still to come
	listed    bool // mochi lists the client
	panicked  bool
	patience  time.Duration              // how long the client may say nothing, 0: for ever
	refreshed time.Time                  // when its deadline was set last
	publish   func(pk *wire.Packet) bool // of a publisher: takes a message of QoS 0, if it can; nil for others
	pumpAll   func()                     // of a publisher: has its messages sent

	reading atomic.Uint32 // who has the reading side: busy, again or parked
	half    atomic.Bool   // the client has closed its side, or the connection is broken
	drained bool          // all that had arrived was read
	reads   int           // in the present turn
	intake  *intake       // that waits for the client; nil: a goroutine does
	seat    *seat         // there

	session atomic.Pointer[session]
	figures figures
	ration  atomic.Pointer[ration] // nil: no limit

	mu      sync.Mutex
	control []byte // whole packets from mochi, in order
	frames  []byte // WebSocket frames that answer the client's
	leaving bool   // a DISCONNECT is among control, or was
	flow    *flow  // of the general-purpose realm; nil: there is none
	closed  bool
	reason  string // why the edge closed it, empty: it did not

	pending atomic.Bool   // in the pump's line, or whoever has it lent will look
	lent    atomic.Bool   // somebody is sending; for good once all is flushed
	waiting atomic.Bool   // that is a goroutine which may be interrupted
	flushed chan struct{} // closed when nothing more will be sent
}

func newConn(socket net.Conn, refuse packets.Code, cfg *Config, stats *counters, p *pump) *conn {
	c := &conn{Conn: socket, refuse: refuse, cfg: cfg, stats: stats, pump: p, flushed: make(chan struct{})}
	c.in = wire.NewReader((*inflow)(c), wireLimits(cfg))
	c.figures.since = time.Now()
	c.out.open(socket)
	if ws, ok := socket.(*webSocketConn); ok {
		ws.answerWith(c.answer)
	}
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
	full := len(c.control)+len(p) > maxControlBytes
	if c.flow != nil {
		full = len(c.control)+c.flow.bytes+len(p) > maxGeneralBytes
	}
	switch {
	case full:
		c.mu.Unlock()
		c.closeFor("unread answers")
		return 0, errControlFull
	case c.flow != nil && p[0]>>4 == packets.Publish:
		c.control = c.flow.add(c.control, p, c.v5)
	default:
		c.control = append(c.control, p...)
	}
	c.leaving = c.leaving || disconnect
	c.mu.Unlock()
	c.kick()
	return len(p), nil
}

// answer takes a WebSocket frame. What a client does not take of them is forgotten: only the latest PING needs its PONG [RFC 6455, 5.5.3].
func (c *conn) answer(frame []byte) {
	const most = 1 << 10
	c.mu.Lock()
	if len(c.frames)+len(frame) > most {
		c.frames = nil
	}
	c.frames = append(c.frames, frame...)
	c.mu.Unlock()
	c.kick()
}

// heard sets by when the client must have said something again, if it has to [MQTT-3.1.2-22].
func (c *conn) heard(now time.Time) {
	c.refreshed = now
	var until time.Time
	if c.patience > 0 {
		until = now.Add(c.patience)
	}
	if c.seat != nil {
		c.seat.expect(until)
	} else {
		_ = c.setReadDeadline(until)
	}
}

func (c *conn) setReadDeadline(t time.Time) error {
	err := c.SetReadDeadline(t)
	if c.isClosed() { // meanwhile, and the reader is to be released
		return c.SetReadDeadline(time.Unix(1, 0))
	}
	return err
}

// Close has what mochi wrote flushed; then end closes the socket. The reader is released at once.
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
		if c.unpark() { // nobody reads who would see it
			go c.intake.arrived(c)
		}
		if c.waiting.Load() {
			_ = c.out.SetWriteDeadline(time.Now().Add(closingFlush))
		}
		c.kick()
	}
}

// told says whether the client was sent the reason why the connection ends.
func (c *conn) told() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leaving || c.reason != "" && c.in.Broken()
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

// kick has the pump send. It costs one load while that is on its way.
func (c *conn) kick() {
	if !c.pending.Load() && c.pending.CompareAndSwap(false, true) {
		c.pump.add(c, true)
	}
}

// enqueue is kick by a publisher, who wakes the pumps when all sessions have the message.
func (c *conn) enqueue() {
	if !c.pending.Load() && c.pending.CompareAndSwap(false, true) {
		c.pump.add(c, false)
	}
}

// idle says whether everything that can be sent has been handed to the kernel or is in the write under way.
func (c *conn) idle() bool {
	c.mu.Lock()
	waiting := len(c.control) > 0 && !c.closed
	c.mu.Unlock()
	s := c.session.Load()
	return !waiting && (s == nil || s.idle())
}
