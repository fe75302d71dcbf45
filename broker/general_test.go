package broker

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/configs"
)

// startGeneral runs the edge of conformance.yaml on free ports.
func startGeneral(tb testing.TB, change func(*Config)) *Broker {
	tb.Helper()
	f := struct {
		Broker Config `yaml:"broker"`
	}{DefaultConfig()}
	if err := configs.Load("conformance.yaml", &f); err != nil {
		tb.Fatal(err)
	}
	return startBroker(tb, func(c *Config) {
		tcp, webSocket, admin := c.TCP, c.WebSocket, c.Admin
		*c = f.Broker
		c.TCP, c.WebSocket, c.Admin = tcp, webSocket, admin
		if change != nil {
			change(c)
		}
	})
}

// The default admin port is that of `tickcast up`: the edge for suites must be able to start beside one.
func TestTheEdgeForSuitesOpensNoAdminPort(t *testing.T) {
	f := struct {
		Broker Config `yaml:"broker"`
	}{DefaultConfig()}
	if err := configs.Load("conformance.yaml", &f); err != nil {
		t.Fatal(err)
	}
	if f.Broker.Admin.Listen != "" {
		t.Errorf("it listens on %s", f.Broker.Admin.Listen)
	}
}

// say publishes on a topic of the realm and waits until the edge has it.
func (c *client) say(topic, payload string, qos byte, retain bool) {
	c.tb.Helper()
	pk := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: qos, Retain: retain}, TopicName: topic, Payload: []byte(payload)}
	if qos > 0 {
		pk.PacketID = 77
	}
	c.send((*packets.Packet).PublishEncode, pk)
	switch qos {
	case 1:
		c.until(packets.Puback)
	case 2:
		c.until(packets.Pubrec)
		c.write([]byte{0x62, 2, 0, 77})
		c.until(packets.Pubcomp)
	default:
		c.ping()
	}
}

// take reads a message of any QoS, and completes its delivery.
func (c *client) take() packets.Packet {
	c.tb.Helper()
	m := c.message()
	if m.FixedHeader.Qos == 2 {
		c.write([]byte{0x50, 2, byte(m.PacketID >> 8), byte(m.PacketID)})
		c.until(packets.Pubrel)
		c.write([]byte{0x70, 2, byte(m.PacketID >> 8), byte(m.PacketID)})
	}
	return m
}

