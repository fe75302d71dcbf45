package wire

// ConnectInfo is what later packets are measured by, and the will.
type ConnectInfo struct {
	Version       byte   // 4: MQTT 3.1.1, 5: MQTT 5
	SessionExpiry uint32 // seconds
	Will          *Will
}

// Will is a Will Message [3.1.2.5]. Its bytes are its own.
type Will struct {
	Topic      string
	Payload    []byte
	QoS        byte
	Retain     bool
	Properties []byte // with their length; MQTT 5 only
}

// Bits of the Connect Flags [3.1.2.3].
const (
	connectReserved   = 0x01
	connectClean      = 0x02
	connectWill       = 0x04
	connectWillQoS    = 0x18
	connectWillRetain = 0x20
	connectPassword   = 0x40
	connectUser       = 0x80
)

// connect checks a CONNECT and returns it as mochi is to see it: without the will, which is kept aside, and without a password that is empty. mochi publishes
// wills without asking whether the client may, drops most of their properties, and refuses empty payloads and passwords, which are legal.
func (v *validator) connect(p Packet) (Packet, *Error) {
	const nameLevelFlags = 2 + 4 + 1 + 1
	c := cursor{b: p.Body}
	name, level := string(c.field()), c.byte()
	switch {
	case c.bad:
		return p, errTruncated
	case name == "MQIsdp" && level == 3:
		v.version = 3
		return p, &Error{Code: CodeVersion, What: "protocol version not supported"}
	case name != "MQTT":
		return p, malformed("protocol name") // answered by closing [MQTT-3.1.2-1]
	}
	v.version = level
	if level != 4 && level != 5 {
		return p, &Error{Code: CodeVersion, What: "protocol version not supported"} // [MQTT-3.1.2-2]
	}
	v.info = ConnectInfo{Version: level}
	flags, _ := c.byte(), c.uint16() // Keep Alive may be anything
	if err := connectFlags(flags, level); err != nil {
		return p, err
	}
	if level == 5 {
		if p.Raw[1] >= 0x80 && p.Raw[len(p.Raw)-len(p.Body)-1] == 0 {
			return p, malformed("length longer than it need be") // [MQTT-1.5.5-1]
		}
		props, err := c.properties(inConnect)
		switch {
		case err != nil:
			return p, err
		case props.has(propAuthMethod):
			return p, &Error{Code: CodeBadAuthentication, What: "authentication method"} // we have none [MQTT-4.12.0-1]
		case props.has(propAuthData):
			return p, protocolError("authentication data without a method")
		}
		v.info.SessionExpiry = props.sessionExpiry
	}
	if err := v.clientID(c.field(), c.bad, flags&connectClean != 0); err != nil {
		return p, err
	}
	willAt := len(p.Body) - len(c.b)
	if flags&connectWill != 0 {
		if err := v.will(&c, flags); err != nil {
			return p, err
		}
	}
	credentialsAt := len(p.Body) - len(c.b)
	if flags&connectUser != 0 {
		if user := c.field(); !c.bad && !validText(user) { // [MQTT-3.1.3-11]
			return p, errUTF8
		}
	}
	passwordAt := len(p.Body) - len(c.b)
	emptyPassword := false
	if flags&connectPassword != 0 {
		emptyPassword = len(c.field()) == 0
	}
	switch {
	case c.bad:
		return p, errTruncated
	case len(c.b) > 0:
		return p, errTrailing
	}
	if flags&connectWill == 0 && !emptyPassword {
		return p, nil
	}
	end := len(p.Body)
	if emptyPassword {
		end, flags = passwordAt, flags&^connectPassword
	}
	body := append([]byte(nil), p.Body[:willAt]...)
	body = append(body, p.Body[credentialsAt:end]...)
	body[nameLevelFlags-1] = flags &^ (connectWill | connectWillQoS | connectWillRetain)
	return newPacket(Connect, body), nil
}

func connectFlags(flags, level byte) *Error {
	willQoS := flags & connectWillQoS >> 3
	switch {
	case flags&connectReserved != 0:
		return malformed("reserved connect flag") // [MQTT-3.1.2-3]
	case willQoS == 3:
		return malformed("QoS 3") // [MQTT-3.1.2-12]
	case flags&connectWill == 0 && flags&(connectWillQoS|connectWillRetain) != 0:
		return malformed("will options without a will") // [MQTT-3.1.2-11, MQTT-3.1.2-13]
	case level == 4 && flags&connectPassword != 0 && flags&connectUser == 0:
		return malformed("password without user name") // [3.1.1: MQTT-3.1.2-22]
	}
	return nil
}

func (v *validator) clientID(id []byte, bad, clean bool) *Error {
	switch {
	case bad:
		return errTruncated
	case !validText(id):
		return errUTF8 // [MQTT-3.1.3-4]
	case len(id) == 0 && v.version < 5 && !clean, // [3.1.1: MQTT-3.1.3-8]
		v.limits.StrictIDs && !strictID(id):
		return &Error{Code: CodeClientID, What: "client identifier"}
	}
	return nil
}

// strictID allows the printable characters of ASCII, among them those that every server must [MQTT-3.1.3-5], but none that has a meaning in a topic.
func strictID(id []byte) bool {
	for _, c := range id {
		if c < ' ' || c > '~' || c == '/' || c == '+' || c == '#' {
			return false
		}
	}
	return true
}

func (v *validator) will(c *cursor, flags byte) *Error {
	w := &Will{QoS: flags & connectWillQoS >> 3, Retain: flags&connectWillRetain != 0}
	if v.version == 5 {
		before := c.b
		if _, err := c.properties(inWill); err != nil {
			return err
		}
		w.Properties = append(w.Properties, before[:len(before)-len(c.b)]...)
	}
	topic := c.field()
	w.Payload = append(w.Payload, c.field()...)
	switch {
	case c.bad:
		return errTruncated
	case !validText(topic):
		return errUTF8 // [MQTT-3.1.3-11]
	case !ValidTopic(string(topic)):
		return &Error{Code: CodeTopicName, What: "topic name"}
	case w.QoS > v.limits.MaxQoS && v.version == 5:
		return &Error{Code: CodeQoS, What: "QoS above the maximum"} // [MQTT-3.2.2-12]
	}
	w.Topic = string(topic)
	v.info.Will = w
	return nil
}

// newPacket puts a fixed header before a body.
func newPacket(t Type, body []byte) Packet {
	raw := []byte{byte(t) << 4}
	for n := len(body); ; {
		b := byte(n & 0x7f)
		if n >>= 7; n == 0 {
			raw = append(raw, b)
			break
		}
		raw = append(raw, b|0x80)
	}
	header := len(raw)
	raw = append(raw, body...)
	return Packet{Type: t, Raw: raw, Body: raw[header:]}
}
