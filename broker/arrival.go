package broker

import (
	"fmt"
	"net"
	"strings"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/catalog"
)

// ArrivalTopics are topics beside the catalogue's whose messages carry no version: each gets its topic's next one when it arrives. Any number of publishers may
// write there, of MQTT 3.1.1 too, and the publisher's RETAIN bit counts for nothing: the class says what is retained. It is for measuring with tools that know
// nothing of versions; a repetition after a crash is not recognized, so it is no way for market data.
type ArrivalTopics struct {
	Filter string        `yaml:"filter"`
	Class  catalog.Class `yaml:"class"`
}

func (c *Config) validateArrival() error {
	limits := filterLimits{levels: c.MaxFilterLevels, bytes: c.MaxFilterBytes}
	for i, a := range c.ArrivalTopics {
		if code := limits.check(a.Filter); code != packets.CodeSuccess {
			return fmt.Errorf("arrival_topics[%d].filter: %q: %s", i, a.Filter, code.Reason)
		}
	}
	return nil
}

// classify returns the class of a topic that may be published on; false if it is none. The catalogue comes first: what has a place there needs a version.
func (b *Broker) classify(topic string) (class catalog.Class, byArrival, ok bool) {
	if class, ok = b.classOf(topic); ok {
		return class, false, true
	}
	for _, a := range b.cfg.ArrivalTopics {
		if matches(a.Filter, topic) {
			return a.Class, true, true
		}
	}
	return 0, false, false
}

// loopbackOnly says whether nobody outside this machine can reach the listeners.
func (c *Config) loopbackOnly() bool {
	for _, addr := range []string{c.TCP, c.WebSocket, c.TLS.TCP, c.TLS.WebSocket} {
		if addr == "" {
			continue
		}
		host, _, err := net.SplitHostPort(addr)
		if ip := net.ParseIP(strings.Trim(host, "[]")); err != nil || ip == nil || !ip.IsLoopback() {
			return false
		}
	}
	return true
}