// Each of these is a fault that a conformance suite has found in a broker: mosquitto 2.0.11 or stock mochi.
func TestFaultsThatConformanceSuitesFound(t *testing.T) {
	t.Parallel()
	b := startGeneral(t, nil)
	subscribe := func(options byte, f string) []byte {
		body := append([]byte{0, 1, 0, 0, byte(len(f))}, f...)
		return append([]byte{0x82, byte(len(body) + 1)}, append(body, options)...)
	}
	for _, tt := range []struct {
		name string
		in   []byte
		code byte // of DISCONNECT
	}{
		{"publish_dup_must_be_zero_for_qos0", []byte{0x38, 4, 0, 1, 'a', 0}, 0x81},
		{"publish_subscription_id_from_client_rejected", []byte{0x30, 6, 0, 1, 'a', 2, 0x0b, 1}, 0x82},
		{"response_topic_wildcard_rejected", []byte{0x30, 9, 0, 1, 'a', 5, 0x08, 0, 2, 'r', '#'}, 0x82},
		{"topic_alias_cleared_on_reconnect", []byte{0x30, 6, 0, 0, 3, 0x23, 0, 1}, 0x82},
		{"subscribe_no_local_shared_rejected", subscribe(0x04, "$share/g/a"), 0x82},
		{"subscribe_reserved_option_bits_rejected", subscribe(0x40, "a"), 0x81},
		{"unsolicited_auth_rejected", []byte{0xf0, 2, 0x18, 0}, 0x82},
	} {
		c := dial(t, b.Addrs().TCP, dialing{id: "c"})
		c.write(tt.in)
		if code := c.closed(); code != tt.code {
			t.Errorf("%s: DISCONNECT %#x, want %#x", tt.name, code, tt.code)
		}
	}
	c := dial(t, b.Addrs().TCP, dialing{id: "filters"})
	for f, want := range map[string]byte{
		"tennis#": 0x8F, "sport+": 0x8F, "$share/grouponly": 0x8F, "a/#/b": 0x8F, "test/nosubscribe": 0x80, "#": 2, "$share/g/a": 2, "$SYS/#": 2,
	} {
		if codes := c.subscribe(filter(f, 2)); codes[0] != want {
			t.Errorf("%s: SUBACK %#x, want %#x", f, codes[0], want)
		}
	}
	for _, tt := range []struct {
		name    string
		connect []byte
		answer  []byte
	}{
		{"connect_unsupported_protocol_version", []byte{0x10, 14, 0, 4, 'M', 'Q', 'T', 'T', 99, 2, 0, 60, 0, 0, 1, 'c'}, []byte{0x20, 3, 0, 0x84, 0}},
		{"unsupported_auth_method_closes", []byte{0x10, 18, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 60, 4, 0x15, 0, 1, 'x', 0, 1, 'c'}, []byte{0x20, 3, 0, 0x8C, 0}},
		{"connect_duplicate_property_rejected", []byte{0x10, 20, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 60, 6, 0x21, 0, 9, 0x21, 0, 9, 0, 1, 'c'}, []byte{0x20, 3, 0, 0x82, 0}},
		{"connect_will_qos_zero_without_will_flag", []byte{0x10, 14, 0, 4, 'M', 'Q', 'T', 'T', 5, 0x0a, 0, 60, 0, 0, 1, 'c'}, []byte{0x20, 3, 0, 0x81, 0}},
		{"username_invalid_utf8_rejected", []byte{0x10, 17, 0, 4, 'M', 'Q', 'T', 'T', 5, 0x82, 0, 60, 0, 0, 1, 'c', 0, 1, 0xff}, []byte{0x20, 3, 0, 0x81, 0}},
		{"client_id_rejected_with_0x85", []byte{0x10, 19, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 60, 0, 0, 6, 'b', 'a', 'd', '/', 'i', 'd'}, []byte{0x20, 3, 0, 0x85, 0}},
	} {
		c := dialRaw(t, b.Addrs().TCP, 0)
		c.write(tt.connect)
		got := make([]byte, 16)
		_ = c.SetReadDeadline(time.Now().Add(patience))
		n, _ := c.Conn.Read(got)
		if !bytes.Equal(got[:n], tt.answer) {
			t.Errorf("%s: % x, want % x", tt.name, got[:n], tt.answer)
		}
		c.closed()
	}
	if p := dial(t, b.Addrs().TCP, dialing{id: "keepalive", keepalive: 120}).ack.Properties; p.ServerKeepAlive != 60 {
		t.Errorf("test_server_keep_alive: %d", p.ServerKeepAlive)
	}
	if ack := dial(t, b.Addrs().TCP, dialing{id: "user", user: "testuser", password: "secret"}).ack; ack.ReasonCode != 0 {
		t.Errorf("username_flag_with_username_succeeds: %#x", ack.ReasonCode)
	}
}

func TestGeneralRealmDeliversEachQoS(t *testing.T) {
	t.Parallel()
	b := startGeneral(t, nil)
	for _, v := range []byte{4, 5} {
		id := fmt.Sprint("v", v)
		in, out := dial(t, b.Addrs().TCP, dialing{id: id + "in", v: v}), dial(t, b.Addrs().TCP, dialing{id: id + "out", v: v})
		for granted := range byte(3) {
			out.subscribe(filter("chat/+", granted))
			for qos := range byte(3) {
				in.say("chat/room", fmt.Sprint(qos), qos, false)
				if m := out.take(); m.FixedHeader.Qos != min(qos, granted) || string(m.Payload) != fmt.Sprint(qos) || m.FixedHeader.Retain {
					t.Errorf("MQTT %d: granted %d, published %d: got QoS %d %s", v, granted, qos, m.FixedHeader.Qos, m.Payload)
				}
			}
		}
		out.silent()
	}
}

