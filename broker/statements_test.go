package broker

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// docs/mqtt-statements.md names a test for each statement of the standard; those of this file are about one statement each.

func TestStatementsHaveTheirTests(t *testing.T) {
	table, err := os.ReadFile("../docs/mqtt-statements.md")
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, dir := range []string{".", "wire"} {
		files, _ := filepath.Glob(filepath.Join(dir, "*_test.go"))
		for _, f := range files {
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(src, -1) {
				there[string(m[1])] = true
			}
		}
	}
	rows := 0
	seen := map[string]bool{}
	standard := ""
	for line := range strings.Lines(string(table)) {
		if strings.HasPrefix(line, "## ") {
			standard = line
		}
		m := regexp.MustCompile("^\\| ([0-9][^|]*) \\|[^|]*\\| `(\\w+)` \\|$").FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		rows++
		if !there[m[2]] {
			t.Errorf("%s: there is no %s", m[1], m[2])
		}
		for id := range strings.SplitSeq(m[1], ", ") {
			if seen[standard+id] {
				t.Errorf("%s is listed twice", id)
			}
			seen[standard+id] = true
		}
	}
	if rows < 100 {
		t.Errorf("%d rows", rows)
	}
}

func TestFrames(t *testing.T) {
	for _, size := range []int{0, 1, 100, 116, 117, 118, 125, 126, 127, 128, 16381, 16383, 16384, 20000} {
		f := newFrame("candle/1m/B", bytes.Repeat([]byte("x"), size))
		for _, o := range []sending{
			{}, {retain: true}, {packetID: 7}, {packetID: 7, dup: true, retain: true},
			{v5: true}, {v5: true, retain: true}, {v5: true, packetID: 7, subIDs: []int{1, 128, 268435455}}, {v5: true, subIDs: []int{5}},
		} {
			b := f.appendTo(nil, &o)
			version := byte(4)
			if o.v5 {
				version = 5
			}
			pk, err := readPacket(newPacketReader(b), version)
			if err != nil || pk.TopicName != "candle/1m/B" || len(pk.Payload) != size || pk.PacketID != o.packetID || pk.FixedHeader.Retain != o.retain ||
				pk.FixedHeader.Dup != o.dup || (pk.FixedHeader.Qos == 1) != (o.packetID != 0) || !slices.Equal(pk.Properties.SubscriptionIdentifier, o.subIDs) {
				t.Fatalf("%d bytes, %+v: %v %+v", size, o, err, pk)
			}
			var again bytes.Buffer // mochi's encoder takes as few bytes as there can be
			if err := pk.PublishEncode(&again); err != nil || again.Len() != len(b) {
				t.Errorf("%d bytes, %+v: %d bytes, mochi %d, %v", size, o, len(b), again.Len(), err)
			}
		}
	}
}

func TestTextIsNotTouched(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	for _, contract := range []string{"\ufeffX", "é", "e\u0301", "日本", "a b"} {
		topic := "candle/1m/" + contract
		c.subscribe(filter(topic, 0))
		put(t, b, topic, ver(1, 0, 1), "x")
		if m := c.message(); m.TopicName != topic {
			t.Errorf("%q became %q", topic, m.TopicName)
		}
	}
	c.silent()
}

func TestAnswersCarryTheIdentifierOfWhatTheyAnswer(t *testing.T) {
	t.Parallel()
	b := startGeneral(t, nil)
	for _, v := range []byte{4, 5} {
		c := dial(t, b.Addrs().TCP, dialing{id: "c", v: v})
		props := ""
		if v == 5 {
			props = "\x00"
		}
		for _, id := range []uint16{1, 255, 256, 65535} {
			n := string([]byte{byte(id >> 8), byte(id)})
			for _, tt := range []struct {
				first byte
				body  string
				kind  byte
			}{
				{0x82, n + props + "\x00\x01a\x01", packets.Suback}, {0xa2, n + props + "\x00\x01a", packets.Unsuback},
				{0x32, "\x00\x01b" + n + props, packets.Puback}, {0x34, "\x00\x01b" + n + props, packets.Pubrec}, {0x62, n, packets.Pubcomp},
			} {
				c.write(append([]byte{tt.first, byte(len(tt.body))}, tt.body...))
				if got := c.nextRaw(tt.kind); string(got[:2]) != n {
					t.Errorf("MQTT %d: type %d answers % x with % x", v, tt.kind, n, got)
				}
			}
		}
	}
}

