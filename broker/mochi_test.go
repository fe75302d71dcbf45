package broker

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// recorder notes in which order mochi calls its hooks and writes.
type recorder struct {
	mqtt.HookBase
	mu     sync.Mutex
	events []string
	server *mqtt.Server
}

func (r *recorder) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, fmt.Sprintf(format, args...))
}

// since returns what was noted and forgets it.
func (r *recorder) since() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := strings.Join(r.events, "\n")
	r.events = nil
	return all
}

func (*recorder) ID() string         { return "recorder" }
func (*recorder) Provides(byte) bool { return true }

func (r *recorder) OnACLCheck(_ *mqtt.Client, topic string, write bool) bool {
	r.note("OnACLCheck %s write %v", topic, write)
	return true
}
func (r *recorder) OnPacketRead(_ *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	r.note("OnPacketRead %s", packets.PacketNames[pk.FixedHeader.Type])
	return pk, nil
}
func (r *recorder) OnSubscribe(_ *mqtt.Client, pk packets.Packet) packets.Packet {
	r.note("OnSubscribe")
	for i := range pk.Filters {
		if pk.Filters[i].Filter == "refused" {
			pk.Filters[i].Filter = ""
		}
	}
	return pk
}
func (r *recorder) OnSubscribed(_ *mqtt.Client, pk packets.Packet, codes []byte) {
	r.note("OnSubscribed % x", codes)
	for i := range codes {
		if codes[i] == packets.ErrTopicFilterInvalid.Code {
			codes[i] = packets.ErrQuotaExceeded.Code
		}
	}
	for i, f := range pk.Filters {
		pk.Filters[i].Identifiers = map[string]int{f.Filter: 7}
	}
}
func (r *recorder) OnUnsubscribed(*mqtt.Client, packets.Packet) { r.note("OnUnsubscribed") }
func (r *recorder) OnPacketProcessed(_ *mqtt.Client, pk packets.Packet, err error) {
	r.note("OnPacketProcessed %s %v", packets.PacketNames[pk.FixedHeader.Type], err)
}
func (r *recorder) OnPublish(_ *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	r.note("OnPublish %s retained %d", pk.TopicName, r.server.Topics.Retained.Len())
	if pk.TopicName == "ignored" {
		return pk, packets.CodeSuccessIgnore
	}
	return pk, nil
}
func (r *recorder) OnRetainMessage(_ *mqtt.Client, pk packets.Packet, _ int64) {
	r.note("OnRetainMessage %s retained %d", pk.TopicName, r.server.Topics.Retained.Len())
}

// recordedConn notes what mochi writes: the types of the packets of each Write.
type recordedConn struct {
	net.Conn
	r *recorder
}

func (c *recordedConn) Write(p []byte) (int, error) {
	var kinds []string
	for rest := p; len(rest) > 0; {
		n, k, err := packets.DecodeLength(newPacketReader(rest[1:]))
		if err != nil || 1+k+n > len(rest) {
			kinds = append(kinds, "a part of a packet")
			break
		}
		kinds = append(kinds, packets.PacketNames[rest[0]>>4])
		rest = rest[1+k+n:]
	}
	c.r.note("Write %s", strings.Join(kinds, ", "))
	return c.Conn.Write(p)
}

// establish is what Broker.attach and Broker.process ask of mochi.
func (r *recorder) establish(c net.Conn) error {
	cl := r.server.NewClient(c, listenerName, "", false)
	go cl.WriteLoop()
	pk, err := decode(cl)
	if err != nil {
		return err
	}
	cl.ParseConnect(listenerName, pk)
	_, ours := cl.Net.Conn.(*recordedConn)
	r.note("parsed id %s keepalive %d, our connection %v", cl.ID, cl.State.Keepalive, ours)
	if old, ok := r.server.Clients.Get(cl.ID); ok {
		inherit(cl, old)
		r.note("inherited %d subscriptions, %d messages", cl.State.Subscriptions.Len(), cl.State.Inflight.Len())
	}
	r.server.Clients.Add(cl)
	if err := r.server.SendConnack(cl, packets.CodeSuccess, false, nil); err != nil {
		return err
	}
	for !cl.Closed() {
		pk, err := decode(cl)
		if err == nil {
			err = r.server.InjectPacket(cl, pk)
		}
		if err != nil {
			cl.Stop(err)
		}
	}
	return cl.StopCause()
}

