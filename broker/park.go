package broker

import (
	"errors"
	"io"
	"sync"
	"syscall"
)

// A connection's reading side belongs to one goroutine at a time. Over a plain TCP socket, while nothing arrives, it belongs to none: an intake waits for
// all such connections, and a client that says nothing holds neither stack nor buffer. Elsewhere (TLS, WebSocket, publishers) a goroutine waits in Read; its
// stack stays small because mochi's work is done in others.
const (
	busy   = iota // somebody reads
	again         // and more has arrived since
	parked        // nobody does
)

// errNothingYet is what an intake's connection reads when all that has arrived was read.
var errNothingYet = errors.New("nothing has arrived yet")

// readsPerTurn is how often an intake reads from one connection before others have their turn.
const readsPerTurn = 8

// parkable says whether an intake can wait for this client.
func (c *conn) parkable() bool {
	_, plain := c.Conn.(*socket)
	return plain && c.out.raw != nil && c.publish == nil && c.drained
}

// park gives the reading side up; false if there is more to read.
func (c *conn) park() bool {
	c.unread = nil // its buffer is not ours any more
	c.in.Rest()
	if !c.reading.CompareAndSwap(busy, parked) {
		c.drained = false
		c.reading.Store(busy)
		return false
	}
	return !c.isClosed() || !c.unpark()
}

// unpark takes the reading side of a connection that nobody reads from.
func (c *conn) unpark() bool {
	if !c.reading.CompareAndSwap(parked, busy) {
		return false
	}
	c.drained, c.reads = false, 0
	return true
}

// arrived takes the reading side if nobody has it; whoever has it looks again otherwise.
func (c *conn) arrived() bool {
	for {
		if c.unpark() {
			return true
		}
		if c.reading.Load() == again || c.reading.CompareAndSwap(busy, again) {
			return false
		}
	}
}

// receiver reads what a socket has, without waiting.
type receiver struct {
	p    []byte
	n    int
	err  error
	read func(fd uintptr) bool
}

var receivers = sync.Pool{New: func() any {
	r := new(receiver)
	r.read = r.receive
	return r
}}

func (r *receiver) receive(fd uintptr) bool {
	for {
		if r.n, r.err = receiveNow(int(fd), r.p); r.err != syscall.EINTR {
			return true
		}
	}
}

// receive is Read of a connection that an intake waits for.
func (c *conn) receive(p []byte) (n int, err error) {
	if c.drained {
		return 0, errNothingYet
	}
	r := receivers.Get().(*receiver)
	defer receivers.Put(r)
	r.p = p
	if err = c.out.raw.Read(r.read); err == nil {
		n, err = r.n, r.err
	}
	r.p = nil
	switch {
	case err == syscall.EAGAIN:
		c.drained = true
		return 0, errNothingYet
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	c.reads++
	c.drained = n < len(p) && !c.half.Load() // there is more: the client's end
	return n, nil
}

// inTurn deals with what has arrived. It is called by the intake, which nobody may hold up: mochi's work is done elsewhere.
func (b *Broker) inTurn(c *conn) {
	for c.reads < readsPerTurn {
		err := b.next(c)
		switch {
		case err == nil:
			go b.act(c)
			return
		case !errors.Is(err, errNothingYet):
			go b.end(c, err)
			return
		case c.park():
			return
		}
	}
	go b.outOfTurn(c)
}

// act has mochi work on a packet, and goes on.
func (b *Broker) act(c *conn) {
	if err, over := b.mochi(c); over {
		b.end(c, err)
		return
	}
	b.outOfTurn(c)
}

// outOfTurn deals with what has arrived.
func (b *Broker) outOfTurn(c *conn) {
	for {
		err := b.next(c)
		switch {
		case err == nil:
			if err, over := b.mochi(c); over {
				b.end(c, err)
				return
			}
		case !errors.Is(err, errNothingYet):
			b.end(c, err)
			return
		case c.park():
			return
		}
	}
}
