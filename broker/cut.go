package broker

import (
	"encoding/binary"

	"github.com/tickcast/tickcast/catalog"
)

// cut returns what is still to be sent of a batch of which the socket took n bytes: it was full. When it takes more again, perhaps after minutes, a client is
// to have the newest values and not those of this moment; so the state topics whose messages nothing has been sent of are put in line again instead.
func (c *conn) cut(b *batch, n int) (rest []byte) {
	s := c.session.Load()
	if c.out.webSocket || s == nil || c.find == nil || b.n.messages == 0 { // a WebSocket's client was told how long the batch is
		return append(rest, b.bytes[n:]...)
	}
	at := 0
	for at < n {
		at += packetBytes(b.bytes[at:])
	}
	rest = append(rest, b.bytes[n:at]...)
	for at < len(b.bytes) {
		p := b.bytes[at : at+packetBytes(b.bytes[at:])]
		at += len(p)
		if t := c.stateTopic(p); t != nil && s.putBack(c, t, p[0]&bitRetain != 0) {
			b.n.messages--
			b.more = true
			continue
		}
		rest = append(rest, p...)
	}
	b.bytes = b.bytes[:n+len(rest)]
	return rest
}

// packetBytes is the length of the packet that b, which is ours, begins with.
func packetBytes(b []byte) int {
	remaining, size := binary.Uvarint(b[1:]) // MQTT's variable byte integers are these
	return 1 + size + int(remaining)
}

// stateTopic returns the topic of a message of class state; nil if the packet is something else.
func (c *conn) stateTopic(p []byte) *topic {
	if p[0]&^bitRetain != bytePublish {
		return nil
	}
	_, size := binary.Uvarint(p[1:])
	name := p[1+size:]
	t := c.find(string(name[2 : 2+binary.BigEndian.Uint16(name)]))
	if t == nil || t.class != catalog.State {
		return nil
	}
	return t
}

// putBack puts a topic in line whose value was taken and not sent; false if c has no business with it any more.
func (s *session) putBack(c *conn, t *topic, asRetained bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := t.current.Load()
	if _, subscribed := s.subs.grantedQoS(t); s.conn != c || !subscribed || f == nil {
		return false
	}
	s.state.mark(t, asRetained, f.at)
	return true
}
