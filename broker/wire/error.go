package wire

// Reason codes of MQTT 5 [2.4] that this package gives.
const (
	CodeSuccess           = 0x00
	CodeMalformed         = 0x81
	CodeProtocolError     = 0x82
	CodeVersion           = 0x84
	CodeClientID          = 0x85
	CodeTopicName         = 0x90
	CodeTopicAlias        = 0x94
	CodePacketTooLarge    = 0x95
	CodeQoS               = 0x9B
	CodeBadAuthentication = 0x8C
)

// Error says which rule a packet broke. What is one of a fixed set of texts, fit for counting.
type Error struct {
	Code byte
	What string

	version   byte // of the protocol; 0: not known yet
	connected bool // CONNECT was let through
}

func (e *Error) Error() string { return "invalid packet: " + e.What }

// Answer returns the packet that tells the client, nil where there is none: in MQTT 3.1.1 a server just closes [3.1.1: 4.8], and before a CONNECT that can
// be understood nothing may be sent [MQTT-3.14.0-1].
func (e *Error) Answer() []byte {
	const connack, disconnect = byte(Connack) << 4, byte(Disconnect) << 4
	switch {
	case e.connected && e.version >= 5:
		return []byte{disconnect, 2, e.Code, 0}
	case e.connected || e.version == 0:
		return nil
	case e.version >= 5:
		return []byte{connack, 3, 0, e.Code, 0}
	case e.Code == CodeVersion:
		return []byte{connack, 2, 0, 1} // [3.1.1: MQTT-3.1.2-2]
	case e.Code == CodeClientID:
		return []byte{connack, 2, 0, 2} // [3.1.1: MQTT-3.1.3-8]
	}
	return nil
}

func malformed(what string) *Error { return &Error{Code: CodeMalformed, What: what} }

func protocolError(what string) *Error { return &Error{Code: CodeProtocolError, What: what} }

var (
	errTruncated = malformed("field beyond the packet's end")
	errTrailing  = malformed("bytes behind the last field")
	errUTF8      = malformed("text that is no UTF-8, or with U+0000")
)
