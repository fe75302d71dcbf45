package broker

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// serve runs one connection until an intake waits for its client, or to its end.
func (b *Broker) serve(socket net.Conn, refuse packets.Code) {
	n := b.accepts.Add(1)
	c := newConn(socket, refuse, &b.cfg, &b.stats, b.pumps[n%uint32(len(b.pumps))])
	c.find = b.hub.index.find
	if !b.add(c) {
		_ = socket.Close()
		return
	}
	_ = c.setReadDeadline(time.Now().Add(b.cfg.ConnectTimeout.D()))
	for {
		err := b.next(c)
		if err != nil {
			b.end(c, err)
			return
		}
		if err, over := b.aside(c); over {
			b.end(c, err)
			return
		}
		if !c.parkable() || len(b.intakes) == 0 {
			continue
		}
		if err := b.intakes[n%uint32(len(b.intakes))].add(c); err != nil {
			b.log.Warn("a goroutine waits for a client", "error", err)
			continue
		}
		_ = c.setReadDeadline(time.Time{}) // the intake's from here on
		c.heard(time.Now())
		b.outOfTurn(c)
		return
	}
}

// aside is mochi in a goroutine of its own, which leaves the stack of this one small.
func (b *Broker) aside(c *conn) (err error, over bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		err, over = b.mochi(c)
	}()
	<-done
	return err, over
}

// mochi has the packet in unread answered; over: it was the last.
func (b *Broker) mochi(c *conn) (err error, over bool) {
	defer func() {
		if b.contains(c, recover()) {
			over = true
		}
	}()
	if c.client == nil {
		err = b.attach(c)
	} else {
		err = b.process(c)
	}
	c.heard(time.Now())
	return err, err != nil || c.client.Closed()
}

// next waits for the next packet that is mochi's business; what is ours is dealt with.
func (b *Broker) next(c *conn) (err error) {
	defer func() {
		if b.contains(c, recover()) {
			err = errPanic
		}
	}()
	return c.next()
}

var errPanic = errors.New("panic")

// contains makes a panic, which a packet can bring about in mochi or in us, the end of its connection, not of the process. r is what was recovered, nil if nothing.
func (b *Broker) contains(c *conn, r any) bool {
	if r == nil {
		return false
	}
	b.stats.panics.Add(1)
	b.log.Error("connection ended by a panic", "remote", c.RemoteAddr(), "panic", r, "stack", string(debug.Stack()))
	c.closeFor("panic")
	c.panicked = true
	return true
}

// end is the end of a connection. The caller has the reading side and keeps it.
func (b *Broker) end(c *conn, err error) {
	defer b.removeConn(c)
	if c.seat != nil {
		c.intake.remove(c)
	}
	if c.expiry != nil {
		c.expiry.Stop()
	}
	b.release(c, err)
	if c.ready {
		b.ready.lose(time.Now())
	}
	_ = c.Close()
	<-c.flushed
	if c.told() {
		linger(c.out.Conn)
	}
	_ = c.Conn.Close()
	b.stats.disconnected(c.endReason(err))
}

// lingering is how long, and for how many bytes, a client that was told why it is disconnected is still listened to.
const (
	lingering     = 2 * time.Second // a slow client works through what it has sent first
	lingeringRead = 256 << 10
)

// linger lets a client read what it was told. A socket that is closed with bytes unread resets the connection, and the reset overtakes them.
func linger(c net.Conn) {
	c = beneath(c)
	half, ok := c.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.SetReadDeadline(time.Now().Add(lingering))
	_, _ = io.CopyN(io.Discard, c, lingeringRead)
}

// enter says whether a connection may be served; serving is done with it then.
func (b *Broker) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.serving.Add(1)
	}
	return !b.closed
}

func (b *Broker) add(c *conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.conns[c] = struct{}{}
	b.serving.Add(1)
	b.stats.connections.Add(1)
	return true
}

func (b *Broker) removeConn(c *conn) {
	b.mu.Lock()
	delete(b.conns, c)
	b.mu.Unlock()
	b.stats.connections.Add(-1)
	b.serving.Done()
}