// nextRaw reads the next packet, of this type, and returns its body.
func (c *client) nextRaw(kind byte) []byte {
	c.tb.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	first, err := c.br.ReadByte()
	if err != nil || first>>4 != kind {
		c.tb.Fatalf("first byte %#x, %v, want type %d", first, err, kind)
	}
	n, _, err := packets.DecodeLength(c.br)
	if err != nil {
		c.tb.Fatal(err)
	}
	body := make([]byte, n)
	for i := range body {
		if body[i], err = c.br.ReadByte(); err != nil {
			c.tb.Fatal(err)
		}
	}
	return body
}

func TestSessionPresent(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	for _, v := range []byte{4, 5} {
		id := fmt.Sprint("s", v)
		for _, step := range []struct{ resume, present bool }{{true, false}, {true, true}, {false, false}} {
			c := dial(t, b.Addrs().TCP, dialing{id: id, v: v, resume: step.resume, expiry: 600})
			if c.ack.SessionPresent != step.present {
				t.Errorf("MQTT %d, resume %v: session present %v", v, step.resume, c.ack.SessionPresent)
			}
			if !step.present {
				put(t, b, "candle/1m/"+id, ver(1, 0, time.Now().UnixNano()), "x")
				c.silent() // nothing is left of another session's subscriptions
			}
			c.subscribe(filter("candle/1m/"+id, 0))
			if v == 4 && !step.resume {
				_ = c.Close() // the session is over with the connection
				waitFor(t, "the session to end", func() bool { return b.Stats().Sessions == 0 })
			}
		}
		end := dial(t, b.Addrs().TCP, dialing{id: id, v: v})
		_ = end.Close()
		waitFor(t, "the session to end", func() bool { return b.Stats().Sessions == 0 })
	}
}

func TestGeneralRealmForwardsProperties(t *testing.T) {
	t.Parallel()
	b := startGeneral(t, nil)
	in, out := dial(t, b.Addrs().TCP, dialing{id: "in"}), dial(t, b.Addrs().TCP, dialing{id: "out"})
	out.subscribe(filter("p", 1))
	user := []packets.UserProperty{{Key: "b", Val: "1"}, {Key: "a", Val: "2"}, {Key: "b", Val: "3"}}
	pk := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1}, TopicName: "p", Payload: []byte("x"), PacketID: 1,
		Mods: packets.Mods{AllowResponseInfo: true},
		Properties: packets.Properties{PayloadFormat: 1, PayloadFormatFlag: true, ContentType: "text/plain", ResponseTopic: "r", CorrelationData: []byte{0, 255},
			MessageExpiryInterval: 100, User: user}}
	in.send((*packets.Packet).PublishEncode, pk)
	p := out.message().Properties
	if p.PayloadFormat != 1 || p.ContentType != "text/plain" || p.ResponseTopic != "r" || !bytes.Equal(p.CorrelationData, []byte{0, 255}) || !slices.Equal(p.User, user) {
		t.Errorf("%+v", p)
	}
	if p.MessageExpiryInterval < 98 || p.MessageExpiryInterval > 100 {
		t.Errorf("expires in %d s", p.MessageExpiryInterval)
	}
}

func TestReasonStringIsLeftOutWhereItMayNotBe(t *testing.T) {
	t.Parallel()
	b := startBroker(t, withPublisher(t))
	for _, tt := range []struct {
		name  string
		props string
		has   bool
	}{{"wanted", "", true}, {"not wanted", "\x17\x00", false}, {"too large", "\x27\x00\x00\x00\x14", false}} {
		c := dialRaw(t, b.Addrs().TCP, 0)
		c.v = 5
		body := "\x00\x04MQTT\x05\xc2\x00\x3c" + string([]byte{byte(len(tt.props))}) + tt.props + "\x00\x01p\x00\x06bridge\x00\x06secret"
		c.write(append([]byte{0x10, byte(len(body))}, body...))
		if tt.name != "too large" { // CONNACK alone is longer than that, with the limits that it tells
			c.until(packets.Connack)
		}
		c.publish("candle/1m/A", "x", 1) // has no version
		ack := c.until(packets.Puback)
		if ack.ReasonCode != packets.ErrPayloadFormatInvalid.Code || (ack.Properties.ReasonString != "") != tt.has {
			t.Errorf("%s: PUBACK %#x %q", tt.name, ack.ReasonCode, ack.Properties.ReasonString)
		}
		_ = c.Close()
	}
}

