// Package wire reads MQTT packets that clients send, and lets only valid ones through.
//
// Whatever arrives is checked in full before anything else sees it: the fixed header before its body is awaited, then each field, each property and the rules
// that need memory (CONNECT first and once, topic aliases). A packet that breaks a rule ends the connection with the reason code that the standard has for it.
// The sources are MQTT 5.0 and MQTT 3.1.1 (OASIS); numbers in brackets are their sections and statements.
package wire

// Type is the kind of a packet: the upper four bits of its first byte [2.1.2].
type Type byte

// The kinds of packets.
const (
	Connect Type = iota + 1
	Connack
	Publish
	Puback
	Pubrec
	Pubrel
	Pubcomp
	Subscribe
	Suback
	Unsubscribe
	Unsuback
	Pingreq
	Pingresp
	Disconnect
	Auth
)

// Flags of a PUBLISH.
const (
	flagRetain = 0x01
	flagDup    = 0x08
)

// Packet is one whole, valid packet. Its bytes belong to the Reader, until the next call of Next.
type Packet struct {
	Type  Type
	Flags byte   // the lower four bits of the first byte
	Raw   []byte // all of it
	Body  []byte // what follows the fixed header
}

// QoS returns the QoS of a PUBLISH.
func (p *Packet) QoS() byte { return p.Flags >> 1 & 3 }

// ID returns the packet identifier of a PUBACK, PUBREC, PUBREL or PUBCOMP.
func (p *Packet) ID() uint16 { return uint16(p.Body[0])<<8 | uint16(p.Body[1]) }

// Code returns the reason code of an acknowledgement or a DISCONNECT: 0, success, where the packet leaves it out [3.4.2.1, 3.14.2.1].
func (p *Packet) Code() byte {
	at := 2
	if p.Type == Disconnect {
		at = 0
	}
	if len(p.Body) <= at {
		return CodeSuccess
	}
	return p.Body[at]
}

// Limits are what a client is held to. What MQTT 5 clients can be told is told them in CONNACK.
type Limits struct {
	ConnectBytes int    // of the first packet, whose sender nobody knows yet
	PacketBytes  int    // of each later one: Maximum Packet Size
	MaxQoS       byte   // of a PUBLISH: Maximum QoS
	TopicAliases uint16 // Topic Alias Maximum
	StrictIDs    bool   // client identifiers of printable ASCII without / + #
}