// claim gives the connection its session when CONNACK is written; present: it is the one from before.
func (b *Broker) claim(c *conn) (present bool) {
	cl := c.client
	current := func() bool {
		latest, ok := b.mqtt.Clients.Get(cl.ID)
		return ok && latest == cl
	}
	s, present, ended := b.sessions.claim(cl.ID, c, !cl.Properties.Clean, b.cfg.QueueMessages, current)
	if ended != nil {
		b.hub.kill(ended)
	}
	if s == nil {
		c.closeFor("session takeover")
		return false
	}
	c.session.Store(s)
	return present
}

// release takes the connection out of its session, and ends that if nothing keeps it.
func (b *Broker) release(c *conn, err error) {
	defer func() { b.contains(c, recover()) }()
	if c.client == nil {
		return
	}
	c.client.Stop(err)
	c.done()
	s := c.session.Load()
	last := s != nil && s.detach(c, time.Now().Add(b.outlives(c.client)))
	over := last && (c.panicked || expires(c.client))
	if over {
		b.endSession(s)
	}
	if c.listed && !b.sessions.holds(s) { // it may have been ended while its client was here
		b.delist(c.client)
	}
	if s != nil && b.general != nil {
		b.general.connectionEnded(b, c, !last, over)
	}
}

// endSession forgets a session. mochi forgets its client too, now if that is away, with its connection otherwise.
func (b *Broker) endSession(s *session) {
	b.sessions.remove(s)
	b.hub.kill(s)
	b.forgetOffline(s.id)
}

// makeRoom says whether a client of this id may have a session. Whoever is here goes before those who may come back: otherwise anyone could shut everyone out
// with sessions that nobody uses.
func (b *Broker) makeRoom(id string) bool {
	ok, ended := b.sessions.room(id, b.cfg.MaxSessions)
	if ended == nil {
		return ok
	}
	b.endSession(ended)
	b.stats.disconnected("offline session made room")
	return ok
}

// forgetOffline makes mochi forget a client whose session has ended while it was away.
func (b *Broker) forgetOffline(id string) {
	if cl, found := b.mqtt.Clients.Get(id); found && cl.Closed() {
		b.delist(cl)
	}
}

// endOverflowed ends a session that does not take its closed candles and status. The client, told so, connects anew and gets the retained values.
func (b *Broker) endOverflowed(s *session) {
	c := s.connection()
	b.endSession(s)
	if c == nil {
		b.stats.disconnected("queue full while offline")
		return
	}
	c.setReason("queue full")
	_ = b.mqtt.DisconnectClient(c.client, packets.ErrQuotaExceeded)
}

// connected returns the connections that have a session.
func (b *Broker) connected() (cs []*conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.conns {
		if c.session.Load() != nil {
			cs = append(cs, c)
		}
	}
	return cs
}

// sayGoodbye sends what waits for as long as the configuration gives, then disconnects everyone with a reason.
func (b *Broker) sayGoodbye() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	const look = 5 * time.Millisecond
	cs := b.connected()
	for end := time.Now().Add(b.cfg.ShutdownTimeout.D()); time.Now().Before(end); time.Sleep(look) {
		idle := true
		for _, c := range cs {
			idle = idle && c.idle()
		}
		if idle {
			break
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.conns {
		c.setReason("shutdown")
		if c.session.Load() != nil {
			_ = b.mqtt.DisconnectClient(c.client, packets.ErrServerShuttingDown)
		}
		_ = c.Close()
	}
}

// recovered is deferred where mochi calls us in a goroutine that nobody recovers.
func (b *Broker) recovered(where string) {
	if r := recover(); r != nil {
		b.stats.panics.Add(1)
		b.log.Error("panic", "in", where, "panic", r, "stack", string(debug.Stack()))
	}
}

// endReason names why a connection ended, for counting.
func (c *conn) endReason(err error) string {
	c.mu.Lock()
	reason := c.reason
	c.mu.Unlock()
	var code packets.Code
	if c.client != nil && errors.As(c.client.StopCause(), &code) && reason == "" {
		reason = code.Reason
	}
	switch {
	case reason != "":
		return reason
	case errors.Is(err, os.ErrDeadlineExceeded) && c.client == nil:
		return "no CONNECT in time"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return packets.ErrKeepAliveTimeout.Reason
	case errors.As(err, &code):
		return code.Reason
	case err == nil:
		return packets.CodeDisconnect.Reason
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed by the client"
	}
	return "connection lost"
}
