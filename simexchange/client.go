package simexchange

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/tickcast/tickcast/binanceapi"
)

// outFrame is what waits for a client: a message, or an end of the connection in its order.
type outFrame struct {
	data   []byte
	binary bool
	delay  time.Duration // wait first: faults
	end    ending
}

type ending uint8

const (
	goesOn  ending = iota
	withRST        // reset
	withFIN        // closed without a close frame
	closing        // a close frame, then closed
)

// client is one WebSocket connection. Two goroutines: read takes requests and pongs, write owns everything that is sent.
type client struct {
	srv  *Server
	conn *websocket.Conn
	unit binanceapi.Unit
	out  chan outFrame
	done chan struct{} // closed when the connection has ended, whoever ended it
	once sync.Once

	silentUntil atomic.Int64 // Unix ns; half open until then
	pings       pingBook

	mu       sync.Mutex // guards what follows
	combined bool
	streams  map[string]struct{}

	held map[string][]byte // frames that a fault keeps back until the next one of the stream; the publishing goroutine's own
}

func newClient(s *Server, conn *websocket.Conn, unit binanceapi.Unit, combined bool) *client {
	return &client{srv: s, conn: conn, unit: unit, combined: combined, out: make(chan outFrame, s.cfg.WebSocket.Queue),
		done: make(chan struct{}), streams: map[string]struct{}{}}
}

// end closes the connection at once.
func (c *client) end(how ending) {
	c.once.Do(func() {
		if tcp, ok := c.conn.UnderlyingConn().(*net.TCPConn); ok && how == withRST {
			tcp.SetLinger(0)
		}
		close(c.done)
		c.conn.Close()
	})
}

// enqueue puts a frame into the queue. A client that does not keep up is disconnected, unless the exchange plays as fast as its clients read.
func (c *client) enqueue(f outFrame) {
	select {
	case c.out <- f:
		return
	default:
	}
	if c.srv.lockStep() {
		select {
		case c.out <- f:
		case <-c.done:
		}
		return
	}
	select {
	case <-c.done:
		return
	default:
	}
	c.srv.log.Warn("client does not keep up: disconnected", slog.String("client", c.conn.RemoteAddr().String()), slog.Int("queue", cap(c.out)))
	c.end(withRST)
}

func (c *client) silent() bool { return time.Now().UnixNano() < c.silentUntil.Load() }

// goSilent makes the connection half open, for ever where d is 0.
func (c *client) goSilent(d time.Duration) {
	if d == 0 {
		d = 1000 * time.Hour
	}
	c.silentUntil.Store(time.Now().Add(d).UnixNano())
}

// write sends what is queued, pings, and ends the connection when its time is over.
func (c *client) write(ctx context.Context) {
	ws := &c.srv.cfg.WebSocket
	check := time.NewTicker(min(ws.PingInterval, ws.PongTimeout) / 2)
	defer check.Stop()
	life := time.NewTimer(ws.Lifetime)
	defer life.Stop()
	nextPing := time.Now().Add(ws.PingInterval)
	for {
		select {
		case f := <-c.out:
			if !c.send(ctx, f) {
				return
			}
		case now := <-check.C:
			if c.silent() {
				continue
			}
			if c.pings.overdue(now, ws.PongTimeout) {
				c.srv.log.Debug("no pong in time: disconnected", slog.String("client", c.conn.RemoteAddr().String()))
				c.end(withFIN)
				return
			}
			if now.Before(nextPing) {
				continue
			}
			nextPing = now.Add(ws.PingInterval)
			if err := c.conn.WriteControl(websocket.PingMessage, c.pings.next(now), now.Add(ws.WriteTimeout)); err != nil {
				c.end(withFIN)
				return
			}
		case <-life.C:
			c.send(ctx, outFrame{data: c.shutdownEvent()})
			c.sendClose()
			return
		case <-ctx.Done():
			c.sendClose()
			return
		case <-c.done:
			return
		}
	}
}

