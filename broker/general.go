package broker

import (
	"slices"
	"strings"
	"sync"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/broker/wire"
	"github.com/tickcast/tickcast/catalog"
)

// General opens a realm for any purpose: on every topic outside the reserved roots clients may publish, with retained messages, wills, shared subscriptions and
// QoS 2. It is for conformance suites. Market topics are then sent with QoS 0, because only one side can number a client's packets.
type General struct {
	AnyUser       bool     `yaml:"any_user"`       // whatever user name and password a client shows
	RefuseFilters []string `yaml:"refuse_filters"` // SUBSCRIBE is answered with 0x80
}

const (
	generalAliases  = 16      // Topic Alias Maximum
	generalWaiting  = 1 << 10 // messages that mochi has for one client
	generalInflight = 1 << 12 // unacknowledged or waiting for their client to come back
	generalRetained = 1 << 16 // retained messages; one more is forwarded and not retained
)

// general is the realm. Its messages take mochi's own path; what is here keeps mochi's faults from it. It shares no lock with the hub.
type general struct {
	cfg General

	// mochi reads a retained message's topic while it writes it. Publishers of retained messages write, subscribers read.
	retained sync.RWMutex

	wills wills
}

// generalOptions is what the realm needs of mochi beyond the market.
func generalOptions(caps *mqtt.Capabilities) {
	caps.MaximumClientWritesPending = generalWaiting
	caps.MaximumInflight = generalInflight
	caps.MaximumQos = 2
	caps.SharedSubAvailable = 1
}

// owns says whether a topic is the realm's.
func (g *general) owns(topic string) bool { return g != nil && topic != "" && !catalog.Reserved(topic) }

// check is what filterLimits.check is elsewhere: wide filters, shared ones and those of `$…` are granted.
func (g *general) check(filter string, l filterLimits) packets.Code {
	switch {
	case len(filter) > l.bytes, l.tooDeep(filter), !wire.ValidFilter(filter):
		return packets.ErrTopicFilterInvalid
	case slices.Contains(g.cfg.RefuseFilters, filter):
		return packets.ErrUnspecifiedError
	case wire.IsShared(filter) && catalog.Reserved(strings.SplitN(filter, "/", 3)[2]):
		return packets.ErrSharedSubscriptionsNotSupported
	}
	return packets.CodeSuccess
}

// connack completes what mochi says of itself.
func (g *general) connack(b *Broker, cl *mqtt.Client, p *packets.Properties, present bool) {
	p.TopicAliasMaximum = generalAliases
	if !present { // mochi may have taken over what the session does not have
		b.mqtt.UnsubscribeClient(cl)
		cl.ClearInflights()
	}
}

// resolve puts the topic in the place of its alias. mochi would ask for the right to publish on the empty topic.
func resolveAlias(c *conn, pk *packets.Packet) {
	if p := &pk.Properties; p.TopicAliasFlag {
		if pk.TopicName == "" {
			pk.TopicName = c.in.AliasTopic(p.TopicAlias)
		}
		p.TopicAlias, p.TopicAliasFlag = 0, false
	}
}

// publishing is called before mochi retains and forwards a message; retainedMessage after it has retained it.
func (g *general) publishing(b *Broker, c *conn, pk *packets.Packet) {
	if kept := b.mqtt.Topics.Retained; pk.FixedHeader.Retain && len(pk.Payload) > 0 && kept.Len() >= generalRetained {
		_, pk.FixedHeader.Retain = kept.Get(pk.TopicName)
	}
	if c != nil && pk.FixedHeader.Retain {
		g.retained.Lock()
		c.unlock = g.retained.Unlock
	}
}

// subscribed is called before SUBACK is written and retained messages are looked up.
func (g *general) subscribed(b *Broker, c *conn, pk packets.Packet) {
	g.retained.RLock()
	c.unlock = g.retained.RUnlock
	now := packetTime()
	for i, f := range pk.Filters {
		if f.Filter == "" {
			continue // refused
		}
		if f.Identifier > 0 { // mochi looks here for a retained message's identifiers [MQTT-3.3.4-3]
			pk.Filters[i].Identifiers = map[string]int{f.Filter: f.Identifier}
		}
		for _, m := range b.mqtt.Topics.Messages(f.Filter) { // expired, and not swept yet [MQTT-3.3.2-5]
			if m.Expiry > 0 && m.Expiry < now {
				b.mqtt.Topics.Retained.Delete(m.TopicName)
			}
		}
	}
}

// expire forgets messages that are not to be sent any more [MQTT-3.3.2-5].
func (g *general) expire(m *mqtt.Server, nowSeconds int64) {
	for topic, pk := range m.Topics.Retained.GetAll() {
		if pk.Expiry > 0 && pk.Expiry < nowSeconds {
			m.Topics.Retained.Delete(topic)
		}
	}
	for _, cl := range m.Clients.GetAll() {
		cl.ClearExpiredInflights(nowSeconds, m.Options.Capabilities.MaximumMessageExpiryInterval)
	}
}

// done releases what publishing or subscribed took.
func (c *conn) done() {
	if c.unlock != nil {
		c.unlock()
		c.unlock = nil
	}
}

// number makes mochi send a session's messages again in the order in which it got them: it sorts by the second of their creation, in 16 bits.
func (g *general) number(cl *mqtt.Client, pk packets.Packet) {
	c := connOf(cl)
	if c == nil || pk.FixedHeader.Type != packets.Publish || pk.FixedHeader.Dup {
		return
	}
	s := c.session.Load()
	if s == nil {
		return
	}
	if cl.State.Inflight.Len() <= 1 {
		s.order.Store(0) // or it would pass 16 bits in the midst of a session's messages
	}
	pk.Created = int64(s.order.Add(1))
	cl.State.Inflight.Set(pk)
	s.unsent.add(pk.PacketID)
}

// unsent says whether a message of the realm is sent for the first time.
func (c *conn) unsent(id uint16) bool {
	s := c.session.Load()
	return s != nil && s.unsent.take(id)
}
