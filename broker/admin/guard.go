package admin

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How many calls of one address without a right key are answered as such, before they are told to wait.
const (
	failBurst = 20
	failEvery = 3 * time.Second // one more after so long
	failTable = 1024            // addresses that are remembered
)

// guard finds out who calls.
type guard struct {
	keys *keyring

	mu     sync.Mutex
	failed map[netip.Addr]*rate.Limiter
}

func newGuard(keys *keyring) *guard {
	return &guard{keys: keys, failed: map[netip.Addr]*rate.Limiter{}}
}

// who returns the caller's key. A right one is taken whatever its address did before: behind a proxy all callers have one address, and whoever fails there must
// not shut out the others. So a call without one costs a hash of its header (httpport bounds that) and an entry of the table, nothing else; what bounds guessing
// is the length of the keys, see key.
func (g *guard) who(r *http.Request) (key, *problem) {
	name, presented, given := credentials(r)
	if given {
		if k, ok := g.keys.find(name, presented); ok {
			return k, nil
		}
	}
	switch wait := g.fail(callerOf(r)); {
	case wait > 0:
		return key{}, tooManyFailures(wait)
	case !given:
		return key{}, unauthorized("no API key: send it as `Authorization: Bearer …`, or by Basic with the key's name as user")
	}
	return key{}, unauthorized("the API key is not known here")
}

func credentials(r *http.Request) (name, presented string, given bool) {
	if name, presented, ok := r.BasicAuth(); ok {
		return name, presented, presented != "" && name != ""
	}
	scheme, presented, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	presented = strings.TrimSpace(presented)
	return "", presented, strings.EqualFold(scheme, "Bearer") && presented != ""
}

// fail counts a call without a right key. After too many it says how long until the next one is counted.
func (g *guard) fail(from netip.Addr) (wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.failed[from]
	if l == nil {
		if len(g.failed) >= failTable {
			g.forget()
		}
		l = rate.NewLimiter(rate.Every(failEvery), failBurst)
		g.failed[from] = l
	}
	if l.Allow() {
		return 0
	}
	return max(time.Duration((1-l.Tokens())*float64(failEvery)), time.Nanosecond)
}

// forget makes room: addresses whose failures are long ago go, or else any one.
func (g *guard) forget() {
	var any netip.Addr
	for a, l := range g.failed {
		any = a
		if l.Tokens() >= failBurst {
			delete(g.failed, a)
		}
	}
	if len(g.failed) >= failTable {
		delete(g.failed, any)
	}
}

// callerOf is what failures are counted by: the address, of IPv6 its /64, since one host has all of that.
func callerOf(r *http.Request) netip.Addr {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	a, _ := netip.ParseAddr(host)
	if a = a.Unmap().WithZone(""); a.Is4() {
		return a
	}
	p, _ := a.Prefix(64)
	return p.Addr()
}
