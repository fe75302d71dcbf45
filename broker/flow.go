package broker

import (
	"encoding/binary"
	"sync"

	"github.com/tickcast/tickcast/broker/wire"
)

// flow is between mochi and a client of the general-purpose realm: it keeps the client's Receive Maximum, and sends topic aliases. mochi's own window loses
// places and deadlocks, and its aliases go out of step when a message is dropped or sent again. By the connection's lock.
type flow struct {
	window  int // the client's Receive Maximum; 0: none
	open    map[uint16]struct{}
	held    [][]byte // messages of QoS 1 and 2 beyond the window, in order
	bytes   int      // in held
	aliases map[string]uint16
	most    int                  // Topic Alias Maximum of the client
	unsent  func(id uint16) bool // says, once, that a message was not sent on any connection yet
}

// maxGeneralBytes is maxControlBytes where mochi writes messages as well.
const maxGeneralBytes = 4 << 20

// publishFrame is where the parts of an encoded PUBLISH are.
type publishFrame struct {
	qos   byte
	id    uint16
	topic []byte
	rest  []byte // packet id, and what follows it
}

func parsePublish(p []byte) publishFrame {
	_, n := binary.Uvarint(p[1:]) // MQTT's variable byte integers are these
	body := p[1+n:]
	topic := int(binary.BigEndian.Uint16(body))
	f := publishFrame{qos: p[0] >> 1 & 3, topic: body[2 : 2+topic], rest: body[2+topic:]}
	if f.qos > 0 {
		f.id = binary.BigEndian.Uint16(f.rest)
	}
	return f
}

// add appends an encoded PUBLISH to what is to be sent, or holds it back.
func (w *flow) add(dst, p []byte, v5 bool) []byte {
	f := parsePublish(p)
	if f.qos > 0 && w.window > 0 {
		if _, again := w.open[f.id]; !again && len(w.open) >= w.window {
			w.held = append(w.held, append([]byte(nil), p...))
			w.bytes += len(p)
			return dst
		}
		if w.open == nil {
			w.open = map[uint16]struct{}{}
		}
		w.open[f.id] = struct{}{}
	}
	const dup = 0x08
	first := p[0]
	if f.qos > 0 && w.unsent(f.id) {
		first &^= dup // mochi sets it on all that waited for a client [MQTT-3.3.1-1]
	}
	if !v5 || w.most == 0 {
		return append(append(dst, first), p[1:]...)
	}
	return w.withAlias(dst, first, f)
}

// acked makes room for what is held back.
func (w *flow) acked(dst []byte, id uint16, v5 bool) []byte {
	delete(w.open, id)
	for len(w.held) > 0 && len(w.open) < w.window {
		p := w.held[0]
		w.held = w.held[1:]
		w.bytes -= len(p)
		dst = w.add(dst, p, v5)
	}
	return dst
}

// withAlias sends a topic's name once, while there are aliases left [3.3.2.3.4].
func (w *flow) withAlias(dst []byte, first byte, f publishFrame) []byte {
	const propTopicAlias, aliasBytes = 0x23, 3
	alias, known := w.aliases[string(f.topic)]
	topic := f.topic
	switch {
	case known:
		topic = nil
	case len(w.aliases) < w.most:
		if w.aliases == nil {
			w.aliases = map[string]uint16{}
		}
		alias = uint16(len(w.aliases) + 1)
		w.aliases[string(f.topic)] = alias
	default:
		return appendPublish(dst, first, topic, f.rest)
	}
	idBytes := 0
	if f.qos > 0 {
		idBytes = 2
	}
	length, n := binary.Uvarint(f.rest[idBytes:])
	rest := append([]byte(nil), f.rest[:idBytes]...)
	rest = appendVarint(rest, int(length)+aliasBytes)
	rest = append(rest, propTopicAlias, byte(alias>>8), byte(alias))
	rest = append(rest, f.rest[idBytes+n:]...)
	return appendPublish(dst, first, topic, rest)
}

func appendPublish(dst []byte, first byte, topic, rest []byte) []byte {
	dst = appendHeader(dst, first, 2+len(topic)+len(rest))
	dst = append(binary.BigEndian.AppendUint16(dst, uint16(len(topic))), topic...)
	return append(dst, rest...)
}

// unsent are the packet identifiers of a session's messages that were never written to a connection. It outlives connections.
type unsent struct {
	mu  sync.Mutex
	ids map[uint16]struct{}
}

func (u *unsent) add(id uint16) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ids == nil {
		u.ids = map[uint16]struct{}{}
	}
	u.ids[id] = struct{}{}
}

// take says whether a message is one of them, and that it is none any more.
func (u *unsent) take(id uint16) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, ok := u.ids[id]
	delete(u.ids, id)
	return ok
}

// endsDelivery says whether a client's packet gives back a place of its Receive Maximum [4.9].
func endsDelivery(p *wire.Packet) bool {
	const firstFailure = 0x80
	return p.Type == wire.Puback || p.Type == wire.Pubcomp || p.Type == wire.Pubrec && p.Code() >= firstFailure
}
