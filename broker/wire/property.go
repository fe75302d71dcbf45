package wire

// form is how a property's value is encoded, and which values it may have.
type form byte

const (
	flag      form = iota + 1 // a byte, 0 or 1
	number16                  // two bytes
	nonZero16                 // two bytes, not 0
	number32                  // four bytes
	nonZero32                 // four bytes, not 0
	nonZeroVarint
	text
	topicName // text that may hold no wildcards
	binary
	pair // two texts; the only one that may come more than once
)

// place is a packet, or a part of it, that has properties; a set of bits.
type place byte

const (
	inConnect place = 1 << iota
	inWill
	inPublish
	inAck // PUBACK, PUBREC, PUBREL, PUBCOMP
	inSubscribe
	inUnsubscribe
	inDisconnect
	everywhere = inConnect | inWill | inPublish | inAck | inSubscribe | inUnsubscribe | inDisconnect
)

// Identifiers of properties that are looked at [2.2.2.2].
const (
	propSubscriptionID = 0x0B
	propSessionExpiry  = 0x11
	propAuthMethod     = 0x15
	propAuthData       = 0x16
	propTopicAlias     = 0x23
	propUser           = 0x26
)

// properties lists those that a client may send, and where. A Subscription Identifier in PUBLISH is the server's alone [MQTT-3.3.4-6], and so is a Server
// Reference in DISCONNECT.
var properties = [...]struct {
	form form
	in   place
}{
	0x01:               {flag, inPublish | inWill},      // Payload Format Indicator
	0x02:               {number32, inPublish | inWill},  // Message Expiry Interval
	0x03:               {text, inPublish | inWill},      // Content Type
	0x08:               {topicName, inPublish | inWill}, // Response Topic [MQTT-3.3.2-14]
	0x09:               {binary, inPublish | inWill},    // Correlation Data
	propSubscriptionID: {nonZeroVarint, inSubscribe},
	propSessionExpiry:  {number32, inConnect | inDisconnect},
	propAuthMethod:     {text, inConnect},
	propAuthData:       {binary, inConnect},
	0x17:               {flag, inConnect},            // Request Problem Information
	0x18:               {number32, inWill},           // Will Delay Interval
	0x19:               {flag, inConnect},            // Request Response Information
	0x1F:               {text, inAck | inDisconnect}, // Reason String
	0x21:               {nonZero16, inConnect},       // Receive Maximum
	0x22:               {number16, inConnect},        // Topic Alias Maximum
	propTopicAlias:     {number16, inPublish},
	propUser:           {pair, everywhere},     // User Property
	0x27:               {nonZero32, inConnect}, // Maximum Packet Size
}

// propertyValues are the values that later checks need.
type propertyValues struct {
	seen          uint64 // bit by identifier
	topicAlias    uint16
	sessionExpiry uint32
}

func (v *propertyValues) has(id int) bool { return v.seen&(1<<id) != 0 }

// properties takes the properties off, with their length.
func (c *cursor) properties(in place) (v propertyValues, err *Error) {
	length := c.varint()
	p := cursor{b: c.take(length)}
	if c.bad {
		return v, errTruncated
	}
	for len(p.b) > 0 {
		id := p.varint()
		if p.bad || id >= len(properties) || properties[id].form == 0 {
			return v, malformed("unknown property")
		}
		how := properties[id]
		switch {
		case how.in&in == 0:
			return v, protocolError("property that this packet may not have")
		case v.has(id) && how.form != pair:
			return v, protocolError("property twice")
		}
		v.seen |= 1 << id
		if err := p.value(id, how.form, &v); err != nil {
			return v, err
		}
	}
	return v, nil
}

func (c *cursor) value(id int, f form, v *propertyValues) *Error {
	var n uint32
	outOfRange := false
	switch f {
	case flag:
		n = uint32(c.byte())
		outOfRange = n > 1
	case number16, nonZero16:
		n = uint32(c.uint16())
		outOfRange = n == 0 && f == nonZero16
	case number32, nonZero32:
		n = c.uint32()
		outOfRange = n == 0 && f == nonZero32
	case nonZeroVarint:
		n = uint32(c.varint())
		outOfRange = n == 0
	case text, topicName:
		s := c.field()
		if !c.bad && !validText(s) {
			return errUTF8
		}
		outOfRange = f == topicName && (hasWildcard(s) || len(s) == 0)
	case binary:
		c.field()
	case pair:
		if key, value := c.field(), c.field(); !c.bad && !(validText(key) && validText(value)) {
			return errUTF8
		}
	}
	switch {
	case c.bad:
		return errTruncated
	case outOfRange:
		return protocolError("property's value out of range")
	}
	switch id {
	case propTopicAlias:
		v.topicAlias = uint16(n)
	case propSessionExpiry:
		v.sessionExpiry = n
	}
	return nil
}
