package simexchange

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// limiter counts request weight and connection attempts per address (rest-api.md, "LIMITS"). Its clock is the real one.
type limiter struct {
	cfg   LimitsConfig
	mu    sync.Mutex
	hosts map[string]*usage
}

type usage struct {
	minute      int64 // of used
	used        int
	refused     int // requests after the limit, in this minute
	bannedUntil time.Time
	dials       []time.Time
}

// afterRefusals is how many requests with an answer of 429 lead to a ban.
const afterRefusals = 20

func newLimiter(cfg LimitsConfig) *limiter { return &limiter{cfg: cfg, hosts: map[string]*usage{}} }

func (l *limiter) of(host string) *usage {
	u := l.hosts[host]
	if u == nil {
		u = &usage{}
		l.hosts[host] = u
	}
	return u
}

// use takes weight. status is 200, 429 or 418, wait the time until it is worth while to ask again.
func (l *limiter) use(host string, weight int, now time.Time) (used, status int, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.of(host)
	if m := now.Unix() / 60; m != u.minute {
		u.minute, u.used, u.refused = m, 0, 0
	}
	if now.Before(u.bannedUntil) {
		return u.used, http.StatusTeapot, u.bannedUntil.Sub(now)
	}
	u.used += weight
	if u.used <= l.cfg.Weight {
		return u.used, http.StatusOK, 0
	}
	if u.refused++; u.refused > afterRefusals {
		u.bannedUntil = now.Add(l.cfg.Ban)
		return u.used, http.StatusTeapot, l.cfg.Ban
	}
	return u.used, http.StatusTooManyRequests, time.Unix((u.minute+1)*60, 0).Sub(now)
}

// dial counts a connection attempt and says whether it is allowed.
func (l *limiter) dial(host string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.of(host)
	for len(u.dials) > 0 && now.Sub(u.dials[0]) >= 5*time.Minute {
		u.dials = u.dials[1:]
	}
	if len(u.dials) >= l.cfg.Connections {
		return false
	}
	u.dials = append(u.dials, now)
	return true
}

func hostOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
