package broker

import (
	"encoding/binary"
	"time"
)

// frame is one message, encoded once for each protocol version and shared by all connections: never written to after newFrame.
//
// An MQTT PUBLISH is: first byte (type, DUP, QoS, RETAIN), remaining length, topic, packet id (QoS 1 only), properties (MQTT 5 only), payload.
type frame struct {
	topic string
	v4    encoded
	v5    encoded
	clear bool   // the payload is empty: there is no retained value any more
	at    uint32 // coarseMS when it was published, to tell how long it waits
}

// encoded is a complete QoS 0 PUBLISH with the RETAIN bit clear, and where its parts begin.
type encoded struct {
	bytes []byte
	topic int // offset of the topic's length
	props int // offset of what follows the topic: the properties' length in MQTT 5, the payload in 3.1.1
}

const (
	bytePublish = 0x30
	bitRetain   = 0x01
	bitQoS1     = 0x02
	bitDup      = 0x08

	propContentType    = 0x03
	propSubscriptionID = 0x0B
)

// contentTypeJSON is the property Content Type of every MQTT 5 message with a payload [MQTT 5, 3.3.2.3.9].
var contentTypeJSON = func() []byte {
	const mime = "application/json"
	b := binary.BigEndian.AppendUint16([]byte{propContentType}, uint16(len(mime)))
	return append(b, mime...)
}()

func newFrame(topic string, payload []byte) *frame {
	f := &frame{topic: topic, clear: len(payload) == 0, at: coarseMS(time.Now())}
	var props []byte
	if !f.clear {
		props = contentTypeJSON
	}
	const header = 5 // first byte and the longest remaining length
	n4 := 2 + len(topic) + len(payload)
	n5 := n4 + 1 + len(props)
	buf := make([]byte, 0, header+n4+header+n5) // one allocation for both

	buf = appendHeader(buf, bytePublish, n4)
	f.v4.topic = len(buf)
	buf = appendString(buf, topic)
	f.v4.props = len(buf)
	buf = append(buf, payload...)
	f.v4.bytes = buf[:len(buf):len(buf)]

	start := len(buf)
	buf = appendHeader(buf, bytePublish, n5)
	f.v5.topic = len(buf) - start
	buf = appendString(buf, topic)
	f.v5.props = len(buf) - start
	buf = append(buf, byte(len(props))) // always below 128
	buf = append(buf, props...)
	buf = append(buf, payload...)
	f.v5.bytes = buf[start:len(buf):len(buf)]
	return f
}

// payload returns the message's payload. It must not be changed.
func (f *frame) payload() []byte { return f.v4.bytes[f.v4.props:] }

// sending is how one connection wants a frame.
type sending struct {
	v5       bool
	retain   bool
	dup      bool
	packetID uint16 // 0: QoS 0
	subIDs   []int  // subscription identifiers, MQTT 5 only
}

// appendTo appends the frame as the connection wants it. The plain case is one copy.
func (f *frame) appendTo(dst []byte, s *sending) []byte {
	e := &f.v4
	if s.v5 {
		e = &f.v5
	}
	start := len(dst)
	if s.packetID == 0 && len(s.subIDs) == 0 {
		dst = append(dst, e.bytes...)
		if s.retain {
			dst[start] |= bitRetain
		}
		return dst
	}
	first, remaining := byte(bytePublish), len(e.bytes)-e.topic
	if s.retain {
		first |= bitRetain
	}
	if s.packetID != 0 {
		first |= bitQoS1
		remaining += 2
		if s.dup {
			first |= bitDup
		}
	}
	idBytes, oldProps, newProps := 0, 0, 0
	if s.v5 {
		for _, id := range s.subIDs {
			idBytes += 1 + varintLen(id)
		}
		oldProps = int(e.bytes[e.props])
		newProps = oldProps + idBytes
		remaining += idBytes + varintLen(newProps) - 1
	}
	dst = appendHeader(dst, first, remaining)
	dst = append(dst, e.bytes[e.topic:e.props]...)
	if s.packetID != 0 {
		dst = binary.BigEndian.AppendUint16(dst, s.packetID)
	}
	if !s.v5 {
		return append(dst, e.bytes[e.props:]...)
	}
	dst = appendVarint(dst, newProps)
	for _, id := range s.subIDs {
		dst = appendVarint(append(dst, propSubscriptionID), id)
	}
	return append(dst, e.bytes[e.props+1:]...)
}

// size returns the length that appendTo adds, for the client's Maximum Packet Size.
func (f *frame) size(s *sending) int {
	e := &f.v4
	if s.v5 {
		e = &f.v5
	}
	if s.packetID == 0 && len(s.subIDs) == 0 {
		return len(e.bytes)
	}
	return len(f.appendTo(nil, s))
}

func appendHeader(dst []byte, first byte, remaining int) []byte {
	return appendVarint(append(dst, first), remaining)
}

// appendVarint appends a Variable Byte Integer [MQTT 5, 1.5.5].
func appendVarint(dst []byte, n int) []byte {
	for n >= 0x80 {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	return append(dst, byte(n))
}

func varintLen(n int) int {
	l := 1
	for ; n >= 0x80; n >>= 7 {
		l++
	}
	return l
}

func appendString(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...)
}
