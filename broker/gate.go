package broker

import (
	"net"
	"net/netip"
	"sync"

	"github.com/mochi-mqtt/server/v2/packets"
)

// gate counts connections, in all and per address.
type gate struct {
	max, perAddress int
	slack           int // so many above max are let in to be told why they are refused; further ones are just closed

	mu    sync.Mutex
	total int
	from  map[netip.Addr]int
}

func newGate(limit, perAddress int) *gate {
	return &gate{max: limit, perAddress: perAddress, slack: min(8+limit/8, 256), from: map[netip.Addr]int{}}
}

// enter counts a connection. refuse is why it must be refused after its CONNECT, the zero code if it is welcome; open is false if it is to be closed at
// once, and then it is not counted.
func (g *gate) enter(from netip.Addr) (refuse packets.Code, open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.total >= g.max+g.slack {
		return refuse, false
	}
	g.total++
	g.from[from]++
	switch {
	case g.total > g.max:
		refuse = packets.ErrServerBusy
	case g.perAddress > 0 && g.from[from] > g.perAddress:
		refuse = packets.ErrQuotaExceeded
		if g.from[from] > g.perAddress+g.slack {
			g.exit(from)
			return refuse, false
		}
	}
	return refuse, true
}

func (g *gate) leave(from netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.exit(from)
}

func (g *gate) exit(from netip.Addr) {
	g.total--
	if g.from[from]--; g.from[from] <= 0 {
		delete(g.from, from)
	}
}

// origin is what connections are counted by: the address, of IPv6 its /64, since one host has all of that.
func origin(a netip.Addr) netip.Addr {
	if a = a.Unmap(); a.Is4() {
		return a
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr()
}

// gatedListener gives out sockets that are counted and tuned.
type gatedListener struct {
	net.Listener
	gate  *gate
	tune  func(*net.TCPConn)
	stats *counters
}

// Accept implements net.Listener.
func (l *gatedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.stats.accepted.Add(1)
		var from netip.Addr
		if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
			from = origin(a.AddrPort().Addr())
		}
		refuse, open := l.gate.enter(from)
		if !open {
			l.stats.disconnected("refused: connection limit")
			_ = c.Close()
			continue
		}
		if tcp, ok := c.(*net.TCPConn); ok {
			l.tune(tcp)
		}
		return &socket{Conn: c, gate: l.gate, from: from, refuse: refuse}, nil
	}
}

// socket is a counted connection.
type socket struct {
	net.Conn
	gate   *gate
	from   netip.Addr
	refuse packets.Code
	once   sync.Once
}

// Close implements net.Conn.
func (s *socket) Close() error {
	s.once.Do(func() { s.gate.leave(s.from) })
	return s.Conn.Close()
}
