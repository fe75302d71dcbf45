package history

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// maxAddresses bounds what one minute can make us keep; addresses beyond it share one account.
const maxAddresses = 50_000

// limiter counts request weight per address and minute of the clock, as Binance does (rest-api.md, "IP Limits"). Of IPv6 the first 64 bits count: who has one address
// there has them all.
type limiter struct {
	limit  int
	mu     sync.Mutex
	minute int64
	used   map[netip.Addr]int
	others int
}

func newLimiter(limit int) *limiter { return &limiter{limit: limit, used: map[netip.Addr]int{}} }

// use takes weight; wait is above 0 if the address has used too much, and until when.
func (l *limiter) use(addr netip.Addr, weight int, now time.Time) (used int, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m := now.Unix() / 60; m != l.minute {
		l.minute, l.others = m, 0
		clear(l.used)
	}
	used, known := l.used[addr]
	shared := !known && len(l.used) >= maxAddresses
	if shared {
		used = l.others
	}
	if used < l.limit*2 { // a refused request counts too, but no number grows for ever
		used += weight
	}
	if shared {
		l.others = used
	} else {
		l.used[addr] = used
	}
	if used > l.limit {
		return used, time.Unix((l.minute+1)*60, 0).Sub(now)
	}
	return used, 0
}

// addressOf is the peer of the connection: a header can be made up.
func addressOf(remote string) netip.Addr {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	a = a.Unmap().WithZone("")
	if a.Is6() {
		p, _ := a.Prefix(64) // the length is valid
		return p.Addr()
	}
	return a
}
