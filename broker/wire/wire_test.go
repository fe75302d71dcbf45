package wire

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

var testLimits = Limits{ConnectBytes: 256, PacketBytes: 1024, MaxQoS: 2, TopicAliases: 3}

// pk puts a packet together: first byte, length, body.
func pk(first byte, parts ...string) []byte {
	p := newPacket(0, []byte(strings.Join(parts, "")))
	p.Raw[0] = first
	return p.Raw
}

// str is a field with its length before it.
func str(s string) string { return string([]byte{byte(len(s) >> 8), byte(len(s))}) + s }

// props are properties with their length before them.
func props(ps ...string) string {
	all := strings.Join(ps, "")
	return string([]byte{byte(len(all))}) + all
}

func connect(level byte, flags byte, rest ...string) []byte {
	return pk(0x10, append([]string{str("MQTT"), string([]byte{level, flags, 0, 60})}, rest...)...)
}

var (
	connect4 = connect(4, 2, str("id"))
	connect5 = connect(5, 2, props(), str("id"))
)

func connectOf(version byte) []byte {
	if version == 4 {
		return connect4
	}
	return connect5
}

// readAll returns the packets of in, and the error behind the last.
func readAll(src io.Reader, limits Limits) (ps []Packet, err error) {
	r := NewReader(src, limits)
	for {
		p, err := r.Next()
		if err != nil {
			return ps, err
		}
		p.Raw, p.Body = bytes.Clone(p.Raw), bytes.Clone(p.Body)
		ps = append(ps, p)
	}
}

