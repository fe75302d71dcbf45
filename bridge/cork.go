package bridge

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"sync"
)

// mostCorked is what a held connection gathers at most before it writes.
const mostCorked = 32 << 10

// corked is a connection to an edge that writes whole packets, and while it is held several at once: a trade makes four messages, and a write for each of them costs
// the bridge and the edge more than all else that they do for it. The MQTT client locks it around the pieces of a packet. An error of a write is that of the next one.
type corked struct {
	net.Conn
	mu   sync.Mutex
	held bool
	buf  []byte
	err  error
}

func dial(ctx context.Context, u *url.URL) (*corked, error) {
	var c net.Conn
	var err error
	if u.Scheme == "mqtts" {
		c, err = new(tls.Dialer).DialContext(ctx, "tcp", u.Host)
	} else {
		c, err = new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	}
	if err != nil {
		return nil, err
	}
	return &corked{Conn: c}, nil
}

// Lock and Unlock are for the MQTT client.
func (c *corked) Lock() { c.mu.Lock() }

func (c *corked) Unlock() {
	if !c.held || len(c.buf) >= mostCorked {
		c.flush()
	}
	c.mu.Unlock()
}

// Write takes a piece of a packet.
func (c *corked) Write(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	c.buf = append(c.buf, p...)
	return len(p), nil
}

func (c *corked) flush() {
	if len(c.buf) > 0 && c.err == nil {
		_, c.err = c.Conn.Write(c.buf)
	}
	c.buf = c.buf[:0]
}

// hold begins to gather, or ends it and writes what was gathered.
func (c *corked) hold(on bool) {
	if c == nil {
		return // not connected yet
	}
	c.mu.Lock()
	c.held = on
	c.Unlock()
}
