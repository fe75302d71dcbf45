package broker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"testing"
	"testing/iotest"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/broker/wire"
)

// The targets of this file need no edge: what is read from a client's bytes before anything is done with it.

// timely runs what must not take longer than fuzzPatience, up to three times: on a machine that does other work as well a single run may be held up, a hang is
// one each time.
func timely(t *testing.T, run func()) {
	t.Helper()
	for range 3 {
		start := time.Now()
		if run(); time.Since(start) < fuzzPatience {
			return
		}
	}
	t.Fatalf("takes over %v", fuzzPatience)
}

// fuzzLimits are wider than the edge's: QoS 2 and topic aliases.
var fuzzLimits = wire.Limits{ConnectBytes: 1 << 10, PacketBytes: 4 << 10, MaxQoS: 2, TopicAliases: 4}

// wirePackets returns what the reader lets through, and how it ends. See is called with each packet while it is valid.
func wirePackets(src io.Reader, limits wire.Limits, see func(*wire.Reader, *wire.Packet)) (out []wire.Packet, end error) {
	r := wire.NewReader(src, limits)
	for {
		p, err := r.Next()
		if err != nil {
			return out, err
		}
		see(r, &p)
		p.Raw, p.Body = bytes.Clone(p.Raw), bytes.Clone(p.Body)
		out = append(out, p)
	}
}

// howItEnds is an error and what is answered to it, for comparing.
func howItEnds(err error) string {
	var broken *wire.Error
	if errors.As(err, &broken) {
		return fmt.Sprintf("%v % x", broken, broken.Answer())
	}
	return err.Error()
}

// inPieces gives the bytes out n at a time.
func inPieces(b []byte, n int) io.Reader {
	if n == 0 {
		return iotest.OneByteReader(bytes.NewReader(b))
	}
	return &pieces{b, n}
}

type pieces struct {
	b []byte
	n int
}

func (p *pieces) Read(to []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := copy(to[:min(p.n, len(to))], p.b)
	p.b = p.b[n:]
	return n, nil
}

// FuzzPackets: however the bytes are cut, the same packets come through, and mochi's decoder takes each and reads the same in it. What does not come through
// is answered as its version of the protocol allows.
func FuzzPackets(f *testing.F) {
	addPackets(f, func(prelude byte, in []byte) { f.Add(prelude, byte(3), in) })
	f.Fuzz(func(t *testing.T, prelude, cut byte, in []byte) {
		in = append(bytes.Clone(fuzzPreludes[int(prelude)%len(fuzzPreludes)]), in...)
		timely(t, func() {
			version := byte(0)
			whole, end := wirePackets(bytes.NewReader(in), fuzzLimits, func(r *wire.Reader, p *wire.Packet) {
				version = r.Connect().Version
				if err := mochiTakes(r, p); err != nil {
					t.Fatalf("% x: mochi: %v", p.Raw, err)
				}
			})
			again, endAgain := wirePackets(inPieces(in, int(cut%32)), fuzzLimits, func(*wire.Reader, *wire.Packet) {})
			if howItEnds(end) != howItEnds(endAgain) || !reflect.DeepEqual(whole, again) {
				t.Fatalf("%d packets, then %v; cut otherwise %d, then %v", len(whole), end, len(again), endAgain)
			}
			var broken *wire.Error
			if !errors.As(end, &broken) {
				return
			}
			want := []byte{packets.Disconnect << 4, 2, broken.Code, 0}
			if answer := broken.Answer(); len(whole) > 0 && version == 5 && !bytes.Equal(answer, want) || len(whole) > 0 && version == 4 && answer != nil ||
				len(whole) == 0 && answer != nil && (answer[0] != packets.Connack<<4 || answer[3] == 0) {
				t.Fatalf("MQTT %d: %v is answered by % x", version, broken, answer)
			}
		})
	})
}