func TestEveryRuleOfConnect(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   []byte
		code byte
		ack  string // what is answered
	}{
		{"MQTT 3.1.1", connect4, 0, ""},
		{"MQTT 5", connect5, 0, ""},
		{"MQTT 3.1", pk(0x10, str("MQIsdp"), "\x03\x02\x00\x3c", str("id")), CodeVersion, "\x20\x02\x00\x01"},
		{"level 3", connect(3, 2, str("id")), CodeVersion, "\x20\x02\x00\x01"},
		{"level 6 [MQTT-3.1.2-2]", connect(6, 2, props(), str("id")), CodeVersion, "\x20\x03\x00\x84\x00"},
		{"level 99", connect(99, 2, props(), str("id")), CodeVersion, "\x20\x03\x00\x84\x00"},
		{"protocol name [MQTT-3.1.2-1]", pk(0x10, str("HTTP"), "\x05\x02\x00\x3c", props(), str("id")), CodeMalformed, ""},
		{"no CONNECT [MQTT-3.1.0-1]", []byte{0xc0, 0}, CodeProtocolError, ""},
		{"reserved header flags", append([]byte{0x11}, connect5[1:]...), CodeMalformed, ""},
		{"reserved connect flag [MQTT-3.1.2-3]", connect(5, 3, props(), str("id")), CodeMalformed, "\x20\x03\x00\x81\x00"},
		{"the same in 3.1.1", connect(4, 3, str("id")), CodeMalformed, ""},
		{"will QoS 3 [MQTT-3.1.2-12]", connect(5, 0x1e, props(), str("id"), props(), str("w"), str("x")), CodeMalformed, "\x20\x03\x00\x81\x00"},
		{"will QoS without will [MQTT-3.1.2-11]", connect(5, 0x0a, props(), str("id")), CodeMalformed, "\x20\x03\x00\x81\x00"},
		{"will retain without will [MQTT-3.1.2-13]", connect(5, 0x22, props(), str("id")), CodeMalformed, "\x20\x03\x00\x81\x00"},
		{"will with wildcard", connect(5, 0x06, props(), str("id"), props(), str("w/#"), str("x")), CodeTopicName, "\x20\x03\x00\x90\x00"},
		{"will without topic", connect(5, 0x06, props(), str("id"), props(), str(""), str("x")), CodeTopicName, "\x20\x03\x00\x90\x00"},
		{"will topic no UTF-8", connect(5, 0x06, props(), str("id"), props(), str("\xff"), str("x")), CodeMalformed, "\x20\x03\x00\x81\x00"},
		{"will payload missing", connect(5, 0x06, props(), str("id"), props(), str("w")), CodeMalformed, "\x20\x03\x00\x81\x00"},
		{"will property of another packet", connect(5, 0x06, props(), str("id"), props("\x23\x00\x01"), str("w"), str("x")), CodeProtocolError, "\x20\x03\x00\x82\x00"},
		{"will with an empty payload", connect(5, 0x06, props(), str("id"), props(), str("w"), str("")), 0, ""},
		{"user no UTF-8 [MQTT-3.1.3-11]", connect(5, 0x82, props(), str("id"), str("\xc0\x80")), CodeMalformed, "\x20\x03\x00\x81\x00"},
		{"user missing", connect(5, 0x82, props(), str("id")), CodeMalformed, "\x20\x03\x00\x81\x00"},
		{"password without user in 3.1.1", connect(4, 0x42, str("id"), str("p")), CodeMalformed, ""},
		{"password without user in 5", connect(5, 0x42, props(), str("id"), str("p")), 0, ""},
		{"password missing", connect(5, 0xc2, props(), str("id"), str("u")), CodeMalformed, "\x20\x03\x00\x81\x00"},
		{"empty password", connect(5, 0xc2, props(), str("id"), str("u"), str("")), 0, ""},
		{"bytes behind", connect(5, 0x02, props(), str("id"), "x"), CodeMalformed, "\x20\x03\x00\x81\x00"},
		{"id no UTF-8", connect(5, 2, props(), str("\xed\xa0\x80")), CodeMalformed, "\x20\x03\x00\x81\x00"},
		{"id with U+0000 [MQTT-1.5.4-2]", connect(5, 2, props(), str("a\x00")), CodeMalformed, "\x20\x03\x00\x81\x00"},
		{"no id in 5", connect(5, 0, props(), str("")), 0, ""},
		{"no id in 3.1.1, clean", connect(4, 2, str("")), 0, ""},
		{"no id in 3.1.1, not clean [3.1.1: MQTT-3.1.3-8]", connect(4, 0, str("")), CodeClientID, "\x20\x02\x00\x02"},
		{"property twice", connect(5, 2, props("\x21\x00\x05", "\x21\x00\x05"), str("id")), CodeProtocolError, "\x20\x03\x00\x82\x00"},
		{"user property twice", connect(5, 2, props("\x26"+str("k")+str("v"), "\x26"+str("k")+str("v")), str("id")), 0, ""},
		{"Receive Maximum 0", connect(5, 2, props("\x21\x00\x00"), str("id")), CodeProtocolError, "\x20\x03\x00\x82\x00"},
		{"Maximum Packet Size 0", connect(5, 2, props("\x27\x00\x00\x00\x00"), str("id")), CodeProtocolError, "\x20\x03\x00\x82\x00"},
		{"Request Problem Information 2", connect(5, 2, props("\x17\x02"), str("id")), CodeProtocolError, "\x20\x03\x00\x82\x00"},
		{"authentication method [MQTT-4.12.0-1]", connect(5, 2, props("\x15"+str("SCRAM")), str("id")), CodeBadAuthentication, "\x20\x03\x00\x8c\x00"},
		{"authentication data alone", connect(5, 2, props("\x16"+str("x")), str("id")), CodeProtocolError, "\x20\x03\x00\x82\x00"},
		{"unknown property", connect(5, 2, props("\x7e\x00"), str("id")), CodeMalformed, "\x20\x03\x00\x81\x00"},
		{"property of another packet", connect(5, 2, props("\x0b\x01"), str("id")), CodeProtocolError, "\x20\x03\x00\x82\x00"},
		{"property cut", connect(5, 2, props("\x21\x00"), str("id")), CodeMalformed, "\x20\x03\x00\x81\x00"},
		{"properties longer than the packet", connect(5, 2, "\x7f", str("id")), CodeMalformed, "\x20\x03\x00\x81\x00"},
		{"cut in the name", pk(0x10, "\x00\x04MQ"), CodeMalformed, ""},
		{"too large before anyone is known", connect(5, 2, props(), str(strings.Repeat("x", 300))), CodePacketTooLarge, ""},
		{"length of five bytes", []byte{0x10, 0xff, 0xff, 0xff, 0xff, 0x01}, CodeMalformed, ""},
		{"length longer than it need be [MQTT-1.5.5-1]", append([]byte{0x10, connect5[1] | 0x80, 0}, connect5[2:]...), CodeMalformed, "\x20\x03\x00\x81\x00"},
		{"the same in 3.1.1", append([]byte{0x10, connect4[1] | 0x80, 0}, connect4[2:]...), 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) { check(t, tt.in, testLimits, tt.code, tt.ack) })
	}
}

