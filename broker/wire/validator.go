package wire

// validator holds what must be remembered between packets of one connection.
type validator struct {
	limits    Limits
	version   byte // of the protocol, 0 before CONNECT
	connected bool // CONNECT was let through
	info      ConnectInfo
	aliases   []string // topic by alias, from 1; empty: not set
}

// header looks at the beginning of a packet; total is its length, 0 while bytes are missing. What can be refused is, before the body is waited for.
func (v *validator) header(b []byte) (total int, err *Error) {
	if len(b) == 0 {
		return 0, nil
	}
	t, flags := Type(b[0]>>4), b[0]&0x0f
	limit := v.limits.PacketBytes
	if !v.connected {
		limit = v.limits.ConnectBytes
		if t != Connect {
			return 0, protocolError("first packet is no CONNECT") // [MQTT-3.1.0-1]
		}
	} else if err := v.kind(t); err != nil {
		return 0, err
	}
	if err := headerFlags(t, flags); err != nil {
		return 0, err
	}
	remaining, size, ok := varint(b[1:])
	switch {
	case !ok:
		return 0, malformed("length of more than four bytes")
	case size == 0:
		return 0, nil
	case v.version == 5 && size > 1 && b[size] == 0:
		return 0, malformed("length longer than it need be") // [MQTT-1.5.5-1]; MQTT 3.1.1 has no such rule
	case 1+size+remaining > limit:
		return 0, &Error{Code: CodePacketTooLarge, What: "packet too large"} // [MQTT-3.2.2-15]
	}
	return 1 + size + remaining, nil
}

// kind says whether a client may send this kind of packet after its CONNECT.
func (v *validator) kind(t Type) *Error {
	switch t {
	case Publish, Puback, Pubrec, Pubrel, Pubcomp, Subscribe, Unsubscribe, Pingreq, Disconnect:
		return nil
	case Connect:
		return protocolError("second CONNECT") // [MQTT-3.1.0-2]
	case Auth:
		return protocolError("AUTH without an authentication method") // [MQTT-4.12.0-7]
	case Connack, Suback, Unsuback, Pingresp:
		return protocolError("packet that only servers send")
	}
	return malformed("reserved packet type")
}

func headerFlags(t Type, flags byte) *Error {
	switch t {
	case Publish:
		switch {
		case flags>>1&3 == 3:
			return malformed("QoS 3") // [MQTT-3.3.1-4]
		case flags&flagDup != 0 && flags>>1&3 == 0:
			return malformed("DUP with QoS 0") // [MQTT-3.3.1-2]
		}
		return nil
	case Pubrel, Subscribe, Unsubscribe:
		if flags == 2 {
			return nil
		}
	default:
		if flags == 0 {
			return nil
		}
	}
	return malformed("reserved header flags") // [MQTT-2.1.3-1]
}

// packet checks a whole packet whose header was let through.
func (v *validator) packet(raw []byte, body []byte) (Packet, *Error) {
	p := Packet{Type: Type(raw[0] >> 4), Flags: raw[0] & 0x0f, Raw: raw, Body: body}
	var err *Error
	switch p.Type {
	case Connect:
		if p, err = v.connect(p); err == nil {
			v.connected = true
		}
	case Publish:
		err = v.publish(&p)
	case Puback, Pubrec, Pubrel, Pubcomp:
		err = v.ack(&p)
	case Subscribe:
		err = v.subscribe(&p)
	case Unsubscribe:
		err = v.unsubscribe(&p)
	case Pingreq:
		if len(body) > 0 {
			err = errTrailing
		}
	case Disconnect:
		err = v.disconnect(&p)
	}
	return p, err
}

func (v *validator) publish(p *Packet) *Error {
	c := cursor{b: p.Body}
	topic := c.field()
	var id uint16
	if p.QoS() > 0 {
		id = c.uint16()
	}
	switch {
	case c.bad:
		return errTruncated
	case p.QoS() > v.limits.MaxQoS:
		return &Error{Code: CodeQoS, What: "QoS above the maximum"} // [MQTT-3.2.2-11]
	case !validText(topic):
		return errUTF8 // [MQTT-3.3.2-1]
	case hasWildcard(topic):
		return &Error{Code: CodeTopicName, What: "topic name"} // [MQTT-3.3.2-2]
	case p.QoS() > 0 && id == 0:
		return protocolError("packet identifier 0") // [MQTT-2.2.1-3]
	case v.version < 5 && len(topic) == 0:
		return malformed("topic name") // [3.1.1: MQTT-4.7.3-1]
	case v.version < 5:
		return nil
	}
	props, err := c.properties(inPublish)
	if err != nil {
		return err
	}
	return v.alias(topic, &props)
}

