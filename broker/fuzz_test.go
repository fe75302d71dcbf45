package broker

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/broker/wire"
	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/configs"
)

// The targets of this file and of its neighbours read what clients send: `make fuzz` runs them. The inputs of those that send packets are preceded by a valid
// CONNECT, or by none, and are sent in pieces. testdata/fuzz holds what they begin with; each of them reads all of it.

// fuzzPatience is how long one input may take. Beyond, it is a hang.
const fuzzPatience = time.Second

var fuzzPreludes = [][]byte{
	nil,
	{0x10, 15, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 3, 'f', 'u', 'z'},
	{0x10, 16, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 60, 0, 0, 3, 'f', 'u', 'z'},
	{0x10, 21, 0, 4, 'M', 'Q', 'T', 'T', 5, 0, 0, 60, 5, 0x11, 0, 0, 2, 0x58, 0, 3, 'f', 'u', 'z'},                                   // its session goes on
	{0x10, 28, 0, 4, 'M', 'Q', 'T', 'T', 5, 0xc2, 0, 60, 0, 0, 3, 'p', 'u', 'b', 0, 4, 'f', 'e', 'e', 'd', 0, 4, 'f', 'e', 'e', 'd'}, // a publisher
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
}

// fuzzTopics are all that a publisher may publish on: an edge in earnest has a catalogue as well.
var fuzzTopics = func() map[string]catalog.Class {
	topics := map[string]catalog.Class{}
	for i := range 20 {
		topics[fmt.Sprint("candle/1m/S", i)], topics[fmt.Sprint("candle/1m/S", i, "/closed")] = catalog.State, catalog.Final
		topics[fmt.Sprint("trade/S", i)] = catalog.Event
	}
	return topics
}()

// fuzzBroker is a whole edge with values on its topics, watched for what no input may do to it.
type fuzzBroker struct {
	*Broker
	witness    *client // another connection, which must not notice anything
	inputs     int
	goroutines int
	heap       uint64
}

func newFuzzBroker(f *testing.F, change func(*Config)) *fuzzBroker {
	classOf := func(topic string) (catalog.Class, bool) {
		class, ok := fuzzTopics[topic]
		return class, ok
	}
	b := startBrokerOf(f, classOf, func(c *Config) {
		c.MaxSessions, c.MaxAllFilters, c.MaxConnectionsPerAddress, c.ConnectsPerAddress = 200, 5000, 0, 0
		c.WriteTimeout, c.ConnectTimeout = 10*configs.Duration(fuzzPatience), 10*configs.Duration(fuzzPatience)
		c.Publishers = []Publisher{{User: "feed", Password: "feed"}}
		if change != nil {
			change(c)
		}
	})
	for topic := range fuzzTopics {
		put(f, b, topic, ver(1, 0, 1), "value")
	}
	return &fuzzBroker{Broker: b, witness: dial(f, b.Addrs().TCP, dialing{id: "witness"})}
}

// exchange has send write one input to a connection, reads whole packets back until that is closed, and says what is wrong with what came, or that the edge is
// not through with it. Where the edge ends the connection over a packet, hostile is its verdict.
func (b *fuzzBroker) exchange(c net.Conn, version byte, hostile *wire.Error, send func()) error {
	_ = c.SetDeadline(time.Now().Add(10 * fuzzPatience))
	var wrong error
	var last packets.Packet
	var reading sync.WaitGroup
	reading.Go(func() {
		for br := bufio.NewReader(c); ; {
			pk, err := readPacket(br, version)
			switch {
			case err == nil && version == 4 && pk.FixedHeader.Type == packets.Disconnect:
				wrong = errors.New("MQTT 3.1.1 got a DISCONNECT")
			case errors.As(err, new(packets.Code)):
				wrong = fmt.Errorf("what the edge sends does not decode: type %d, %w", pk.FixedHeader.Type, err)
			}
			if err != nil {
				return
			}
			last = pk
		}
	})
	send()
	reading.Wait()
	for b.stats.connections.Load() > 1 && wrong == nil { // the witness stays
		time.Sleep(50 * time.Microsecond)
	}
	refused := last.FixedHeader.Type == packets.Connack && last.ReasonCode != 0
	if wrong == nil && hostile != nil && version == 5 && last.FixedHeader.Type != packets.Disconnect && !refused {
		wrong = fmt.Errorf("%w is not answered: the last packet is one of type %d", hostile, last.FixedHeader.Type)
	}
	return wrong
}

// judge runs an exchange, up to three times where it fails or takes too long: on a machine that does other work a goroutine may be held up, as long as the
// edge waits for a client to take a last packet.
func (b *fuzzBroker) judge(t *testing.T, exchange func() error) {
	t.Helper()
	var err error
	for range 3 {
		start := time.Now()
		if err = exchange(); err == nil && time.Since(start) > fuzzPatience {
			err = fmt.Errorf("took over %v", fuzzPatience)
		}
		if err == nil {
			b.check(t)
			return
		}
	}
	buf := make([]byte, 1<<20)
	t.Fatalf("%v\n%s", err, buf[:runtime.Stack(buf, true)])
}

