//go:build linux

package edgebench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// loop reads all connections in one goroutine.
type loop struct {
	epoll   int
	clients map[int32]*client // by file descriptor
	buf     []byte
	events  []unix.EpollEvent
	writing []*client // those that have unsent packets
	lost    int       // clients whose connection ended

	// onPublish is called for each PUBLISH, with the run's clock.
	onPublish func(c *client, p *publication, nowNs int64)
	// onAnswer is called for each SUBACK, UNSUBACK and PUBACK.
	onAnswer func(kind byte)
	clock    func() int64
}

func newLoop(clock func() int64) (*loop, error) {
	const readBuffer, eventsAtOnce = 256 << 10, 1024
	l := &loop{clients: map[int32]*client{}, buf: make([]byte, readBuffer), events: make([]unix.EpollEvent, eventsAtOnce), clock: clock}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("open epoll: %w", err)
	}
	return l, nil
}

func (l *loop) close() { _ = unix.Close(l.epoll) }

// add makes the loop read the clients.
func (l *loop) add(clients ...*client) error {
	for _, c := range clients {
		if err := unix.SetNonblock(c.fd, true); err != nil {
			return fmt.Errorf("watch a connection: %w", err)
		}
		if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, c.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c.fd)}); err != nil {
			return fmt.Errorf("watch a connection: %w", err)
		}
		l.clients[int32(c.fd)] = c
	}
	return nil
}

// remove stops reading a client.
func (l *loop) remove(c *client) {
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, c.fd, nil)
	delete(l.clients, int32(c.fd))
}

// run reads until done says yes, at most for the time given; then timeout is true. step is called after each round, with what was received handled.
func (l *loop) run(ctx context.Context, atMost time.Duration, step func(), done func() bool) (timeout bool, err error) {
	const wait = 20 // ms; the longest until done is asked again
	for end := time.Now().Add(atMost); ; {
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case done():
			return false, nil
		case time.Now().After(end):
			return true, nil
		}
		patience := wait
		if l.retry(); len(l.writing) > 0 {
			patience = 1
		}
		n, err := unix.EpollWait(l.epoll, l.events, patience)
		if err != nil && err != unix.EINTR {
			return false, fmt.Errorf("wait for the broker: %w", err)
		}
		for _, e := range l.events[:max(n, 0)] {
			if c := l.clients[e.Fd]; c != nil {
				l.receive(c)
			}
		}
		step()
	}
}

// send gives packets to a client's socket, which takes them later if it cannot now.
func (l *loop) send(c *client, packets []byte) {
	waits := len(c.unsent) > 0
	if c.send(packets); !waits && len(c.unsent) > 0 {
		l.writing = append(l.writing, c)
	}
}

func (l *loop) retry() {
	l.writing = slices.DeleteFunc(l.writing, func(c *client) bool {
		c.flush()
		return c.gone != nil || len(c.unsent) == 0
	})
}

// receive reads once and handles every whole packet.
func (l *loop) receive(c *client) {
	had := copy(l.buf, c.rest)
	n, err := unix.Read(c.fd, l.buf[had:])
	if err == unix.EAGAIN || err == unix.EINTR {
		return
	}
	if err == nil && n == 0 {
		err = errGone
	}
	var content []byte
	if err == nil {
		content, err = c.content(l.buf[had : had+n])
	}
	if err == nil {
		err = l.handle(c, l.buf[:had+len(content)])
	}
	if err != nil {
		c.gone = err
		l.lost++
		l.remove(c)
		return
	}
	if len(c.acks) > 0 {
		l.send(c, c.acks)
		c.acks = c.acks[:0]
	}
}

func (l *loop) handle(c *client, b []byte) error {
	now := l.clock()
	for {
		first, body, size, err := nextPacket(b)
		if err != nil {
			return err
		}
		if size == 0 {
			c.rest = append(c.rest[:0], b...)
			if len(b) == len(l.buf) {
				return fmt.Errorf("%w: longer than %d bytes", errMalformed, len(l.buf))
			}
			return nil
		}
		b = b[size:]
		switch first & 0xf0 {
		case typePublish:
			p, err := parsePublish(first, body, c.Level)
			if err != nil {
				return err
			}
			if p.packetID != 0 {
				c.acks = appendPuback(c.acks, p.packetID)
			}
			p.size = size
			l.onPublish(c, &p, now)
		case typeDisconnect:
			return fmt.Errorf("%w: DISCONNECT % x", errClosed, body)
		default:
			l.onAnswer(first & 0xf0)
		}
	}
}