func TestAssignedClientIdentifier(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	one, two := dial(t, b.Addrs().TCP, dialing{}), dial(t, b.Addrs().TCP, dialing{})
	a, c := one.ack.Properties.AssignedClientID, two.ack.Properties.AssignedClientID
	if a == "" || a == c {
		t.Errorf("%q and %q", a, c)
	}
	three := dial(t, b.Addrs().TCP, dialing{v: 4})
	for _, c := range []*client{one, two, three} {
		c.ping() // none took another's place
	}
}

func TestTakenOverConnectionIsTold(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	for v, want := range map[byte]byte{4: 0, 5: packets.ErrSessionTakenOver.Code} {
		before := dial(t, b.Addrs().TCP, dialing{id: "c", v: v})
		dial(t, b.Addrs().TCP, dialing{id: "c", v: v}).ping()
		if code := before.closed(); code != want {
			t.Errorf("MQTT %d: DISCONNECT %#x, want %#x", v, code, want)
		}
	}
}

func TestNothingBehindARefusedConnectIsProcessed(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.AnonymousRead = false })
	c := dialRaw(t, b.Addrs().TCP, 0)
	c.write([]byte{0x10, 14, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 60, 0, 0, 1, 'c', 0x82, 7, 0, 1, 0, 0, 1, 'a', 0, 0xc0, 0})
	if body := c.nextRaw(packets.Connack); body[0] != 0 || body[1] != packets.ErrNotAuthorized.Code {
		t.Errorf("CONNACK % x", body)
	}
	if _, err := c.br.ReadByte(); err == nil {
		t.Error("something came behind CONNACK")
	}
	if s := b.Stats(); s.Subscriptions != 0 || s.Sessions != 0 {
		t.Errorf("%d subscriptions, %d sessions", s.Subscriptions, s.Sessions)
	}
}

func TestDupAndRetainOfAPublisherAreNotPassedOn(t *testing.T) {
	t.Parallel()
	b := startGeneral(t, withPublisher(t))
	out := dial(t, b.Addrs().TCP, dialing{id: "out"})
	out.subscribe(filter("dup", 1), filter("status/#", 1))
	in := dial(t, b.Addrs().TCP, dialing{id: "in"})
	in.write([]byte{0x3b, 9, 0, 3, 'd', 'u', 'p', 0, 1, 0, 'x'})
	if m := out.message(); m.FixedHeader.Dup || m.FixedHeader.Retain {
		t.Errorf("%+v", m.FixedHeader)
	}
	p := dial(t, b.Addrs().TCP, dialing{id: "p", user: "bridge", password: "secret"})
	pk := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1, Dup: true, Retain: true}, TopicName: "status/a/feed", PacketID: 1,
		Payload: []byte("x"), Properties: packets.Properties{User: []packets.UserProperty{verProperty(1, 0, 1)}}}
	p.send((*packets.Packet).PublishEncode, pk)
	if m := out.message(); m.FixedHeader.Dup || m.FixedHeader.Retain {
		t.Errorf("%+v", m.FixedHeader)
	}
}

func TestPublisherBeyondReceiveMaximumIsTold(t *testing.T) {
	t.Parallel()
	b := startGeneral(t, nil)
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	most := int(c.ack.Properties.ReceiveMaximum)
	if most == 0 {
		t.Fatal("no Receive Maximum")
	}
	for id := 1; id <= most+1; id++ {
		c.write([]byte{0x34, 6, 0, 1, 'a', byte(id >> 8), byte(id), 0})
	}
	if code := c.closed(); code != packets.ErrReceiveMaximum.Code {
		t.Errorf("DISCONNECT %#x", code)
	}
}