// check looks at the whole edge: after each input at what is cheap, now and then at the rest.
func (b *fuzzBroker) check(t *testing.T) {
	t.Helper()
	if p, n := b.stats.panics.Load(), b.stats.subscriptions.Load(); p > 0 || n > 5000 {
		t.Fatalf("%d panics, %d subscriptions", p, n)
	}
	b.inputs++
	if b.inputs%100 == 0 {
		w := *b.witness
		w.tb = t
		w.ping()
	}
	const often = 2000
	if b.inputs%often != 0 {
		return
	}
	probe := dial(t, b.Addrs().TCP, dialing{id: "probe"})
	probe.subscribe(filter("candle/1m/+", 0))
	probe.message()
	_ = probe.Close()
	waitFor(t, "the probe to be gone", func() bool { return b.stats.connections.Load() == 1 })
	if s, n := b.Stats(), b.mqtt.Clients.Len(); s.Sessions > 201 || n > 300 || s.Topics > int64(len(fuzzTopics)) {
		t.Fatalf("%d sessions, %d topics, mochi lists %d clients", s.Sessions, s.Topics, n)
	}
	b.forgetRetained()
	b.forgetAbsent()
	b.level(t)
}

// level fails if the heap or the goroutines have grown since it was called first.
func (b *fuzzBroker) level(t *testing.T) {
	t.Helper()
	now, goroutines := heap(), runtime.NumGoroutine()
	if b.heap == 0 {
		b.heap, b.goroutines = now, goroutines
	} else if now > b.heap+16<<20 || goroutines > b.goroutines+20 {
		t.Fatalf("the heap has grown from %d to %d bytes, goroutines from %d to %d", b.heap, now, b.goroutines, goroutines)
	}
}

// forgetRetained takes away what clients have had retained in the general-purpose realm, which keeps whatever it is told.
func (b *fuzzBroker) forgetRetained() {
	for topic := range b.mqtt.Topics.Retained.GetAll() {
		b.mqtt.Topics.RetainMessage(packets.Packet{TopicName: topic}) // of no bytes: takes the topic out of mochi's tree as well
	}
}

// forgetAbsent ends the sessions of clients that are away: in the general-purpose realm each may hold as many messages as generalInflight says.
func (b *fuzzBroker) forgetAbsent() {
	for _, e := range b.sessions.all() {
		if s := offline(b.Broker, e.s.id); s != nil {
			b.endSession(s)
		}
	}
}

// expect returns what a client of these bytes is: the version that it is answered in, 0 if none, and the verdict on the packet that ends its connection.
func (b *fuzzBroker) expect(in []byte) (version byte, hostile *wire.Error) {
	_, err := wirePackets(bytes.NewReader(in), wireLimits(&b.cfg), func(r *wire.Reader, _ *wire.Packet) { version = r.Connect().Version })
	if !errors.As(err, &hostile) || version == 0 {
		hostile = nil // refused before there was a CONNECT: how is the reader's own affair
	}
	return version, hostile
}

// sendPieces writes in, cut into pieces of n bytes, 0: whole.
func sendPieces(c net.Conn, in []byte, n int) {
	if n == 0 {
		n = len(in)
	}
	for len(in) > 0 {
		wrote, err := c.Write(in[:min(n, len(in))])
		if err != nil {
			return // it may close meanwhile
		}
		in = in[wrote:]
	}
}

// FuzzConnection: whatever a client sends over TCP, the edge ends that connection and nothing else.
func FuzzConnection(f *testing.F) {
	addPackets(f, func(prelude byte, in []byte) { f.Add(prelude, byte(0), in) })
	b := newFuzzBroker(f, nil)
	f.Fuzz(func(t *testing.T, prelude, cut byte, in []byte) {
		in = append(bytes.Clone(fuzzPreludes[int(prelude)%len(fuzzPreludes)]), in...)
		version, hostile := b.expect(in)
		b.judge(t, func() error {
			c, err := net.Dial("tcp", b.Addrs().TCP)
			if err != nil {
				return err
			}
			defer c.Close()
			return b.exchange(c, version, hostile, func() {
				sendPieces(c, in, int(cut))
				_ = c.(*net.TCPConn).CloseWrite()
			})
		})
	})
}

// FuzzGeneral: the same in the general-purpose realm, where messages of clients take mochi's path.
func FuzzGeneral(f *testing.F) {
	addPackets(f, func(prelude byte, in []byte) { f.Add(prelude, byte(0), in) })
	b := newFuzzBroker(f, func(c *Config) { c.General = &General{AnyUser: true} })
	f.Fuzz(func(t *testing.T, prelude, cut byte, in []byte) {
		in = append(bytes.Clone(fuzzPreludes[int(prelude)%len(fuzzPreludes)]), in...)
		version, _ := b.expect(in)
		b.judge(t, func() error {
			c, err := net.Dial("tcp", b.Addrs().TCP)
			if err != nil {
				return err
			}
			defer c.Close()
			return b.exchange(c, version, nil, func() {
				sendPieces(c, in, int(cut))
				_ = c.(*net.TCPConn).CloseWrite()
			})
		})
	})
}
