package broker

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
)

// networks are load balancers, whose word about where a connection comes from is taken.
type networks []netip.Prefix

func parseNetworks(texts []string) (ns networks, err error) {
	for i, text := range texts {
		n, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %q is no network such as 10.0.0.0/8", i, text)
		}
		ns = append(ns, n.Masked())
	}
	return ns, nil
}

func (ns networks) hold(a netip.Addr) bool {
	for _, n := range ns {
		if n.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

// behindProxy makes a connection of a load balancer one of the client that the PROXY protocol header names. The header is read with the first byte that is
// asked for, not in the loop that accepts. Without one the connection is not served: any client could otherwise pass for another.
func behindProxy(c net.Conn, headerTimeout time.Duration) *proxyproto.Conn {
	return proxyproto.NewConn(c, proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.SetReadHeaderTimeout(headerTimeout))
}

// beneath returns the connection under what we have laid over it, which is between us and what arrives only, and done with once the first byte has.
func beneath(c net.Conn) net.Conn {
	if s, ok := c.(*socket); ok {
		c = s.Conn
	}
	if p, ok := c.(*proxyproto.Conn); ok {
		c = p.Raw()
	}
	return c
}

// clientOf waits for the header and returns the client's address; false if there is none.
func clientOf(c *proxyproto.Conn) (netip.Addr, bool) {
	if c.ProxyHeader() == nil {
		return netip.Addr{}, false
	}
	return addressOf(c), true
}

func addressOf(c net.Conn) netip.Addr {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return originOf(a.AddrPort().Addr())
	}
	return netip.Addr{}
}
