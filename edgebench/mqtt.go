//go:build linux

package edgebench

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Packet types, in the upper half of the first byte [MQTT 5, 2.1.2].
const (
	typeConnect     = 0x10
	typeConnack     = 0x20
	typePublish     = 0x30
	typePuback      = 0x40
	typeSubscribe   = 0x82 // with its reserved bits
	typeSuback      = 0x90
	typeUnsubscribe = 0xa2 // with its reserved bits
	typeUnsuback    = 0xb0
	typeDisconnect  = 0xe0
)

// keepaliveSeconds is longer than any run: no PINGREQ is ever due.
const keepaliveSeconds = 900

func appendVarint(dst []byte, n int) []byte {
	for n >= 0x80 {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	return append(dst, byte(n))
}

func appendString(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...)
}

func appendPacket(dst []byte, first byte, body []byte) []byte {
	return append(appendVarint(append(dst, first), len(body)), body...)
}

// appendConnect appends a CONNECT with a clean session. level: 4 is MQTT 3.1.1, 5 is MQTT 5. The user may be empty.
func appendConnect(dst []byte, level byte, id, user, password string) []byte {
	const clean, withUser, withPassword = 0x02, 0x80, 0x40
	flags := byte(clean)
	if user != "" {
		flags |= withUser | withPassword
	}
	body := append(appendString(nil, "MQTT"), level, flags)
	body = binary.BigEndian.AppendUint16(body, keepaliveSeconds)
	body = appendNoProperties(body, level)
	body = appendString(body, id)
	if user != "" {
		body = appendString(appendString(body, user), password)
	}
	return appendPacket(dst, typeConnect, body)
}

func appendNoProperties(dst []byte, level byte) []byte {
	if level == 5 {
		return append(dst, 0)
	}
	return dst
}

func appendSubscribe(dst []byte, level byte, packetID uint16, qos byte, filters ...string) []byte {
	body := appendNoProperties(binary.BigEndian.AppendUint16(nil, packetID), level)
	for _, f := range filters {
		body = append(appendString(body, f), qos)
	}
	return appendPacket(dst, typeSubscribe, body)
}

func appendUnsubscribe(dst []byte, level byte, packetID uint16, filter string) []byte {
	body := appendNoProperties(binary.BigEndian.AppendUint16(nil, packetID), level)
	return appendPacket(dst, typeUnsubscribe, appendString(body, filter))
}

// appendPublish appends a PUBLISH; packet id 0 is QoS 0, others QoS 1.
func appendPublish(dst []byte, level byte, topic string, packetID uint16, retain bool, payload []byte) []byte {
	first, n := byte(typePublish), 2+len(topic)+len(payload)
	if retain {
		first |= 1
	}
	if packetID != 0 {
		first |= 2
		n += 2
	}
	if level == 5 {
		n++
	}
	dst = appendString(appendVarint(append(dst, first), n), topic)
	if packetID != 0 {
		dst = binary.BigEndian.AppendUint16(dst, packetID)
	}
	return append(appendNoProperties(dst, level), payload...)
}

func appendPuback(dst []byte, packetID uint16) []byte {
	return append(dst, typePuback, 2, byte(packetID>>8), byte(packetID))
}

var errMalformed = errors.New("malformed packet from the broker")

// nextPacket cuts the first packet from b. size is its length; 0: it is not all there yet.
func nextPacket(b []byte) (first byte, body []byte, size int, err error) {
	n, shift := 0, 0
	for i := 1; i < len(b); i++ {
		n |= int(b[i]&0x7f) << shift
		if b[i] < 0x80 {
			if end := i + 1 + n; end <= len(b) {
				return b[0], b[i+1 : end], end, nil
			}
			return 0, nil, 0, nil
		}
		if shift += 7; shift > 21 {
			return 0, nil, 0, errMalformed
		}
	}
	return 0, nil, 0, nil
}

// publication is a PUBLISH as received; its parts point into the receive buffer.
type publication struct {
	topic, payload []byte
	packetID       uint16 // 0: QoS 0
	retain         bool
	size           int // of the whole packet
}

func parsePublish(first byte, body []byte, level byte) (p publication, err error) {
	if len(body) < 2 {
		return p, errMalformed
	}
	n := 2 + int(binary.BigEndian.Uint16(body))
	if n > len(body) {
		return p, errMalformed
	}
	p.topic, p.retain, body = body[2:n], first&1 != 0, body[n:]
	if first&6 != 0 {
		if len(body) < 2 {
			return p, errMalformed
		}
		p.packetID, body = binary.BigEndian.Uint16(body), body[2:]
	}
	if level == 5 {
		props, width := binary.Uvarint(body) // the same encoding as MQTT's
		if width <= 0 || uint64(len(body)-width) < props {
			return p, errMalformed
		}
		body = body[uint64(width)+props:]
	}
	p.payload = body
	return p, nil
}

// headerBytes is the beginning of each payload: the run's number (4 bytes), the message's (8), and when it was meant to be sent, in ns of the run's clock (8).
const headerBytes = 20

// message is what a payload says.
type message struct {
	run    uint32
	number int64 // counts up over all topics in turn: topic = number modulo topics, sequence = number divided by topics
	sentNs int64 // intended
}

// put writes the message into the payload's first bytes.
func (m message) put(payload []byte) {
	binary.LittleEndian.PutUint32(payload, m.run)
	binary.LittleEndian.PutUint64(payload[4:], uint64(m.number))
	binary.LittleEndian.PutUint64(payload[12:], uint64(m.sentNs))
}

func parseMessage(payload []byte) (m message, ok bool) {
	if len(payload) < headerBytes {
		return m, false
	}
	return message{
		run:    binary.LittleEndian.Uint32(payload),
		number: int64(binary.LittleEndian.Uint64(payload[4:])),
		sentNs: int64(binary.LittleEndian.Uint64(payload[12:])),
	}, true
}

// checkSuback returns the refusal or the lower QoS that a SUBACK contains.
func checkSuback(body []byte, level byte, filters int, qos byte) error {
	codes, width := body, 2
	if level == 5 && len(body) > 2 {
		width = 3 + int(body[2]) // brokers on the same machine have no long reasons
	}
	if len(codes) < width+filters {
		return errMalformed
	}
	for _, code := range codes[len(codes)-filters:] {
		if code != qos {
			return fmt.Errorf("subscribe at QoS %d: the broker answered %#02x", qos, code)
		}
	}
	return nil
}
