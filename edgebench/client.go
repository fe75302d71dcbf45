//go:build linux

package edgebench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// client is one connection. After connect it belongs to the loop.
type client struct {
	*endpoint
	number int // subscribers count from 0; the publisher is -1
	fd     int
	frames deframer
	rest   []byte // beginning of a packet whose end has not come
	acks   []byte // PUBACKs of the packets in work
	unsent []byte // what the socket did not take
	gone   error  // why it is over, nil: it is not
}

const (
	handshakeTimeout = 20 * time.Second
	// stalledBuffer is the receive buffer of a subscriber that does not read: small, so that it is the broker that has to keep what it misses.
	stalledBuffer = 16 << 10
)

// connect opens a connection and completes CONNECT. readBuffer 0 leaves the kernel's default.
func (e *endpoint) connect(number int, id string, readBuffer int) (*client, error) {
	c := &client{endpoint: e, number: number}
	domain, to := unix.AF_INET, unix.Sockaddr(nil)
	if a := e.at.Addr(); a.Is4() {
		to = &unix.SockaddrInet4{Port: int(e.at.Port()), Addr: a.As4()}
	} else {
		domain, to = unix.AF_INET6, &unix.SockaddrInet6{Port: int(e.at.Port()), Addr: a.As16()}
	}
	var err error
	if c.fd, err = unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("open a socket: %w", err)
	}
	limit := unix.NsecToTimeval(handshakeTimeout.Nanoseconds())
	err = errors.Join(
		unix.SetsockoptInt(c.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit),
		unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit))
	if readBuffer > 0 {
		err = errors.Join(err, unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, readBuffer))
	}
	if err == nil {
		err = c.handshake(to, id)
	}
	if err != nil {
		_ = unix.Close(c.fd)
		return nil, fmt.Errorf("connect to %s: %w", e.at, err)
	}
	return c, nil
}

// read blocks. The runtime's signals interrupt reads of sockets that have a timeout.
func read(fd int, buf []byte) (n int, err error) {
	for {
		if n, err = unix.Read(fd, buf); err != unix.EINTR {
			return n, err
		}
	}
}

func connectSocket(fd int, to unix.Sockaddr) error {
	err := unix.Connect(fd, to)
	for err == unix.EINTR { // it goes on by itself [connect(2)]
		if _, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, int(handshakeTimeout.Milliseconds())); err != nil {
			continue
		}
		var code int
		if code, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && code != 0 {
			err = unix.Errno(code)
		}
	}
	return err
}

func (c *client) handshake(to unix.Sockaddr, id string) error {
	if err := connectSocket(c.fd, to); err != nil {
		return err
	}
	if c.WebSocket {
		if err := c.upgrade(); err != nil {
			return err
		}
	}
	user, password := "", ""
	if c.number < 0 {
		user, password = c.User, c.Password
	}
	if err := c.writeAll(appendConnect(nil, c.Level, id, user, password)); err != nil {
		return fmt.Errorf("send CONNECT: %w", err)
	}
	body, err := c.await(typeConnack)
	if err != nil {
		return fmt.Errorf("CONNECT: %w", err)
	}
	if len(body) < 2 || body[1] != 0 {
		return fmt.Errorf("CONNECT: the broker answered % x", body)
	}
	return nil
}

func (c *client) upgrade() error {
	request := upgradeRequest(c.Address, c.Path)
	if _, err := unix.Write(c.fd, request); err != nil {
		return fmt.Errorf("upgrade to WebSocket: %w", err)
	}
	var answer []byte
	for {
		buf := make([]byte, 1) // nothing of the first frame
		n, err := read(c.fd, buf)
		if err != nil || n == 0 {
			return fmt.Errorf("upgrade to WebSocket: %w", errors.Join(err, errGone))
		}
		answer = append(answer, buf[:n]...)
		size, err := upgraded(answer)
		if err != nil || size > 0 {
			return err
		}
		if len(answer) > 16<<10 {
			return errors.New("upgrade to WebSocket: the answer does not end")
		}
	}
}

