package broker

import (
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
	"golang.org/x/time/rate"
)

// newRate allows so many requests a second, and at once further ones. nil: no limit.
func newRate(perSecond, further int) *rate.Limiter {
	if perSecond == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(perSecond), perSecond+further)
}

// limitRequests bounds what a client, and all of its address together, may ask for in time: their packets, and each filter of a SUBSCRIBE once more. A client
// that comes back may subscribe to all that it may have at once. Publishers are not held to it.
func (b *Broker) limitRequests(c *conn) {
	if c.who.publisher {
		return
	}
	c.requests = newRate(b.cfg.RequestsPerSecond, b.cfg.MaxFilters)
	if a := remoteAddr(c); a.IsValid() {
		c.shared = b.gate.requestsOf(originOf(a.Addr()))
	}
}

// charge counts n requests. Too many end the connection: whoever sends faster than that is broken or means harm, and cannot be answered more slowly without
// holding up its acknowledgements.
func (b *Broker) charge(c *conn, n int) bool {
	now := time.Now()
	switch {
	case !within(c.requests, now, n):
		c.setReason("requests too fast")
	case !within(c.shared, now, n):
		c.setReason("requests of its address too fast")
	default:
		return true
	}
	_ = b.mqtt.DisconnectClient(c.client, packets.ErrMessageRateTooHigh)
	return false
}

func within(l *rate.Limiter, now time.Time, n int) bool {
	return l == nil || l.AllowN(now, min(n, l.Burst()))
}