// check reads in and compares the error, and its answer unless that is "*".
func check(t *testing.T, in []byte, limits Limits, code byte, answer string) {
	t.Helper()
	ps, err := readAll(bytes.NewReader(in), limits)
	if code == CodeSuccess {
		if !errors.Is(err, io.EOF) || len(ps) == 0 {
			t.Fatalf("%d packets, %v", len(ps), err)
		}
		return
	}
	var e *Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("%d packets, %v, want code %#x", len(ps), err, code)
	}
	if got := e.Answer(); answer != "*" && string(got) != answer {
		t.Errorf("answered % x, want % x", got, answer)
	}
}

func TestEveryRuleAfterConnect(t *testing.T) {
	const five, both = 5, 0
	for _, tt := range []struct {
		name    string
		version byte
		in      []byte
		code    byte
	}{
		{"PINGREQ", both, []byte{0xc0, 0}, 0},
		{"PINGREQ with a body", both, []byte{0xc0, 1, 0}, CodeMalformed},
		{"PINGREQ with flags", both, []byte{0xc1, 0}, CodeMalformed},
		{"second CONNECT [MQTT-3.1.0-2]", both, connect5, CodeProtocolError},
		{"packet type 0", both, []byte{0x00, 0}, CodeMalformed},
		{"CONNACK", both, []byte{0x20, 2, 0, 0}, CodeProtocolError},
		{"SUBACK", both, []byte{0x90, 3, 0, 1, 0}, CodeProtocolError},
		{"UNSUBACK", both, []byte{0xb0, 2, 0, 1}, CodeProtocolError},
		{"PINGRESP", both, []byte{0xd0, 0}, CodeProtocolError},
		{"AUTH [MQTT-4.12.0-7]", both, []byte{0xf0, 0}, CodeProtocolError},
		{"too large", both, []byte{0x30, 0xff, 0x7f}, CodePacketTooLarge},

		{"QoS 3 [MQTT-3.3.1-4]", both, pk(0x36, str("t"), "\x00\x01\x00"), CodeMalformed},
		{"DUP with QoS 0 [MQTT-3.3.1-2]", both, pk(0x38, str("t"), "\x00"), CodeMalformed},
		{"PUBLISH", 4, pk(0x30, str("t"), "payload"), 0},
		{"PUBLISH", five, pk(0x33, str("t"), "\x00\x01", props(), "payload"), 0},
		{"PUBLISH QoS 2 and DUP", five, pk(0x3c, str("t"), "\x00\x01", props()), 0},
		{"packet identifier 0 [MQTT-2.2.1-3]", five, pk(0x32, str("t"), "\x00\x00", props()), CodeProtocolError},
		{"packet identifier 0", 4, pk(0x32, str("t"), "\x00\x00"), CodeProtocolError},
		{"no packet identifier", both, pk(0x32, str("t"), "\x00"), CodeMalformed},
		{"topic cut", both, pk(0x30, "\x00\x05abc"), CodeMalformed},
		{"topic no UTF-8 [MQTT-3.3.2-1]", both, pk(0x30, str("\xff"), "\x00"), CodeMalformed},
		{"topic with U+0000", both, pk(0x30, str("a\x00b"), "\x00"), CodeMalformed},
		{"topic with + [MQTT-3.3.2-2]", both, pk(0x30, str("a/+"), "\x00"), CodeTopicName},
		{"topic with #", both, pk(0x30, str("#"), "\x00"), CodeTopicName},
		{"no topic", 4, pk(0x30, str("")), CodeMalformed},
		{"no topic, no alias [MQTT-3.3.2-8]", five, pk(0x30, str(""), props()), CodeProtocolError},
		{"alias 0", five, pk(0x30, str("t"), props("\x23\x00\x00")), CodeTopicAlias},
		{"alias above the maximum [MQTT-3.3.2-9]", five, pk(0x30, str("t"), props("\x23\x00\x04")), CodeTopicAlias},
		{"alias never set [MQTT-3.3.2-12]", five, pk(0x30, str(""), props("\x23\x00\x03")), CodeProtocolError},
		{"alias set and used", five, append(pk(0x30, str("t"), props("\x23\x00\x03")), pk(0x30, str(""), props("\x23\x00\x03"))...), 0},
		{"Subscription Identifier [MQTT-3.3.4-6]", five, pk(0x30, str("t"), props("\x0b\x01")), CodeProtocolError},
		{"Response Topic with wildcard [MQTT-3.3.2-14]", five, pk(0x30, str("t"), props("\x08"+str("r/#"))), CodeProtocolError},
		{"Response Topic no UTF-8", five, pk(0x30, str("t"), props("\x08"+str("\xff"))), CodeMalformed},
		{"Content Type no UTF-8", five, pk(0x30, str("t"), props("\x03"+str("\xff"))), CodeMalformed},
		{"User Property no UTF-8", five, pk(0x30, str("t"), props("\x26"+str("k")+str("\xff"))), CodeMalformed},
		{"Payload Format Indicator 2", five, pk(0x30, str("t"), props("\x01\x02")), CodeProtocolError},
		{"all properties of PUBLISH", five, pk(0x30, str("t"), props("\x01\x01", "\x02\x00\x00\x00\x05", "\x03"+str("c"), "\x08"+str("r"), "\x09"+str("\xff"),
			"\x23\x00\x01", "\x26"+str("k")+str("v"))), 0},
		{"property length with five bytes", five, pk(0x30, str("t"), "\xff\xff\xff\xff\x01"), CodeMalformed},
		{"property length missing", five, pk(0x30, str("t")), CodeMalformed},
		{"property length longer than it need be", five, pk(0x30, str("t"), "\x80\x00"), CodeMalformed},

		{"PUBACK", both, []byte{0x40, 2, 0, 1}, 0},
		{"PUBACK of 0", both, []byte{0x40, 2, 0, 0}, CodeProtocolError},
		{"PUBACK cut", both, []byte{0x40, 1, 0}, CodeMalformed},
		{"PUBACK with code", five, []byte{0x40, 3, 0, 1, 0x10}, 0},
		{"PUBACK with code in 3.1.1", 4, []byte{0x40, 3, 0, 1, 0x00}, CodeMalformed},
		{"PUBACK with a code of no PUBACK", five, []byte{0x40, 3, 0, 1, 0x92}, CodeProtocolError},
		{"PUBACK with reason", five, pk(0x40, "\x00\x01\x80", props("\x1f"+str("why"))), 0},
		{"PUBACK with bytes behind", five, pk(0x40, "\x00\x01\x80", props(), "x"), CodeMalformed},
		{"PUBACK with a property of PUBLISH", five, pk(0x40, "\x00\x01\x80", props("\x01\x01")), CodeProtocolError},
		{"PUBREC", both, []byte{0x50, 2, 0, 1}, 0},
		{"PUBREL", both, []byte{0x62, 2, 0, 1}, 0},
		{"PUBREL without its flags [MQTT-3.6.1-1]", both, []byte{0x60, 2, 0, 1}, CodeMalformed},
		{"PUBREL with a code of PUBREC", five, []byte{0x62, 3, 0, 1, 0x10}, CodeProtocolError},
		{"PUBCOMP", five, []byte{0x70, 3, 0, 1, 0x92}, 0},

		{"SUBSCRIBE", 4, pk(0x82, "\x00\x01", str("a/+"), "\x01", str("#"), "\x02"), 0},
		{"SUBSCRIBE", five, pk(0x82, "\x00\x01", props("\x0b\xff\xff\xff\x7f"), str("a"), "\x2e"), 0},
		{"SUBSCRIBE without its flags [MQTT-3.8.1-1]", both, pk(0x80, "\x00\x01", str("a"), "\x01"), CodeMalformed},
		{"SUBSCRIBE without filter [MQTT-3.8.3-2]", 4, pk(0x82, "\x00\x01"), CodeProtocolError},
		{"SUBSCRIBE without filter", five, pk(0x82, "\x00\x01", props()), CodeProtocolError},
		{"SUBSCRIBE of 0", five, pk(0x82, "\x00\x00", props(), str("a"), "\x01"), CodeProtocolError},
		{"options missing", 4, pk(0x82, "\x00\x01", str("a")), CodeMalformed},
		{"options missing", five, pk(0x82, "\x00\x01", props(), str("a")), CodeMalformed},
		{"filter cut", both, pk(0x82, "\x00\x01\x00\x09a"), CodeMalformed},
		{"filter no UTF-8", 4, pk(0x82, "\x00\x01", str("\xff"), "\x01"), CodeMalformed},
		{"filter with U+0000", five, pk(0x82, "\x00\x01", props(), str("a\x00"), "\x01"), CodeMalformed},
		{"subscription QoS 3", five, pk(0x82, "\x00\x01", props(), str("a"), "\x03"), CodeProtocolError},
		{"subscription QoS 3", 4, pk(0x82, "\x00\x01", str("a"), "\x03"), CodeMalformed},
		{"options of MQTT 5 in 3.1.1 [3.1.1: MQTT-3-8.3-4]", 4, pk(0x82, "\x00\x01", str("a"), "\x04"), CodeMalformed},
		{"Retain Handling 3", five, pk(0x82, "\x00\x01", props(), str("a"), "\x30"), CodeProtocolError},
		{"reserved options [MQTT-3.8.3-5]", five, pk(0x82, "\x00\x01", props(), str("a"), "\x40"), CodeMalformed},
		{"No Local and shared [MQTT-3.8.3-4]", five, pk(0x82, "\x00\x01", props(), str("$share/g/a"), "\x04"), CodeProtocolError},
		{"No Local", five, pk(0x82, "\x00\x01", props(), str("a"), "\x04"), 0},
		{"Subscription Identifier 0", five, pk(0x82, "\x00\x01", props("\x0b\x00"), str("a"), "\x00"), CodeProtocolError},
		{"Subscription Identifier twice", five, pk(0x82, "\x00\x01", props("\x0b\x01\x0b\x02"), str("a"), "\x00"), CodeProtocolError},
		{"Subscription Identifier of five bytes", five, pk(0x82, "\x00\x01", props("\x0b\xff\xff\xff\xff\x01"), str("a"), "\x00"), CodeMalformed},

		{"UNSUBSCRIBE", 4, pk(0xa2, "\x00\x01", str("a")), 0},
		{"UNSUBSCRIBE", five, pk(0xa2, "\x00\x01", props(), str("a"), str("b")), 0},
		{"UNSUBSCRIBE without its flags [MQTT-3.10.1-1]", both, pk(0xa0, "\x00\x01", str("a")), CodeMalformed},
		{"UNSUBSCRIBE without filter [MQTT-3.10.3-2]", five, pk(0xa2, "\x00\x01", props()), CodeProtocolError},
		{"UNSUBSCRIBE cut", five, pk(0xa2, "\x00\x01", props(), "\x00\x09"), CodeMalformed},
		{"UNSUBSCRIBE no UTF-8", 4, pk(0xa2, "\x00\x01", str("\xff")), CodeMalformed},

		{"DISCONNECT", both, []byte{0xe0, 0}, 0},
		{"DISCONNECT with flags [MQTT-3.14.1-1]", both, []byte{0xe1, 0}, CodeMalformed},
		{"DISCONNECT with a body in 3.1.1", 4, []byte{0xe0, 1, 0}, CodeMalformed},
		{"DISCONNECT with will", five, []byte{0xe0, 1, 4}, 0},
		{"DISCONNECT with a server's code [MQTT-3.14.2-1]", five, []byte{0xe0, 1, 0x8b}, CodeProtocolError},
		{"DISCONNECT with bytes behind", five, []byte{0xe0, 3, 0, 0, 0}, CodeMalformed},
		{"DISCONNECT with Server Reference", five, pk(0xe0, "\x00", props("\x1c"+str("elsewhere"))), CodeMalformed},
		{"session expiry from nothing", five, pk(0xe0, "\x00", props("\x11\x00\x00\x00\x05")), CodeProtocolError},
		{"session expiry 0", five, pk(0xe0, "\x00", props("\x11\x00\x00\x00\x00")), 0},
		{"length longer than it need be [MQTT-1.5.5-1]", five, []byte{0xc0, 0x80, 0}, CodeMalformed},
		{"the same in 3.1.1", 4, []byte{0xc0, 0x80, 0}, 0},
	} {
		for _, v := range []byte{4, 5} {
			if tt.version != both && tt.version != v {
				continue
			}
			t.Run(tt.name, func(t *testing.T) {
				answer := ""
				if v == 5 {
					answer = string([]byte{0xe0, 2, tt.code, 0})
				}
				check(t, append(slices.Clone(connectOf(v)), tt.in...), testLimits, tt.code, answer)
			})
		}
	}
}