func TestUnknownIdentifiersOfQoS2(t *testing.T) {
	t.Parallel()
	b := startGeneral(t, nil)
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	const notFound = "\x00\x09\x92"
	c.write([]byte{0x62, 2, 0, 9})
	if got := c.nextRaw(packets.Pubcomp); !strings.HasPrefix(string(got), notFound) {
		t.Errorf("PUBCOMP % x", got)
	}
	c.write([]byte{0x50, 2, 0, 9})
	if got := c.nextRaw(packets.Pubrel); !strings.HasPrefix(string(got), notFound) {
		t.Errorf("PUBREL % x", got)
	}
}

func TestUnsubackHasACodeForEachFilter(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	c.subscribe(filter("candle/#", 0), filter("status/#", 0))
	c.send((*packets.Packet).UnsubscribeEncode, packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Unsubscribe, Qos: 1}, PacketID: 8,
		Filters: packets.Subscriptions{{Filter: "status/#"}, {Filter: "never"}, {Filter: "candle/#"}}})
	if ack := c.until(packets.Unsuback); !slices.Equal(ack.ReasonCodes, []byte{0, 0x11, 0}) {
		t.Errorf("codes % x", ack.ReasonCodes)
	}
}

func TestPubackEndsADeliveryWhateverItsCode(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.InflightWindow = 1 })
	d := dialing{id: "c", resume: true, expiry: 600}
	c := dial(t, b.Addrs().TCP, d)
	c.subscribe(filter("status/#", 1))
	for i := range int64(3) {
		put(t, b, "status/a/feed", ver(1, 0, i), fmt.Sprint(i))
	}
	m := c.until(packets.Publish)
	c.write([]byte{0x40, 3, byte(m.PacketID >> 8), byte(m.PacketID), 0x80}) // the client could not use it
	if m := c.until(packets.Publish); string(m.Payload) != "1" {
		t.Fatalf("got %s", m.Payload)
	}
	_ = c.Close()
	waitFor(t, "the connection to end", func() bool { return b.Stats().Connections == 0 })
	c = dial(t, b.Addrs().TCP, d)
	if m := c.message(); string(m.Payload) != "1" || !m.FixedHeader.Dup {
		t.Errorf("resumed with %s, DUP %v", m.Payload, m.FixedHeader.Dup)
	}
}

func TestQoS2ThatComesAgainIsForwardedOnce(t *testing.T) {
	t.Parallel()
	b := startGeneral(t, nil)
	out, in := dial(t, b.Addrs().TCP, dialing{id: "out"}), dial(t, b.Addrs().TCP, dialing{id: "in"})
	out.subscribe(filter("a", 0))
	for _, first := range []byte{0x34, 0x3c} {
		in.write([]byte{first, 7, 0, 1, 'a', 0, 1, 0, 'x'})
		in.until(packets.Pubrec)
	}
	in.write([]byte{0x62, 2, 0, 1})
	in.until(packets.Pubcomp)
	out.message()
	out.silent()
}

func TestSharedSubscriptionsOfTheGeneralRealm(t *testing.T) {
	t.Parallel()
	b := startGeneral(t, nil)
	in := dial(t, b.Addrs().TCP, dialing{id: "in"})
	var members []*client
	for i := range 3 {
		c := dial(t, b.Addrs().TCP, dialing{id: fmt.Sprint("m", i)})
		c.subscribe(filter("$share/g/job", 1))
		members = append(members, c)
	}
	const n = 30
	for i := range n {
		in.say("job", fmt.Sprint(i), 2, false)
	}
	var got, atOtherQoS atomic.Int64
	for _, c := range members { // their answers to PING would not wait for messages: mochi sends those in a goroutine of its own
		go func() {
			for {
				pk, err := c.next(patience)
				if err != nil {
					return
				}
				if pk.FixedHeader.Qos != 1 {
					atOtherQoS.Add(1)
				}
				got.Add(1)
			}
		}()
	}
	waitFor(t, "all messages", func() bool { return got.Load() >= n })
	if got.Load() != n || atOtherQoS.Load() != 0 {
		t.Errorf("%d messages of %d, %d at another QoS", got.Load(), n, atOtherQoS.Load())
	}
}
