package broker

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/pires/go-proxyproto"
	"golang.org/x/time/rate"
)

// gate counts connections, in all and per address.
type gate struct {
	max, perAddress int
	connects        int // of one address within one window; 0: no limit
	slack           int // so many above max are let in to be told why they are refused; further ones are just closed

	requests int // of all clients of one address in a second; 0: no limit

	mu      sync.Mutex
	total   int
	from    map[netip.Addr]*origin
	window  time.Time // when the present one began
	arrived map[netip.Addr]int
}

const (
	connectsWindow = 10 * time.Second
	maxArrived     = 1 << 17 // addresses that a window remembers
)

// origin is an address with connections.
type origin struct {
	connections int
	requests    *rate.Limiter // that they share; nil: no limit
}

func newGate(cfg *Config) *gate {
	return &gate{max: cfg.MaxConnections, perAddress: cfg.MaxConnectionsPerAddress, connects: cfg.ConnectsPerAddress, requests: cfg.RequestsPerAddress,
		slack: min(8+cfg.MaxConnections/8, 256), from: map[netip.Addr]*origin{}, arrived: map[netip.Addr]int{}}
}

// enter counts a connection in all; false if it is to be closed at once, and then it is not counted.
func (g *gate) enter() (refuse packets.Code, open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.total >= g.max+g.slack {
		return refuse, false
	}
	g.total++
	if g.total > g.max {
		refuse = packets.ErrServerBusy
	}
	return refuse, true
}

// comesFrom counts a connection that has entered by its address. refuse is why it must be refused after its CONNECT, the zero code if it is welcome; open is
// false if it is to be closed at once, and then it is not counted by address.
func (g *gate) comesFrom(a netip.Addr, now time.Time) (refuse packets.Code, open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	o := g.from[a]
	if o != nil && g.perAddress > 0 && o.connections >= g.perAddress+g.slack || !g.inTime(a, now) {
		return refuse, false
	}
	if o == nil {
		o = &origin{requests: newRate(g.requests, 0)}
		g.from[a] = o
	}
	o.connections++
	if g.perAddress > 0 && o.connections > g.perAddress {
		refuse = packets.ErrQuotaExceeded
	}
	return refuse, true
}

// inTime says whether one more new connection of an address is within its rate.
func (g *gate) inTime(a netip.Addr, now time.Time) bool {
	if g.connects == 0 {
		return true
	}
	if now.Sub(g.window) >= connectsWindow || len(g.arrived) >= maxArrived {
		g.window = now
		clear(g.arrived)
	}
	g.arrived[a]++
	return g.arrived[a] <= g.connects
}

// leave takes back enter, and comesFrom if the address is valid.
func (g *gate) leave(from netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.total--
	g.drop(from)
}

// forget takes back comesFrom alone.
func (g *gate) forget(from netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.drop(from)
}

func (g *gate) drop(from netip.Addr) {
	o := g.from[from]
	if o == nil {
		return
	}
	if o.connections--; o.connections == 0 {
		delete(g.from, from)
	}
}

// requestsOf returns what the connections of a counted address may ask for in time; nil: no limit.
func (g *gate) requestsOf(from netip.Addr) *rate.Limiter {
	g.mu.Lock()
	defer g.mu.Unlock()
	if o := g.from[from]; o != nil {
		return o.requests
	}
	return nil
}

// originOf is what connections are counted by: the address, of IPv6 its /64, since one host has all of that.
func originOf(a netip.Addr) netip.Addr {
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
	gate          *gate
	tune          func(*net.TCPConn)
	stats         *counters
	proxies       networks
	headerTimeout time.Duration // for the PROXY protocol header
}

// Accept implements net.Listener.
func (l *gatedListener) Accept() (net.Conn, error) { return l.next() }

func (l *gatedListener) next() (*socket, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.stats.accepted.Add(1)
		s := &socket{Conn: c, gate: l.gate}
		var open bool
		if s.refuse, open = l.gate.enter(); !open {
			l.stats.disconnected("refused: connection limit")
			_ = c.Close()
			continue
		}
		if from := addressOf(c); l.proxies.hold(from) {
			s.Conn, s.proxied = behindProxy(c, l.headerTimeout), true
		} else if !s.count(from) {
			l.stats.disconnected(s.turnedAway())
			_ = s.Close()
			continue
		}
		if tcp, ok := c.(*net.TCPConn); ok {
			l.tune(tcp)
		}
		return s, nil
	}
}

// socket is a counted connection.
type socket struct {
	net.Conn
	gate    *gate
	refuse  packets.Code // why the CONNECT must be refused; zero: welcome
	proxied bool

	mu     sync.Mutex
	from   netip.Addr // not valid: not counted by address
	closed bool
}

// identify counts a connection of a load balancer by the client's address, once the header has told it; false if it is to be closed.
func (s *socket) identify() bool {
	p, ok := s.Conn.(*proxyproto.Conn)
	if !ok {
		return true // counted when it was accepted
	}
	from, ok := clientOf(p)
	if !ok {
		return false
	}
	s.proxied = false // from here on it is like any other
	return s.count(from)
}

func (s *socket) turnedAway() string {
	if s.proxied {
		return "no PROXY protocol header"
	}
	return "refused: connection limit of an address"
}

func (s *socket) count(from netip.Addr) bool {
	refuse, open := s.gate.comesFrom(from, time.Now())
	if !open {
		return false
	}
	if refuse != (packets.Code{}) {
		s.refuse = refuse
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed { // meanwhile, and left as one without an address
		s.gate.forget(from)
		return false
	}
	s.from = from
	return true
}

// Close implements net.Conn.
func (s *socket) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		s.gate.leave(s.from)
	}
	s.mu.Unlock()
	return s.Conn.Close()
}
