package broker

import (
	"errors"
	"os"
	"sync"
	"time"
)

// batch is what one write sends.
type batch struct {
	bytes  []byte
	n      tally
	more   bool // there was more than fits
	closed bool // it is the last
}

// tally counts what one batch holds.
type tally struct {
	messages, tooLarge uint64
	most               uint64 // messages
}

func (n *tally) full() bool { return n.messages >= n.most }

// gather makes the next batch in buf: what mochi wrote, then what the session has.
//
// It looks at the session first. What the session gave out was released by an answer of mochi's (CONNACK, SUBACK) that is in the mailbox by then, so it
// cannot overtake it. A DISCONNECT is the last packet: nothing is sent behind it.
func (c *conn) gather(buf *[]byte) (b batch) {
	bytes := (*buf)[:frameRoom]
	if s := c.session.Load(); s != nil {
		bytes, b.more = c.collect(s, bytes, &b.n)
		*buf = bytes
	}
	c.mu.Lock()
	control, frames := c.control, c.frames
	c.control, c.frames = nil, nil
	b.closed = c.closed
	last := c.closed || c.leaving
	c.mu.Unlock()
	if last {
		bytes, b.n, b.more = bytes[:frameRoom], tally{}, false
	}
	if len(control) > 0 {
		with := make([]byte, frameRoom, len(control)+len(bytes))
		bytes = append(append(with, control...), bytes[frameRoom:]...)
	}
	b.bytes = c.out.seal(bytes)
	if len(frames) > 0 {
		b.bytes = append(frames, b.bytes...)
	}
	if b.closed && c.out.webSocket {
		b.bytes = append(b.bytes, closeFrame...)
	}
	return b
}

// account books a batch that was sent or failed. ended: nothing more is to be sent.
func (c *conn) account(b *batch, err error, now uint32) (ended bool) {
	if b.n.tooLarge > 0 {
		c.stats.tooLarge.Add(b.n.tooLarge)
		c.figures.tooLarge.Add(b.n.tooLarge)
	}
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.closeFor("write timeout")
		} else {
			c.closeFor("write failed")
		}
		return true
	}
	if len(b.bytes) > 0 {
		c.stats.sent.Add(b.n.messages)
		c.stats.sentBytes.Add(uint64(len(b.bytes)))
		c.figures.sent.Add(b.n.messages)
		c.figures.sentBytes.Add(uint64(len(b.bytes)))
		c.figures.wrote.Store(now)
	}
	return b.closed
}

// turn sends one batch, as far as the socket takes it at once. It is called by the pump, which knows about when it is (coarseMS).
func (c *conn) turn(buf *[]byte, now uint32) {
	if !c.lent.CompareAndSwap(false, true) {
		return // pending still: whoever has it looks when giving it back
	}
	if c.out.raw == nil {
		go c.sendBlocking()
		return
	}
	c.pending.Store(false) // before looking: whoever adds something later puts it in line anew
	b := c.gather(buf)
	n, err := c.out.try(b.bytes)
	if err == nil && n < len(b.bytes) {
		rest := append([]byte(nil), b.bytes[n:]...)
		go c.sendRest(rest, c.begun(b.bytes, n), b)
		return
	}
	if c.account(&b, err, now) {
		close(c.flushed)
		return
	}
	c.lent.Store(false)
	if b.more {
		c.kick()
	}
}

// sendRest waits until the socket has taken the rest of a batch, and gives the connection back to its pump. The first begun bytes belong to a message whose
// beginning was sent.
func (c *conn) sendRest(rest []byte, begun int, b batch) {
	const moment = 20 * time.Millisecond // what takes no longer is no stall
	n, err := c.sendWithin(rest, min(moment, c.cfg.WriteTimeout.D()), b.closed)
	if errors.Is(err, os.ErrDeadlineExceeded) && !c.isClosed() {
		rest = c.cut(rest, begun, n, &b)
		err = c.sendPatiently(rest, b.closed)
	}
	if c.account(&b, err, coarseMS(time.Now())) {
		close(c.flushed)
		return
	}
	c.lent.Store(false)
	if b.more {
		c.pending.Store(true)
	}
	if c.pending.Load() { // its place in line may have come and gone meanwhile
		c.pump.add(c, true)
	}
}

var batches = sync.Pool{New: func() any { b := make([]byte, frameRoom, 4<<10); return &b }}

// sendBlocking sends what there is over a connection whose writes may block.
func (c *conn) sendBlocking() {
	buf := batches.Get().(*[]byte)
	defer batches.Put(buf)
	for {
		c.pending.Store(false)
		b := c.gather(buf)
		var err error
		if len(b.bytes) > 0 {
			err = c.sendPatiently(b.bytes, b.closed)
		}
		if c.account(&b, err, coarseMS(time.Now())) {
			close(c.flushed)
			return
		}
		if b.more || c.pending.Load() {
			continue
		}
		c.lent.Store(false)
		if !c.pending.Load() || !c.lent.CompareAndSwap(false, true) {
			return
		}
	}
}

// sendPatiently is sendWithin the write timeout, which begins anew whenever the socket has taken something.
func (c *conn) sendPatiently(b []byte, closed bool) error {
	if !closed {
		c.out.took = c.tookSome
		defer func() { c.out.took = nil }()
	}
	_, err := c.sendWithin(b, c.cfg.WriteTimeout.D(), closed)
	return err
}

func (c *conn) tookSome() {
	if c.isClosed() {
		return
	}
	_ = c.out.SetWriteDeadline(time.Now().Add(c.cfg.WriteTimeout.D()))
	if c.isClosed() { // meanwhile
		_ = c.out.SetWriteDeadline(time.Now().Add(closingFlush))
	}
}

// sendWithin sends all of b; with nothing to send it waits until the socket takes something.
func (c *conn) sendWithin(b []byte, timeout time.Duration, closed bool) (n int, err error) {
	if closed {
		timeout = min(timeout, closingFlush)
	}
	c.waiting.Store(true)
	defer c.waiting.Store(false)
	_ = c.out.SetWriteDeadline(time.Now().Add(timeout))
	if !closed && c.isClosed() { // since, and before anybody could see that it waits
		_ = c.out.SetWriteDeadline(time.Now().Add(closingFlush))
	}
	if n, err = c.out.finish(b); err != nil {
		return n, err
	}
	return n, c.out.SetWriteDeadline(time.Time{})
}
