package broker

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gorilla/websocket"
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/broker/wire"
	"github.com/tickcast/tickcast/configs"
)

// The targets of this file read what clients send: `make fuzz` runs them. Each input is preceded by a valid CONNECT of MQTT 3.1.1 or 5, or by none.

// fuzzPatience is how long one input may take. Beyond, it is a hang.
const fuzzPatience = time.Second

var fuzzPreludes = [][]byte{
	nil,
	{0x10, 15, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 3, 'f', 'u', 'z'},
	{0x10, 16, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 60, 0, 0, 3, 'f', 'u', 'z'},
	{0x10, 21, 0, 4, 'M', 'Q', 'T', 'T', 5, 0, 0, 60, 5, 0x11, 0, 0, 2, 0x58, 0, 3, 'f', 'u', 'z'},
}

// addPackets seeds a target with every packet of mochi's own tests, good and bad.
func addPackets(f *testing.F, add func(prelude byte, in []byte)) {
	for kind, cases := range packets.TPacketData {
		for _, c := range cases {
			if len(c.RawBytes) == 0 {
				continue
			}
			prelude := byte(1)
			if c.Packet != nil && c.Packet.ProtocolVersion == 5 {
				prelude = 2
			}
			if kind == packets.Connect {
				prelude = 0
			}
			add(prelude, c.RawBytes)
		}
	}
	for _, filter := range []string{"#", "candle/#", "candle/+/+/closed", "$share/g/a", "$SYS/#", "a/" + "b/c/d/e/f/g/h/i/j"} {
		sub := packets.Packet{ProtocolVersion: 5, FixedHeader: packets.FixedHeader{Type: packets.Subscribe, Qos: 1}, PacketID: 1,
			Filters: packets.Subscriptions{{Filter: filter, Qos: 1}}}
		var b bytes.Buffer
		if err := sub.SubscribeEncode(&b); err != nil {
			f.Fatal(err)
		}
		add(2, append(b.Bytes(), 0x40, 2, 0, 1, 0xc0, 0, 0xe0, 0))
	}
}

// fuzzLimits are wider than the edge's: QoS 2 and topic aliases.
var fuzzLimits = wire.Limits{ConnectBytes: 1 << 10, PacketBytes: 4 << 10, MaxQoS: 2, TopicAliases: 4}

// wirePackets returns what the reader lets through, and how it ends.
func wirePackets(src io.Reader) (out []wire.Packet, end string) {
	r := wire.NewReader(src, fuzzLimits)
	for {
		p, err := r.Next()
		var broken *wire.Error
		if errors.As(err, &broken) {
			return out, fmt.Sprintf("%v % x", broken, broken.Answer())
		}
		if err != nil {
			return out, err.Error()
		}
		p.Raw, p.Body = bytes.Clone(p.Raw), bytes.Clone(p.Body)
		out = append(out, p)
	}
}

// FuzzPackets: however the bytes are cut, the same packets come through, and mochi's decoder takes each.
func FuzzPackets(f *testing.F) {
	addPackets(f, func(prelude byte, in []byte) { f.Add(prelude, byte(3), in) })
	f.Fuzz(func(t *testing.T, prelude, cut byte, in []byte) {
		in = append(bytes.Clone(fuzzPreludes[int(prelude)%len(fuzzPreludes)]), in...)
		whole, end := wirePackets(bytes.NewReader(in))
		var src io.Reader = iotest.OneByteReader(bytes.NewReader(in))
		if n := int64(cut % 32); n > 0 {
			var parts []io.Reader
			for rest := in; len(rest) > 0; rest = rest[min(int(n), len(rest)):] {
				parts = append(parts, bytes.NewReader(rest[:min(int(n), len(rest))]))
			}
			src = io.MultiReader(parts...)
		}
		again, endAgain := wirePackets(src)
		if end != endAgain || !reflect.DeepEqual(whole, again) {
			t.Fatalf("%d packets, then %s; cut otherwise %d, then %s", len(whole), end, len(again), endAgain)
		}
		version := byte(0)
		for _, p := range whole {
			if p.Type == wire.Connect {
				version = p.Body[6]
			}
			if err := mochiTakes(p, version); err != nil {
				t.Fatalf("% x: mochi: %v", p.Raw, err)
			}
		}
	})
}

// mochiTakes decodes a packet as mochi does, and validates it.
func mochiTakes(p wire.Packet, version byte) error {
	pk := packets.Packet{ProtocolVersion: version}
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
	})
}

// fuzzBroker is a whole edge with values on its topics, watched for what no input may do to it.
type fuzzBroker struct {
	*Broker
	tb     testing.TB
	inputs int
	heap   uint64
}

func newFuzzBroker(tb testing.TB, change func(*Config)) *fuzzBroker {
	b := startBroker(tb, func(c *Config) {
		c.MaxSessions, c.MaxAllFilters, c.MaxConnectionsPerAddress, c.ConnectsPerAddress = 200, 5000, 0, 0
		c.WriteTimeout, c.ConnectTimeout = configs.Duration(fuzzPatience), configs.Duration(fuzzPatience)
		if change != nil {
			change(c)
		}
	})
	for i := range 20 {
		put(tb, b, fmt.Sprint("candle/1m/S", i), ver(1, 0, 1), "value")
		put(tb, b, fmt.Sprint("candle/1m/S", i, "/closed"), ver(1, 0, 1), "value")
	}
	return &fuzzBroker{Broker: b, tb: tb}
}