// alias keeps the Topic Aliases of the connection [3.3.2.3.4].
func (v *validator) alias(topic []byte, props *propertyValues) *Error {
	if !props.has(propTopicAlias) {
		if len(topic) == 0 {
			return protocolError("neither topic name nor alias") // [MQTT-3.3.2-8]
		}
		return nil
	}
	a := props.topicAlias
	if a == 0 || a > v.limits.TopicAliases {
		return &Error{Code: CodeTopicAlias, What: "topic alias out of range"} // [MQTT-3.3.2-8, MQTT-3.3.2-9]
	}
	if v.aliases == nil {
		v.aliases = make([]string, v.limits.TopicAliases)
	}
	if len(topic) > 0 {
		v.aliases[a-1] = string(topic)
	} else if v.aliases[a-1] == "" {
		return protocolError("unknown topic alias") // [MQTT-3.3.2-12]
	}
	return nil
}

func (v *validator) ack(p *Packet) *Error {
	c := cursor{b: p.Body}
	id := c.uint16()
	switch {
	case c.bad:
		return errTruncated
	case id == 0:
		return protocolError("packet identifier 0") // [MQTT-2.2.1-3]
	case len(c.b) == 0:
		return nil
	case v.version < 5:
		return errTrailing
	case !ackCode(p.Type, c.byte()):
		return protocolError("reason code") // [MQTT-3.4.2-1, MQTT-3.5.2-1, MQTT-3.6.2-1, MQTT-3.7.2-1]
	case len(c.b) == 0:
		return nil
	}
	return c.last(inAck)
}

// last takes the properties that end a packet.
func (c *cursor) last(in place) *Error {
	if _, err := c.properties(in); err != nil {
		return err
	}
	if len(c.b) > 0 {
		return errTrailing
	}
	return nil
}

func ackCode(t Type, code byte) bool {
	if t == Pubrel || t == Pubcomp {
		return code == CodeSuccess || code == 0x92 // Packet Identifier not found
	}
	switch code {
	case CodeSuccess, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99: // [3.4.2.1, 3.5.2.1]
		return true
	}
	return false
}

// begin takes packet identifier and properties of SUBSCRIBE and UNSUBSCRIBE.
func (v *validator) begin(c *cursor, in place) *Error {
	id := c.uint16()
	switch {
	case c.bad:
		return errTruncated
	case id == 0:
		return protocolError("packet identifier 0") // [MQTT-2.2.1-3]
	}
	if v.version == 5 {
		if _, err := c.properties(in); err != nil {
			return err
		}
	}
	if len(c.b) == 0 {
		return protocolError("no topic filter") // [MQTT-3.8.3-2, MQTT-3.10.3-2]
	}
	return nil
}

func (v *validator) subscribe(p *Packet) *Error {
	c := cursor{b: p.Body}
	if err := v.begin(&c, inSubscribe); err != nil {
		return err
	}
	for len(c.b) > 0 {
		filter, options := c.field(), c.byte()
		switch {
		case c.bad:
			return errTruncated // [MQTT-3.8.3-1]
		case !validText(filter):
			return errUTF8
		}
		if err := v.options(filter, options); err != nil {
			return err
		}
	}
	return nil
}

// options checks the Subscription Options [3.8.3.1]. A filter that is not valid is left to SUBACK, which has a code for each.
func (v *validator) options(filter []byte, o byte) *Error {
	const noLocal = 0x04
	switch {
	case v.version < 5 && o > 2, o&0xc0 != 0:
		return malformed("reserved subscription options") // [MQTT-3.8.3-5; 3.1.1: MQTT-3-8.3-4]
	case o&3 == 3:
		return protocolError("QoS 3")
	case o>>4&3 == 3:
		return protocolError("retain handling 3")
	case o&noLocal != 0 && IsShared(string(filter)):
		return protocolError("No Local on a shared subscription") // [MQTT-3.8.3-4]
	}
	return nil
}

func (v *validator) unsubscribe(p *Packet) *Error {
	c := cursor{b: p.Body}
	if err := v.begin(&c, inUnsubscribe); err != nil {
		return err
	}
	for len(c.b) > 0 {
		filter := c.field()
		switch {
		case c.bad:
			return errTruncated
		case !validText(filter):
			return errUTF8 // [MQTT-3.10.3-1]
		}
	}
	return nil
}

func (v *validator) disconnect(p *Packet) *Error {
	c := cursor{b: p.Body}
	switch {
	case len(c.b) == 0:
		return nil
	case v.version < 5:
		return errTrailing
	case !disconnectCode(c.byte()):
		return protocolError("reason code") // [MQTT-3.14.2-1]
	case len(c.b) == 0:
		return nil
	}
	props, err := c.properties(inDisconnect)
	switch {
	case err != nil:
		return err
	case len(c.b) > 0:
		return errTrailing
	case props.sessionExpiry > 0 && v.info.SessionExpiry == 0:
		return protocolError("session expiry that CONNECT did not have") // [3.14.2.2.2]
	}
	return nil
}

// disconnectCode says whether a client may give this reason [3.14.2.1].
func disconnectCode(code byte) bool {
	switch code {
	case CodeSuccess, 0x04, 0x80, CodeMalformed, CodeProtocolError, 0x83, CodeTopicName, 0x93, CodeTopicAlias, CodePacketTooLarge, 0x96, 0x97, 0x98, 0x99:
		return true
	}
	return false
}