// subscribe asks for the topics and waits for the answer.
func (c *client) subscribe(qos byte, filters ...string) error {
	const id = 1
	if err := c.writeAll(appendSubscribe(nil, c.Level, id, qos, filters...)); err != nil {
		return fmt.Errorf("send SUBSCRIBE: %w", err)
	}
	body, err := c.await(typeSuback)
	if err != nil {
		return fmt.Errorf("SUBSCRIBE: %w", err)
	}
	return checkSuback(body, c.Level, len(filters), qos)
}

// await blocks until a packet of the type comes, and passes over all others.
func (c *client) await(kind byte) ([]byte, error) {
	buf := make([]byte, 64<<10)
	for {
		first, body, size, err := nextPacket(c.rest)
		switch {
		case err != nil:
			return nil, err
		case size == 0:
			n, err := read(c.fd, buf)
			if err != nil || n == 0 {
				return nil, errors.Join(err, errGone)
			}
			content, err := c.content(buf[:n])
			if err != nil {
				return nil, err
			}
			c.rest = append(c.rest, content...)
			continue
		}
		body = append([]byte(nil), body...)
		c.rest = append(c.rest[:0], c.rest[size:]...)
		if first&0xf0 == kind&0xf0 {
			return body, nil
		}
	}
}

// content returns the MQTT bytes in what was read.
func (c *client) content(read []byte) ([]byte, error) {
	if !c.WebSocket {
		return read, nil
	}
	return c.frames.strip(read)
}

// writeAll sends packets and waits until the socket has taken them.
func (c *client) writeAll(packets []byte) error {
	if c.WebSocket {
		packets = appendFrame(nil, opBinary, packets)
	}
	for len(packets) > 0 {
		n, err := unix.Write(c.fd, packets)
		switch {
		case err == unix.EAGAIN:
			if _, err = unix.Poll([]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLOUT}}, int(handshakeTimeout.Milliseconds())); err != nil && err != unix.EINTR {
				return err
			}
		case err != nil && err != unix.EINTR:
			return err
		}
		packets = packets[max(n, 0):]
	}
	return nil
}

// send gives packets to the socket without waiting; what it does not take stays for flush.
func (c *client) send(packets []byte) {
	if c.gone != nil {
		return
	}
	if c.WebSocket {
		c.unsent = appendFrame(c.unsent, opBinary, packets)
	} else {
		c.unsent = append(c.unsent, packets...)
	}
	c.flush()
}

func (c *client) flush() {
	if c.gone != nil || len(c.unsent) == 0 {
		return
	}
	n, err := unix.Write(c.fd, c.unsent)
	if err != nil && err != unix.EAGAIN && err != unix.EINTR {
		c.gone = err
		return
	}
	c.unsent = append(c.unsent[:0], c.unsent[max(n, 0):]...)
}

// close ends the connection as MQTT wants it.
func (c *client) close() {
	if c.gone == nil {
		disconnect := []byte{typeDisconnect, 0}
		if c.WebSocket {
			disconnect = appendFrame(nil, opBinary, disconnect)
		}
		_, _ = unix.Write(c.fd, disconnect) // the connection is over either way
	}
	_ = unix.Close(c.fd)
}

// connectAll opens n connections, a few at a time, and prepares each with ready.
func (e *endpoint) connectAll(ctx context.Context, n int, name string, readBuffer int, ready func(*client) error) ([]*client, error) {
	const atOnce = 8
	clients := make([]*client, n)
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var workers sync.WaitGroup
	for w := range atOnce {
		workers.Go(func() {
			for i := w; i < n && ctx.Err() == nil; i += atOnce {
				c, err := e.connect(i, fmt.Sprintf("bench-%s-%d", name, i), readBuffer)
				if err == nil {
					clients[i] = c
					err = ready(c)
				}
				if err != nil {
					fail(fmt.Errorf("subscriber %d of %d: %w", i, n, err))
					return
				}
			}
		})
	}
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		closeAll(clients)
		return nil, err
	}
	return clients, nil
}

func closeAll(clients []*client) {
	for _, c := range clients {
		if c != nil {
			c.close()
		}
	}
}