func TestGeneralRealmAndTheMarketKeepApart(t *testing.T) {
	t.Parallel()
	b := startGeneral(t, nil)
	put(t, b, "status/BTCUSDT/feed", ver(1, 0, 1), "up")
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	c.subscribe(filter("#", 2))
	if m := c.message(); string(m.Payload) != "up" || !m.FixedHeader.Retain || m.FixedHeader.Qos != 0 {
		t.Errorf("snapshot: %+v", m)
	}
	spoof := dial(t, b.Addrs().TCP, dialing{id: "spoof", v: 4})
	for _, topic := range []string{"status/BTCUSDT/feed", "candle/x", "$SYS/x", "$tickcast/bridge", "replay/1"} {
		for qos := range byte(3) {
			if topic == "$SYS/x" && qos > 0 {
				continue // ends the connection
			}
			spoof.say(topic, "ready", qos, true)
		}
	}
	five := dial(t, b.Addrs().TCP, dialing{id: "five"})
	five.publish("status/BTCUSDT/feed", "spoof", 1, verProperty(9, 9, 9))
	if ack := five.until(packets.Puback); ack.ReasonCode != packets.ErrNotAuthorized.Code {
		t.Errorf("PUBACK %#x", ack.ReasonCode)
	}
	c.silent()
	put(t, b, "status/BTCUSDT/feed", ver(1, 0, 2), "down")
	if m := c.message(); string(m.Payload) != "down" {
		t.Errorf("got %s", m.Payload)
	}
	if b.ready.at(time.Now()) && b.cfg.AwaitPublisher {
		t.Error("a stranger made the edge ready")
	}
}

func TestGeneralRealmKeepsReceiveMaximum(t *testing.T) {
	t.Parallel()
	b := startGeneral(t, nil)
	const limit, n = 5, 60
	out := dial(t, b.Addrs().TCP, dialing{id: "out", receiveMaximum: limit})
	out.subscribe(filter("chat", 2))
	in := dial(t, b.Addrs().TCP, dialing{id: "in"})
	for i := range n {
		in.say("chat", fmt.Sprint(i), byte(1+i%2), false)
	}
	in.say("chat", "at once", 0, false) // QoS 0 is not held up
	var open []packets.Packet
	next := 0
	for next < n {
		for len(open) < min(limit, n-next) {
			m := out.until(packets.Publish)
			if m.FixedHeader.Qos == 0 {
				continue
			}
			if string(m.Payload) != fmt.Sprint(next+len(open)) {
				t.Fatalf("message %d is %s", next+len(open), m.Payload)
			}
			open = append(open, m)
		}
		for _, m := range open {
			id := []byte{byte(m.PacketID >> 8), byte(m.PacketID)}
			if m.FixedHeader.Qos == 1 {
				out.puback(m.PacketID)
				continue
			}
			out.write(append([]byte{0x50, 2}, id...))
			out.write(append([]byte{0x70, 2}, id...))
		}
		next += len(open)
		open = open[:0]
	}
	out.ping()
	out.silent()
}

func TestGeneralRealmResumesInOrder(t *testing.T) {
	t.Parallel()
	b := startGeneral(t, nil)
	d := dialing{id: "out", resume: true, expiry: 600}
	out := dial(t, b.Addrs().TCP, d)
	out.subscribe(filter("chat", 1))
	_ = out.Close()
	waitFor(t, "the connection to end", func() bool { return b.Stats().Connections == 0 })
	in := dial(t, b.Addrs().TCP, dialing{id: "in"})
	const n = 100
	for i := range n {
		in.say("chat", fmt.Sprint(i), 1, false)
	}
	out = dial(t, b.Addrs().TCP, d)
	if !out.ack.SessionPresent {
		t.Fatal("no session")
	}
	for i := range n {
		if m := out.message(); string(m.Payload) != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, m.Payload)
		}
	}
}