// The edge leans on the order of these events. Another version of mochi must give the same.
func TestMochiCallsAndWritesInThisOrder(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.General = &General{}
	opts := mochiOptions(&cfg)
	opts.Logger = slog.New(slog.DiscardHandler)
	r := &recorder{server: mqtt.New(opts)}
	if err := r.server.AddHook(r, nil); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	connect := func(d dialing) (*client, <-chan error) {
		c := dialRaw(t, l.Addr().String(), 0)
		c.v = 5
		over := make(chan error, 1)
		go func() {
			theirs, err := l.Accept()
			if err == nil {
				err = r.establish(&recordedConn{Conn: theirs, r: r})
			}
			over <- err
		}()
		pk := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Connect}, Connect: packets.ConnectParams{
			ProtocolName: []byte("MQTT"), Clean: !d.resume, Keepalive: 60, ClientIdentifier: d.id}}
		pk.Properties.SessionExpiryInterval, pk.Properties.SessionExpiryIntervalFlag = 600, true
		c.send((*packets.Packet).ConnectEncode, pk)
		c.until(packets.Connack)
		c.write([]byte{0xc0, 0}) // what comes before its answer has been done
		c.until(packets.Pingresp)
		return c, over
	}
	expect := func(what, want string) {
		t.Helper()
		got := strings.Split(r.since(), "\n")
		got = slices.DeleteFunc(got, func(s string) bool { return strings.Contains(s, "Ping") })
		if have := strings.Join(got, "\n"); have != strings.TrimSpace(want) {
			t.Errorf("%s:\n%s\nwant:\n%s", what, have, strings.TrimSpace(want))
		}
	}
	sync := func(c *client) {
		c.write([]byte{0xc0, 0})
		c.until(packets.Pingresp)
	}

	c, over := connect(dialing{id: "c"})
	expect("connect", `
OnPacketRead Connect
parsed id c keepalive 60, our connection true
Write Connack`)

	pk := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish, Retain: true, Qos: 1}, TopicName: "kept", Payload: []byte("x"), PacketID: 9}
	c.send((*packets.Packet).PublishEncode, pk)
	sync(c)
	expect("retained PUBLISH", `
OnPacketRead Publish
OnACLCheck kept write true
OnPublish kept retained 0
OnRetainMessage kept retained 1
Write Puback
OnPacketProcessed Publish <nil>`)

	c.startSubscribe(filter("kept", 1), filter("refused", 1))
	if ack := c.until(packets.Suback); !slices.Equal(ack.ReasonCodes, []byte{1, packets.ErrQuotaExceeded.Code}) {
		t.Errorf("SUBACK % x: codes changed in OnSubscribed are not what is sent", ack.ReasonCodes)
	}
	m := c.until(packets.Publish)
	if !slices.Equal(m.Properties.SubscriptionIdentifier, []int{7}) || !m.FixedHeader.Retain {
		t.Errorf("retained message: identifiers %v, those of OnSubscribed are not what is sent", m.Properties.SubscriptionIdentifier)
	}
	c.puback(m.PacketID)
	c.puback(4711) // unknown
	sync(c)
	got := strings.Split(r.since(), "\n")
	order := []string{"OnPacketRead Subscribe", "OnSubscribe", "OnACLCheck kept write false", "OnSubscribed 01 8f", "Write Suback", "OnPacketProcessed Subscribe <nil>", "OnPacketRead Puback", "OnPacketProcessed Puback <nil>"}
	at := -1
	for _, event := range order {
		next := slices.Index(got[at+1:], event)
		if next < 0 {
			t.Errorf("SUBSCRIBE: %q is not after %d of\n%s", event, at, strings.Join(got, "\n"))
			break
		}
		at += next + 1
	}

	c.publish("ignored", "x", 1)
	c.until(packets.Puback)
	sync(c)
	expect("PUBLISH that is ignored", `
OnPacketRead Publish
OnACLCheck ignored write true
OnPublish ignored retained 1
Write Puback
OnPacketProcessed Publish <nil>`)

	_ = c.Close()
	if err := <-over; !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the connection ended with %v", err)
	}
	expect("end of a session that stays", "")

	c, over = connect(dialing{id: "c", resume: true})
	expect("resumed: no OnSubscribed", `
OnPacketRead Connect
parsed id c keepalive 60, our connection true
inherited 1 subscriptions, 0 messages
Write Connack`)
	c.write([]byte{0xe0, 0})
	if err := <-over; !errors.Is(err, packets.CodeDisconnect) {
		t.Errorf("a client's DISCONNECT gives %v", err)
	}
}