// send writes one input to a connection that the edge serves, and reads whole packets back until it is closed. served is closed when the edge is through with it.
func (b *fuzzBroker) send(t *testing.T, c net.Conn, version byte, in []byte, served <-chan struct{}) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(fuzzPatience))
	var reading sync.WaitGroup
	reading.Go(func() {
		br := bufio.NewReader(c)
		for {
			pk, err := readPacket(br, version)
			switch {
			case err == nil && version == 4 && pk.FixedHeader.Type == packets.Disconnect:
				t.Error("MQTT 3.1.1 got a DISCONNECT")
			case errors.As(err, new(packets.Code)):
				t.Errorf("what the edge sends does not decode: type %d, %v", pk.FixedHeader.Type, err)
			}
			if err != nil {
				return
			}
		}
	})
	_, _ = c.Write(in) // it may close meanwhile
	_ = c.Close()
	reading.Wait()
	select {
	case <-served:
	case <-time.After(fuzzPatience):
		buf := make([]byte, 1<<20)
		t.Fatalf("the connection has not ended\n%s", buf[:runtime.Stack(buf, true)])
	}
	b.check(t)
}

// check looks at the whole edge: after each input at what is cheap, now and then at the rest.
func (b *fuzzBroker) check(t *testing.T) {
	t.Helper()
	if s := b.Stats(); s.Panics > 0 || s.Sessions > 201 || s.Subscriptions > 5000 {
		t.Fatalf("%d panics, %d sessions, %d subscriptions", s.Panics, s.Sessions, s.Subscriptions)
	}
	b.inputs++
	const often = 2000
	if b.inputs%often != 0 {
		return
	}
	probe := dial(t, b.Addrs().TCP, dialing{id: "probe"})
	probe.subscribe(filter("candle/1m/+", 0))
	probe.message()
	_ = probe.Close()
	if n := b.mqtt.Clients.Len(); n > 300 {
		t.Fatalf("mochi lists %d clients", n)
	}
	if now := heap(); b.heap == 0 {
		b.heap = now
	} else if now > b.heap+64<<20 {
		t.Fatalf("the heap has grown from %d to %d bytes", b.heap, now)
	}
}

// versionOfPrelude is what the edge answers in.
func versionOfPrelude(prelude byte) byte {
	switch int(prelude) % len(fuzzPreludes) {
	case 1:
		return 4
	case 2, 3:
		return 5
	}
	return 0
}

// fuzzConnections sends each input to a whole edge over a pipe.
func fuzzConnections(f *testing.F, change func(*Config)) {
	addPackets(f, func(prelude byte, in []byte) { f.Add(prelude, in) })
	b := newFuzzBroker(f, change)
	f.Fuzz(func(t *testing.T, prelude byte, in []byte) {
		ours, theirs := net.Pipe()
		served := make(chan struct{})
		go func() {
			defer close(served)
			b.serve(theirs, packets.Code{})
		}()
		b.send(t, ours, versionOfPrelude(prelude), append(bytes.Clone(fuzzPreludes[int(prelude)%len(fuzzPreludes)]), in...), served)
	})
}

// FuzzConnection: whatever a client sends, the edge ends that connection and nothing else.
func FuzzConnection(f *testing.F) { fuzzConnections(f, nil) }

// FuzzGeneral: the same in the general-purpose realm, where messages of clients take mochi's path.
func FuzzGeneral(f *testing.F) {
	fuzzConnections(f, func(c *Config) { c.General = &General{AnyUser: true} })
}

// FuzzWebSocket: the same through a WebSocket, whose frames are arbitrary as well, or hold the input.
func FuzzWebSocket(f *testing.F) {
	addPackets(f, func(prelude byte, in []byte) { f.Add(prelude, false, in) })
	f.Add(byte(2), true, []byte{0x82, 0x82, 1, 2, 3, 4, 0xc1, 2})
	f.Add(byte(2), true, []byte{0x88, 0x80, 0, 0, 0, 0})
	f.Add(byte(2), true, []byte{0x81, 0xfe, 0xff, 0xff, 0, 0, 0, 0})
	b := newFuzzBroker(f, nil)
	f.Fuzz(func(t *testing.T, prelude byte, frames bool, in []byte) {
		ws, _, err := dialWebSocket(b.Broker, nil, subprotocol)
		if err != nil {
			t.Fatal(err)
		}
		ours := ws.NetConn()
		_ = ours.(*net.TCPConn).SetLinger(0) // or the ports would run out
		_ = ws.SetReadDeadline(time.Now().Add(fuzzPatience))
		_ = ws.SetWriteDeadline(time.Now().Add(fuzzPatience))
		var reading sync.WaitGroup
		reading.Go(func() {
			for {
				if _, _, err := ws.ReadMessage(); err != nil {
					return
				}
			}
		})
		p := fuzzPreludes[int(prelude)%len(fuzzPreludes)]
		if !frames {
			_ = ws.WriteMessage(websocket.BinaryMessage, append(bytes.Clone(p), in...))
		} else {
			_ = ws.WriteMessage(websocket.BinaryMessage, p)
			_, _ = ours.Write(in)
		}
		_ = ours.Close()
		reading.Wait()
		for end := time.Now().Add(fuzzPatience); b.Stats().Connections > 0; time.Sleep(100 * time.Microsecond) {
			if time.Now().After(end) {
				t.Fatal("the connection has not ended")
			}
		}
		b.check(t)
	})
}
