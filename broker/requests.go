package broker

import (
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
	"golang.org/x/time/rate"
)

// newRequests bounds what one client may ask for in time: its packets, and each filter of a SUBSCRIBE once more. A client that comes back may subscribe to all
// that it may have at once. nil: no limit.
func newRequests(cfg *Config) *rate.Limiter {
	if cfg.RequestsPerSecond == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(cfg.RequestsPerSecond), cfg.RequestsPerSecond+cfg.MaxFilters)
}

// charge counts n requests. Too many end the connection: whoever sends faster than that is broken or means harm, and cannot be answered more slowly without
// holding up its acknowledgements.
func (b *Broker) charge(c *conn, n int) bool {
	if c.requests == nil || c.who.publisher || c.requests.AllowN(time.Now(), min(n, c.requests.Burst())) {
		return true
	}
	c.setReason("requests too fast")
	_ = b.mqtt.DisconnectClient(c.client, packets.ErrMessageRateTooHigh)
	return false
}