// send writes one frame; false when the connection has ended.
func (c *client) send(ctx context.Context, f outFrame) bool {
	ws := &c.srv.cfg.WebSocket
	if f.delay > 0 {
		t := time.NewTimer(f.delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			c.sendClose()
			return false
		case <-c.done:
			return false
		}
	}
	switch f.end {
	case withRST, withFIN:
		c.end(f.end)
		return false
	case closing:
		c.sendClose()
		return false
	}
	if c.silent() {
		return true
	}
	kind := websocket.TextMessage
	if f.binary {
		kind = websocket.BinaryMessage
	}
	c.conn.EnableWriteCompression(len(f.data) >= ws.CompressFrom)
	c.conn.SetWriteDeadline(time.Now().Add(ws.WriteTimeout))
	if err := c.conn.WriteMessage(kind, f.data); err != nil {
		c.end(withRST)
		return false
	}
	return true
}

func (c *client) sendClose() {
	msg := websocket.FormatCloseMessage(websocket.CloseGoingAway, "")
	c.conn.WriteControl(websocket.CloseMessage, msg, time.Now().Add(time.Second))
	c.end(withFIN)
}

// shutdownEvent is what Binance sends before it ends connections.
func (c *client) shutdownEvent() []byte {
	event := append(strconv.AppendInt([]byte(`{"e":"serverShutdown","E":`), c.srv.clock.nowUs()/int64(c.unit), 10), '}')
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.combined {
		event = append(append([]byte(`{"stream":"!serverShutdown","data":`), event...), '}')
	}
	return event
}

// read takes requests until the connection ends.
func (c *client) read() {
	defer c.end(withFIN)
	c.conn.SetReadLimit(64 << 10)
	var rate inboundRate
	limit := c.srv.cfg.WebSocket.MaxInbound
	tooMany := errors.New("too many messages")
	c.conn.SetPingHandler(func(payload string) error {
		if c.silent() {
			return nil
		}
		if rate.over(time.Now(), limit) {
			return tooMany
		}
		c.conn.WriteControl(websocket.PongMessage, []byte(payload), time.Now().Add(time.Second))
		return nil
	})
	c.conn.SetPongHandler(func(payload string) error {
		c.pings.answered(payload)
		if rate.over(time.Now(), limit) {
			return tooMany
		}
		return nil
	})
	for {
		kind, data, err := c.conn.ReadMessage()
		if err == nil && rate.over(time.Now(), limit) {
			err = tooMany
		}
		if errors.Is(err, tooMany) {
			msg := websocket.FormatCloseMessage(websocket.ClosePolicyViolation, "Too many requests")
			c.conn.WriteControl(websocket.CloseMessage, msg, time.Now().Add(time.Second))
		}
		if err != nil {
			return
		}
		if c.silent() || kind != websocket.TextMessage {
			continue
		}
		c.enqueue(outFrame{data: c.answer(data)})
	}
}

// inboundRate remembers when the last messages came.
type inboundRate struct{ times []time.Time }

// over counts a message and says whether it is one too many within a second.
func (r *inboundRate) over(now time.Time, limit int) bool {
	for len(r.times) > 0 && now.Sub(r.times[0]) >= time.Second {
		r.times = r.times[1:]
	}
	r.times = append(r.times, now)
	return len(r.times) > limit
}

// pingBook remembers the pings that have no answer yet.
type pingBook struct {
	mu   sync.Mutex
	sent []sentPing
}

type sentPing struct {
	payload string
	at      time.Time
}

// next returns the payload of a new ping, the time in milliseconds as Binance has it.
func (b *pingBook) next(now time.Time) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := strconv.FormatInt(now.UnixMilli(), 10)
	b.sent = append(b.sent, sentPing{p, now})
	return []byte(p)
}

// answered takes a pong: it counts for the ping whose payload it copies and those before it. Other pongs are allowed and count for nothing.
func (b *pingBook) answered(payload string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.sent {
		if b.sent[i].payload == payload {
			b.sent = append(b.sent[:0], b.sent[i+1:]...)
			return
		}
	}
}

func (b *pingBook) overdue(now time.Time, timeout time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.sent) > 0 && now.Sub(b.sent[0].at) > timeout
}
