package broker

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"
)

func TestGeneralRealmTopicAliases(t *testing.T) {
	t.Parallel()
	b := startGeneral(t, nil)
	out := dialAliases(t, b, "out", 2)
	out.subscribe(filter("#", 1))
	in := dial(t, b.Addrs().TCP, dialing{id: "in"})
	if in.ack.Properties.TopicAliasMaximum != generalAliases {
		t.Errorf("Topic Alias Maximum %d", in.ack.Properties.TopicAliasMaximum)
	}
	in.write([]byte{0x30, 8, 0, 1, 'a', 3, 0x23, 0, 1, '1'}) // sets the alias
	in.write([]byte{0x30, 7, 0, 0, 3, 0x23, 0, 1, '2'})      // uses it
	in.say("b", "3", 1, false)
	in.say("c", "4", 0, false)
	in.say("b", "5", 1, false)
	for _, want := range []struct {
		topic, payload string
		alias          uint16
	}{{"a", "1", 1}, {"", "2", 1}, {"b", "3", 2}, {"c", "4", 0}, {"", "5", 2}} {
		if m := out.message(); m.TopicName != want.topic || string(m.Payload) != want.payload || m.Properties.TopicAlias != want.alias {
			t.Errorf("topic %q alias %d %s, want %+v", m.TopicName, m.Properties.TopicAlias, m.Payload, want)
		}
	}
}

// dialAliases connects a client that takes topic aliases.
func dialAliases(t *testing.T, b *Broker, id string, most byte) *client {
	t.Helper()
	c := dialRaw(t, b.Addrs().TCP, 0)
	c.v = 5
	body := append([]byte{0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 60, 3, 0x22, 0, most, 0, byte(len(id))}, id...)
	c.write(append([]byte{0x10, byte(len(body))}, body...))
	c.until(packets.Connack)
	return c
}

func TestFlowHoldsBackAndNamesTopicsOnce(t *testing.T) {
	encode := func(topic, payload string, qos byte, id uint16) []byte {
		pk := packets.Packet{ProtocolVersion: 5, FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: qos}, TopicName: topic, Payload: []byte(payload),
			PacketID: id, Properties: packets.Properties{ContentType: strings.Repeat("c", 124)}} // one byte of length becomes two
		var b bytes.Buffer
		if err := pk.PublishEncode(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	w := flow{window: 1, most: 1, unsent: func(uint16) bool { return false }}
	var out []byte
	for i := range uint16(3) {
		out = w.add(out, encode("topic", fmt.Sprint(i), 1, i+1), true)
	}
	if len(w.held) != 2 || w.bytes == 0 {
		t.Fatalf("%d held", len(w.held))
	}
	for i := range uint16(3) {
		out = w.acked(out, i+1, true)
	}
	if len(w.held) != 0 || w.bytes != 0 || len(w.open) != 0 {
		t.Fatalf("%d held, %d bytes, %d open", len(w.held), w.bytes, len(w.open))
	}
	br := newPacketReader(out)
	for i := range 3 {
		pk, err := readPacket(br, 5)
		if err != nil || string(pk.Payload) != fmt.Sprint(i) || pk.Properties.TopicAlias != 1 || len(pk.Properties.ContentType) != 124 || (pk.TopicName == "") != (i > 0) {
			t.Errorf("message %d: %v %q %s", i, err, pk.TopicName, pk.Payload)
		}
	}
}