// mochiTakes decodes a packet as mochi does, validates it, and compares what is read in a PUBLISH.
func mochiTakes(r *wire.Reader, p *wire.Packet) error {
	pk := packets.Packet{ProtocolVersion: r.Connect().Version}
	if err := pk.FixedHeader.Decode(p.Raw[0]); err != nil {
		return err
	}
	pk.FixedHeader.Remaining = len(p.Body)
	decode, validate := (func(*packets.Packet, []byte) error)(nil), func() packets.Code { return packets.CodeSuccess }
	switch pk.FixedHeader.Type {
	case packets.Connect:
		decode, validate = (*packets.Packet).ConnectDecode, pk.ConnectValidate
	case packets.Publish:
		decode, validate = (*packets.Packet).PublishDecode, func() packets.Code { return pk.PublishValidate(fuzzLimits.TopicAliases) }
	case packets.Puback, packets.Pubrec, packets.Pubrel, packets.Pubcomp:
		decode = (*packets.Packet).PubackDecode
	case packets.Subscribe:
		decode, validate = (*packets.Packet).SubscribeDecode, pk.SubscribeValidate
	case packets.Unsubscribe:
		decode, validate = (*packets.Packet).UnsubscribeDecode, pk.UnsubscribeValidate
	case packets.Disconnect:
		decode = (*packets.Packet).DisconnectDecode
	case packets.Pingreq:
		return nil
	}
	if err := decode(&pk, p.Body); err != nil {
		return err
	}
	if code := validate(); code != packets.CodeSuccess {
		return code
	}
	if p.Type == wire.Publish {
		return samePublication(r.Publication(p), &pk)
	}
	return nil
}

func samePublication(got wire.Publication, want *packets.Packet) error {
	if string(got.Topic) != want.TopicName || !bytes.Equal(got.Payload, want.Payload) || got.HasAlias() != want.Properties.TopicAliasFlag {
		return fmt.Errorf("topic %q, %d bytes, alias %v", got.Topic, len(got.Payload), got.HasAlias())
	}
	seen := map[string]bool{}
	for _, u := range want.Properties.User {
		if value, ok := got.User(u.Key); !seen[u.Key] && (!ok || string(value) != u.Val) {
			return fmt.Errorf("user property %q is %q, want %q", u.Key, value, u.Val)
		}
		seen[u.Key] = true
	}
	if value, ok := got.User("no such property"); ok && !seen["no such property"] {
		return fmt.Errorf("a user property that is not there is %q", value)
	}
	return nil
}

// FuzzFilters: what one function says of filters and topics agrees with what the others and mochi say.
func FuzzFilters(f *testing.F) {
	for _, s := range []string{"", "a", "a/b", "a/#", "+/b", "#", "+", "$SYS/a", "$share/g/a/+", "a//b", "/", "a/b/", "a#", "é/日本"} {
		for _, topic := range []string{"a", "a/b", "/", "$SYS/a", "a/b/c"} {
			f.Add(s, "a/+", topic)
		}
	}
	f.Fuzz(func(t *testing.T, filter, pattern, topic string) {
		timely(t, func() { checkFilters(t, filter, pattern, topic) })
	})
}

func checkFilters(t *testing.T, filter, pattern, topic string) {
	ok := wire.ValidFilter(filter)
	if ok && !mqtt.IsValidFilter(filter, false) {
		t.Fatalf("mochi refuses %q", filter)
	}
	code := filterLimits{levels: 8, bytes: 256}.check(filter)
	if code == packets.CodeSuccess && (!ok || filter[0] == '$' || len(filter) > 256) {
		t.Fatalf("%q is granted", filter)
	}
	if !ok || !wire.ValidFilter(pattern) || !wire.ValidTopic(topic) {
		return
	}
	if covers(pattern, filter) && matches(filter, topic) && !matches(pattern, topic) {
		t.Fatalf("%q covers %q, but only the latter matches %q", pattern, filter, topic)
	}
	if wire.ValidTopic(filter) && matches(filter, topic) != (filter == topic) {
		t.Fatalf("%q and %q", filter, topic)
	}
}

// FuzzRate: what a client asks for with the user property `rate` is a rate, or refused.
func FuzzRate(f *testing.F) {
	for _, s := range []string{"", "2", "0.5", "1000", "0.001", "0", "-1", "1e3", "0x1p-3", "NaN", "Inf", "1_000", "1000.0001", " 2", "1e-400", "0.00099999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		timely(t, func() {
			var pk packets.Packet
			pk.Properties.User = []packets.UserProperty{{Key: "other", Val: "x"}, {Key: rateProperty, Val: text}}
			ms, err := askedInterval(&pk)
			if err == nil && (ms < 1 || ms > 1_000_000) || err != nil && ms != 0 {
				t.Fatalf("%q: %d ms, %v", text, ms, err)
			}
		})
	})
}