func TestQoSAboveTheMaximum(t *testing.T) {
	limits := testLimits
	limits.MaxQoS = 1
	check(t, append(slices.Clone(connect5), pk(0x34, str("t"), "\x00\x01", props())...), limits, CodeQoS, "\xe0\x02\x9b\x00")
	check(t, append(slices.Clone(connect4), pk(0x34, str("t"), "\x00\x01")...), limits, CodeQoS, "")
	check(t, connect(5, 0x16, props(), str("id"), props(), str("w"), str("x")), limits, CodeQoS, "\x20\x03\x00\x9b\x00")
}

func TestStrictClientIdentifiers(t *testing.T) {
	limits := testLimits
	limits.StrictIDs = true
	check(t, connect(5, 2, props(), str("bad/id")), limits, CodeClientID, "\x20\x03\x00\x85\x00")
	check(t, connect(4, 2, str("bad/id")), limits, CodeClientID, "\x20\x02\x00\x02")
	check(t, connect(5, 2, props(), str("Web_1.phone-2:x@y (old)")), limits, CodeSuccess, "")
	for _, id := range []string{"a+", "#", "é", "a\n"} {
		check(t, connect(5, 2, props(), str(id)), limits, CodeClientID, "\x20\x03\x00\x85\x00")
	}
}