// What waited for its client is sent with DUP only if it was sent before; what the client's Receive Maximum holds back was not.
func TestGeneralRealmMarksWhatIsSentAgain(t *testing.T) {
	t.Parallel()
	for _, v := range []byte{4, 5} {
		b := startGeneral(t, nil)
		d := dialing{id: "out", v: v, resume: true}
		if v == 5 {
			d.expiry, d.receiveMaximum = 600, 2
		}
		out := dial(t, b.Addrs().TCP, d)
		out.subscribe(filter("chat", 2))
		in := dial(t, b.Addrs().TCP, dialing{id: "in"})
		in.say("chat", "0", 1, false)
		out.until(packets.Publish)
		_ = out.Close()
		waitFor(t, "the connection to end", func() bool { return b.Stats().Connections == 1 })
		const n = 5
		for i := 1; i < n; i++ {
			in.say("chat", fmt.Sprint(i), byte(1+i%2), false)
		}
		seen := 1
		for _, reads := range []int{2, 2, n} { // unacknowledged, but for the last time
			out = dial(t, b.Addrs().TCP, d)
			if v == 4 && reads < n {
				reads = n // there is no Receive Maximum
			}
			for i := range reads {
				m := out.until(packets.Publish)
				if string(m.Payload) != fmt.Sprint(i) || m.FixedHeader.Dup != (i < seen) {
					t.Errorf("MQTT %d: message %d is %s, DUP %v", v, i, m.Payload, m.FixedHeader.Dup)
				}
				if reads == n && v == 5 {
					id := []byte{byte(m.PacketID >> 8), byte(m.PacketID)}
					if m.FixedHeader.Qos == 1 {
						out.puback(m.PacketID)
					} else {
						out.write(append([]byte{0x50, 2}, id...))
						out.write(append([]byte{0x70, 2}, id...))
					}
				}
			}
			seen = max(seen, reads)
			_ = out.Close()
			waitFor(t, "the connection to end", func() bool { return b.Stats().Connections == 1 })
		}
	}
}

func TestGeneralRealmRetainsAndSendsIdentifiers(t *testing.T) {
	t.Parallel()
	b := startGeneral(t, nil)
	in := dial(t, b.Addrs().TCP, dialing{id: "in"})
	in.say("kept/a", "old", 1, true)
	in.say("kept/a", "new", 1, true)
	in.say("kept/b", "gone", 1, true)
	in.say("kept/b", "", 1, true)
	in.ping() // mochi acknowledges before it forwards
	out := dial(t, b.Addrs().TCP, dialing{id: "out"})
	for _, f := range []string{"kept/+", "kept/a"} {
		out.subscribe(packets.Subscription{Filter: f, Qos: 1, Identifier: len(f)})
		m := out.message()
		if string(m.Payload) != "new" || !m.FixedHeader.Retain || !slices.Equal(m.Properties.SubscriptionIdentifier, []int{len(f)}) {
			t.Errorf("%s: %s %v", f, m.Payload, m.Properties.SubscriptionIdentifier)
		}
		out.silent()
	}
	in.say("kept/a", "live", 0, false) // both subscriptions, one copy [MQTT-3.3.4-4]
	if m := out.message(); !slices.Equal(m.Properties.SubscriptionIdentifier, []int{6, 6}) {
		t.Errorf("identifiers %v", m.Properties.SubscriptionIdentifier)
	}
	out.silent()
	shared := dial(t, b.Addrs().TCP, dialing{id: "shared"})
	shared.subscribe(filter("$share/g/kept/#", 1))
	shared.silent() // [4.8.2]
}

func TestExpiredRetainedMessageIsNotSent(t *testing.T) {
	t.Parallel()
	b := startGeneral(t, nil)
	in := dial(t, b.Addrs().TCP, dialing{id: "in"})
	in.write([]byte{0x31, 10, 0, 1, 'a', 5, 0x02, 0, 0, 0, 100, 'x'})
	in.ping()
	pk, ok := b.mqtt.Topics.Retained.Get("a")
	if now := packetTime(); !ok || pk.Expiry < now+98 || pk.Expiry > now+100 {
		t.Fatalf("retained %t, expires at %d, now is %d", ok, pk.Expiry, now)
	}
	pk.Expiry = packetTime() - 1 // and may not have been swept yet
	b.mqtt.Topics.Retained.Add("a", pk)
	in.subscribe(filter("#", 0))
	in.silent()
	b.mqtt.Topics.Retained.Add("a", pk)
	waitFor(t, "it to be swept", func() bool { return b.mqtt.Topics.Retained.Len() == 0 })
}
