package e2e

import (
	"io"
	"net"
	"slices"
	"sync"
	"testing"
)

// switchboard is an address whose connections end at another one, which can be changed.
type switchboard struct {
	addr string
	mu   sync.Mutex
	to   string
	open map[net.Conn]bool
	sent int64    // bytes that came back since the last change
	ends [][]byte // of the connections that are over: the last that came back
}

func newSwitchboard(t *testing.T, to string) *switchboard {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &switchboard{addr: l.Addr().String(), to: to, open: map[net.Conn]bool{}}
	t.Cleanup(func() { l.Close(); s.connect("") })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

func (s *switchboard) serve(c net.Conn) {
	defer c.Close()
	s.mu.Lock()
	to := s.to
	s.mu.Unlock()
	u, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer u.Close()
	s.mu.Lock()
	if s.to != to {
		s.mu.Unlock()
		return
	}
	s.open[c], s.open[u] = true, true
	s.mu.Unlock()
	// Small and fixed buffers of the kernel, so that a client that stands still is felt at the edge. But not smaller: into a window that does not take a whole
	// segment of loopback the kernel sends by a timer, which after a minute's stall is one of half a minute.
	_ = c.(*net.TCPConn).SetWriteBuffer(32 << 10)
	_ = u.(*net.TCPConn).SetReadBuffer(128 << 10)
	go func() { _, _ = io.Copy(u, c); c.Close(); u.Close() }()
	buf := make([]byte, 32<<10)
	var end []byte
	for {
		n, err := u.Read(buf)
		if err != nil {
			s.mu.Lock()
			s.ends = append(s.ends, end)
			s.mu.Unlock()
			return
		}
		end = append(end, buf[:n]...)
		end = slices.Clone(end[max(0, len(end)-128):])
		s.mu.Lock()
		if s.to == to {
			s.sent += int64(n)
		}
		s.mu.Unlock()
		if _, err := c.Write(buf[:n]); err != nil {
			return
		}
	}
}

// connect cuts every connection; those that come are connected with another address.
func (s *switchboard) connect(to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		c.Close()
	}
	clear(s.open)
	s.to, s.sent = to, 0
}

// lastWords returns the ends of the connections that are over.
func (s *switchboard) lastWords() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ends)
}

// through says whether a client is connected since the change, and has got more than answers: a retained value.
func (s *switchboard) through() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent > 1000
}
