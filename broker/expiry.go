package broker

import (
	"context"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
)

// expiryLoop ends sessions whose clients have been away for longer than they asked for. It stands in the place of mochi's event loop, which copies its list of
// clients some times each second, leaves an expired client's filters in its index, and may forget a newer client of the same id.
func (b *Broker) expiryLoop(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			b.expire(now)
		}
	}
}

func (b *Broker) expire(now time.Time) {
	defer b.recovered("expiry")
	for _, s := range b.sessions.expire(now) {
		b.hub.kill(s)
		b.forgetOffline(s.id)
	}
	if b.general != nil {
		b.general.expire(b.mqtt, now.Unix())
	}
}

// expires says whether the session ends with the connection.
func expires(cl *mqtt.Client) bool {
	if cl.Properties.ProtocolVersion == 5 {
		return cl.Properties.Props.SessionExpiryInterval == 0
	}
	return cl.Properties.Clean
}

// outlives is how long a client's session outlives its connection.
func (b *Broker) outlives(cl *mqtt.Client) time.Duration {
	longest := b.cfg.SessionExpiry.D()
	if cl.Properties.ProtocolVersion == 5 {
		return min(time.Duration(cl.Properties.Props.SessionExpiryInterval)*time.Second, longest)
	}
	return longest // MQTT 3.1.1 has no way to ask
}
