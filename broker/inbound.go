package broker

import (
	"errors"
	"io"
	"time"

	"github.com/tickcast/tickcast/broker/wire"
	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/market"
)

// maxConnectBytes bounds the first packet of a connection, from whoever it may be. A token in the password needs some KiB.
const maxConnectBytes = 16 << 10

// wireLimits are what packets of clients are held to.
func wireLimits(cfg *Config) wire.Limits {
	l := wire.Limits{ConnectBytes: min(maxConnectBytes, int(cfg.MaxPacket)), PacketBytes: int(cfg.MaxPacket), MaxQoS: 1, StrictIDs: cfg.StrictClientIDs}
	if cfg.General != nil {
		l.MaxQoS, l.TopicAliases = 2, generalAliases
	}
	return l
}

// next waits for a packet that is mochi's business; it is in unread then. What comes there is valid: mochi's decoder panics at some packets, and lets others
// through that a server must refuse. What the hub's data path is about, mochi does not see.
func (c *conn) next() error {
	for {
		pk, err := c.in.Next()
		if err != nil {
			c.caughtUp()
			return c.invalid(err)
		}
		if c.takes(&pk) {
			c.behind = true
			continue
		}
		c.unread = pk.Raw
		c.note(&pk)
		return nil
	}
}

// Read gives mochi the packet in unread, and nothing behind it.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.unread) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(p, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}

// takes says whether a packet was for the hub: an acknowledgement of one of its messages, or a publisher's message that needs no answer.
func (c *conn) takes(pk *wire.Packet) bool {
	switch pk.Type {
	case wire.Puback:
		s := c.session.Load()
		return s != nil && s.ack(c, pk.ID())
	case wire.Publish:
		return pk.QoS() == 0 && c.publish != nil && c.publish(pk)
	}
	return false
}

// caughtUp has the effects of what was taken: one wake-up for all packets that arrived together.
func (c *conn) caughtUp() {
	if !c.behind {
		return
	}
	c.behind = false
	if c.publish != nil {
		c.pumpAll()
	}
	c.kick()
	if now := time.Now(); c.patience > 0 && now.Sub(c.refreshed) > c.patience/16 {
		c.heard(now)
	}
}

// inflow is what the packets of a connection are read from.
type inflow conn

// Read implements io.Reader. It is called when all that has arrived before was dealt with.
func (f *inflow) Read(p []byte) (int, error) {
	c := (*conn)(f)
	c.caughtUp()
	if c.seat != nil {
		return c.receive(p)
	}
	n, err := c.Conn.Read(p)
	c.drained = n < len(p) // a layer below may hold more otherwise
	return n, err
}

// takePublish takes a publisher's message straight into the hub; false: it is not that simple, mochi and its hooks decide.
func (b *Broker) takePublish(c *conn, pk *wire.Packet) bool {
	p := c.in.Publication(pk)
	topic := string(p.Topic)
	class, byArrival, known := b.classify(topic)
	if !known || topic == catalog.BridgeTopic || p.HasAlias() {
		return false
	}
	m := Message{Topic: topic, Class: class, Payload: p.Payload}
	if byArrival {
		b.hub.arrive(&m)
		return true
	}
	text, ok := p.User(catalog.VersionName)
	if !ok {
		return false
	}
	v, err := market.ParseVersionHex(string(text))
	if err != nil {
		return false
	}
	m.Version = v
	b.hub.publish(&m)
	return true
}

// note takes from a packet what is no business of mochi's.
func (c *conn) note(pk *wire.Packet) {
	switch {
	case pk.Type == wire.Disconnect:
		c.goodbye = pk.Code() == wire.CodeSuccess // 0x04 asks for the will
	case c.flow != nil && endsDelivery(pk):
		c.mu.Lock()
		c.control = c.flow.acked(c.control, pk.ID(), c.v5)
		c.mu.Unlock()
		c.kick()
	}
}

// invalid answers a packet that broke a rule and ends the connection; any other error is returned as it is.
func (c *conn) invalid(err error) error {
	var broken *wire.Error
	if errors.As(err, &broken) {
		if answer := broken.Answer(); answer != nil {
			_, _ = c.Write(answer)
		}
		c.closeFor(broken.Error())
	}
	return err
}
