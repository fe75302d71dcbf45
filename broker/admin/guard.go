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

// What wrong keys may be tried from one address before calls from there are refused unread.
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

// who returns the caller's key. Calls from an address with too many wrong keys are refused without a look at theirs, or guessing would only be counted.
func (g *guard) who(r *http.Request) (key, *problem) {
	from := callerOf(r)
	if wait := g.blocked(from); wait > 0 {
		return key{}, tooManyFailures(wait)
	}
	name, presented, given := credentials(r)
	if !given {
		return key{}, unauthorized("no API key: send it as `Authorization: Bearer …`, or by Basic with the key's name as user")
	}
	k, ok := g.keys.find(name, presented)
	if !ok {
		g.fail(from)
		return key{}, unauthorized("the API key is not known here")
	}
	return k, nil
}

func credentials(r *http.Request) (name, presented string, given bool) {
	if name, presented, ok := r.BasicAuth(); ok {
		return name, presented, presented != "" && name != ""
	}
	scheme, presented, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	presented = strings.TrimSpace(presented)
	return "", presented, strings.EqualFold(scheme, "Bearer") && presented != ""
}

func (g *guard) blocked(from netip.Addr) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.failed[from]
	if l == nil || l.Tokens() >= 1 {
		return 0
	}
	return time.Duration((1 - l.Tokens()) * float64(failEvery))
}

func (g *guard) fail(from netip.Addr) {
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
	l.Allow()
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