func TestNothingIsReadBehindDisconnect(t *testing.T) {
	ps, err := readAll(bytes.NewReader(append(slices.Clone(connect5), 0xe0, 0, 0xff, 0xff)), testLimits)
	if len(ps) != 2 || !errors.Is(err, io.EOF) {
		t.Errorf("%d packets, %v", len(ps), err)
	}
}

func TestWillIsKeptAside(t *testing.T) {
	willProps := props("\x18\x00\x00\x00\x05")
	r := NewReader(bytes.NewReader(connect(5, 0xf6, props(), str("id"), willProps, str("w"), str("gone"), str("user"), str("secret"))), testLimits)
	p, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if want := connect(5, 0xc2, props(), str("id"), str("user"), str("secret")); !bytes.Equal(p.Raw, want) {
		t.Errorf("% x, want % x", p.Raw, want)
	}
	w := r.Connect().Will
	if w == nil || w.Topic != "w" || string(w.Payload) != "gone" || w.QoS != 2 || !w.Retain || string(w.Properties) != willProps {
		t.Errorf("%+v", w)
	}
	p, err = NewReader(bytes.NewReader(connect(5, 0xc2, props(), str("id"), str("user"), str(""))), testLimits).Next()
	if want := connect(5, 0x82, props(), str("id"), str("user")); err != nil || !bytes.Equal(p.Raw, want) {
		t.Errorf("empty password: % x, want % x", p.Raw, want)
	}
}

