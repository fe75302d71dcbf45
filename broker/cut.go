package broker

import (
	"encoding/binary"

	"github.com/tickcast/tickcast/catalog"
)

// begun is how many bytes, of a batch of which the socket took n, belong to a packet that it took the beginning of.
func (c *conn) begun(b []byte, n int) int {
	if c.out.webSocket {
		return len(b) - n // its client was told how long the whole is
	}
	at := 0
	for at < n {
		at += packetBytes(b[at:])
	}
	return at - n
}

// cut returns what is still to be sent of the rest of a batch, of which the socket took n bytes and then nothing for a while. When it takes more again, perhaps
// after minutes, a client is to have the newest values and not those of this moment; so the state topics whose messages nothing was sent of are put in line
// again instead.
func (c *conn) cut(rest []byte, begun, n int, b *batch) (left []byte) {
	s := c.session.Load()
	if s == nil || c.find == nil {
		return rest[n:]
	}
	at := begun
	for at < n {
		at += packetBytes(rest[at:])
	}
	left = append(left, rest[n:at]...)
	for at < len(rest) {
		p := rest[at : at+packetBytes(rest[at:])]
		at += len(p)
		if t := c.stateTopic(p); t != nil && s.putBack(c, t, p[0]&bitRetain != 0) {
			b.n.messages--
			b.bytes = b.bytes[:len(b.bytes)-len(p)] // it counts what was sent; what it held is another batch's by now
			b.more = true
			continue
		}
		left = append(left, p...)
	}
	return left
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
	if !s.state.mark(t, asRetained, f.at) { // a newer value is in line already
		c.stats.conflated.Add(1)
		c.figures.conflated.Add(1)
	}
	return true
}