func TestPacketsComeOutWholeHoweverTheyAreCut(t *testing.T) {
	in := slices.Clone(connect5)
	for i := range 200 {
		in = append(in, pk(0x32, str("topic"), "\x00\x01", props(), strings.Repeat("x", i*4))...)
		in = append(in, 0xc0, 0)
	}
	for name, src := range map[string]io.Reader{
		"whole": bytes.NewReader(in), "bytes": iotest.OneByteReader(bytes.NewReader(in)), "halves": iotest.HalfReader(bytes.NewReader(in)),
		"error with data": iotest.DataErrReader(bytes.NewReader(in)),
	} {
		ps, err := readAll(src, testLimits)
		var out []byte
		for _, p := range ps {
			out = append(out, p.Raw...)
		}
		if !errors.Is(err, io.EOF) || !bytes.Equal(out, in) {
			t.Errorf("%s: %d packets, %v", name, len(ps), err)
		}
	}
	if _, err := readAll(bytes.NewReader(in[:len(in)-1]), testLimits); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut at the end: %v", err)
	}
}

func TestAnnouncedLengthAllocatesNothing(t *testing.T) {
	limits := Limits{ConnectBytes: 256, PacketBytes: 16 << 20}
	src := io.MultiReader(bytes.NewReader(connect5), bytes.NewReader([]byte{0x30, 0xff, 0xff, 0xff, 0x06}), iotest.ErrReader(io.ErrClosedPipe))
	r := NewReader(src, limits)
	_, _ = r.Next()
	if _, err := r.Next(); !errors.Is(err, io.ErrClosedPipe) {
		t.Fatal(err)
	}
	if len(r.buf) > keptBuffer {
		t.Errorf("%d bytes for five", len(r.buf))
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	in := slices.Clone(connect5)
	subscribe := pk(0x82, "\x00\x01", props("\x26"+str("rate")+str("5")), str("candle/1m/+"), "\x01")
	for range 2000 {
		in = append(append(in, 0x40, 2, 0, 1, 0xc0, 0), subscribe...)
	}
	r := NewReader(bytes.NewReader(in), testLimits)
	for range 10 {
		_, _ = r.Next()
	}
	if n := testing.AllocsPerRun(5000, func() {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for each packet", n)
	}
}

func TestFilters(t *testing.T) {
	for filter, want := range map[string]bool{
		"a": true, "a/b": true, "/": true, "#": true, "+": true, "a/#": true, "+/+/#": true, "/+": true, "a//b": true, "$SYS/#": true,
		"": false, "a#": false, "#/a": false, "a/#/b": false, "a+": false, "+a/b": false, "a/b+": false,
		"$share/g/a": true, "$share/g/#": true, "$SHARE/g/a": true, "$share/g//": true, "$shared/a": true,
		"$share": false, "$share/g": false, "$share/g/": false, "$share//a": false, "$share/+/a": false, "$share/g#/a": false, "$share/g/a#": false,
	} {
		if ValidFilter(filter) != want {
			t.Errorf("%q: %v", filter, !want)
		}
	}
	for topic, want := range map[string]bool{"a": true, "/": true, "": false, "a/+": false, "#": false, "$x": true} {
		if ValidTopic(topic) != want {
			t.Errorf("topic %q: %v", topic, !want)
		}
	}
}

func BenchmarkReader(b *testing.B) {
	one := append(pk(0x32, str("candle/1m/BTCUSDT"), "\x00\x01", props("\x26"+str("ver")+str(strings.Repeat("0", 48))), strings.Repeat("x", 300)), 0x40, 2, 0, 1)
	in := append(slices.Clone(connect5), bytes.Repeat(one, 1000)...)
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		r := NewReader(bytes.NewReader(in), testLimits)
		for {
			if _, err := r.Next(); err != nil {
				break
			}
		}
	}
}
