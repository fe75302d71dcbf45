package broker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/market"
)

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

const minute = configs.Duration(time.Minute)

func seconds(n int) configs.Duration { return configs.Duration(n) * configs.Duration(time.Second) }

// panickingTopic stands for a fault of ours in the goroutine that reads a connection.
const panickingTopic = "panic"

// testClassOf is a catalogue for tests: any contract, any period, any resolution.
func testClassOf(topic string) (catalog.Class, bool) {
	parts := strings.Split(topic, "/")
	switch {
	case topic == panickingTopic:
		panic("on purpose")
	case parts[0] == "candle" && len(parts) == 3:
		return catalog.State, true
	case parts[0] == "candle" && len(parts) == 4 && parts[3] == "closed", parts[0] == "status" && len(parts) == 3:
		return catalog.Final, true
	case parts[0] == "trade" && len(parts) == 2:
		return catalog.Event, true
	}
	return 0, false
}

// startBroker runs a broker on free ports until the test ends.
func startBroker(tb testing.TB, change func(*Config)) *Broker {
	tb.Helper()
	return startBrokerOf(tb, testClassOf, change)
}

func startBrokerOf(tb testing.TB, classOf func(topic string) (catalog.Class, bool), change func(*Config)) *Broker {
	tb.Helper()
	cfg := DefaultConfig()
	cfg.TCP, cfg.WebSocket, cfg.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0", ""
	if change != nil {
		change(&cfg)
	}
	b, err := newBroker(cfg, classOf, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, ErrDrained) {
				tb.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			tb.Error("Run did not return")
		}
	})
	return b
}

// put publishes and fails the test if the hub refuses.
func put(tb testing.TB, b *Broker, topic string, v market.Version, payload string) {
	tb.Helper()
	class, ok := testClassOf(topic)
	if !ok {
		tb.Fatalf("%s is no market topic", topic)
	}
	if !b.Publish(Message{Topic: topic, Class: class, Version: v, Payload: []byte(payload)}) {
		tb.Fatalf("%s %v refused", topic, v)
	}
}

// client speaks raw MQTT, so that tests see what is on the wire.
type client struct {
	tb testing.TB
	net.Conn
	br  *bufio.Reader
	v   byte
	ack packets.Packet // CONNACK
}

// offline returns the session of a client id if it has no connection.
func offline(b *Broker, id string) *session {
	if e, ok := b.sessions.find(id); ok && e.s.has(nil) {
		return e.s
	}
	return nil
}

// dialing is what a test client puts into its CONNECT.
type dialing struct {
	id             string
	v              byte // 4 or 5, default 5
	resume         bool
	expiry         uint32
	receiveMaximum uint16
	maximumPacket  uint32
	keepalive      uint16
	user, password string
	will           string // topic
	readBuffer     int
	refused        bool     // CONNACK may carry a refusal
	over           net.Conn // nil: TCP to the address
}

func dial(tb testing.TB, addr string, d dialing) *client {
	tb.Helper()
	c := &client{tb: tb, Conn: d.over}
	if d.over == nil {
		c = dialRaw(tb, addr, d.readBuffer)
	} else {
		tb.Cleanup(func() { _ = d.over.Close() })
		c.br = bufio.NewReader(d.over)
	}
	if d.v == 0 {
		d.v = 5
	}
	c.v = d.v
	pk := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Connect}, ProtocolVersion: d.v, Connect: packets.ConnectParams{
		ProtocolName: []byte("MQTT"), Clean: !d.resume, Keepalive: d.keepalive, ClientIdentifier: d.id}}
	if d.user != "" {
		pk.Connect.UsernameFlag, pk.Connect.PasswordFlag = true, true
		pk.Connect.Username, pk.Connect.Password = []byte(d.user), []byte(d.password)
	}
	if d.will != "" {
		pk.Connect.WillFlag, pk.Connect.WillRetain, pk.Connect.WillTopic, pk.Connect.WillPayload = true, true, d.will, []byte("spoof")
	}
	pk.Properties.ReceiveMaximum, pk.Properties.MaximumPacketSize = d.receiveMaximum, d.maximumPacket
	if d.expiry > 0 {
		pk.Properties.SessionExpiryInterval, pk.Properties.SessionExpiryIntervalFlag = d.expiry, true
	}
	c.send((*packets.Packet).ConnectEncode, pk)
	var err error
	if c.ack, err = c.next(patience); err != nil || c.ack.FixedHeader.Type != packets.Connack {
		tb.Fatalf("no CONNACK: type %d, %v", c.ack.FixedHeader.Type, err)
	}
	if c.ack.ReasonCode != 0 && !d.refused {
		tb.Fatalf("CONNACK %#x %s", c.ack.ReasonCode, c.ack.Properties.ReasonString)
	}
	return c
}

func dialRaw(tb testing.TB, addr string, readBuffer int) *client {
	tb.Helper()
	s, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	if readBuffer > 0 {
		_ = s.(*net.TCPConn).SetReadBuffer(readBuffer)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return &client{tb: tb, Conn: s, br: bufio.NewReader(s)}
}

func (c *client) send(encode func(*packets.Packet, *bytes.Buffer) error, pk packets.Packet) {
	c.tb.Helper()
	pk.ProtocolVersion = c.v
	var b bytes.Buffer
	if err := encode(&pk, &b); err != nil {
		c.tb.Fatal(err)
	}
	c.write(b.Bytes())
}

func (c *client) write(b []byte) {
	c.tb.Helper()
	if _, err := c.Conn.Write(b); err != nil {
		c.tb.Fatal(err)
	}
}

// subscribe sends a SUBSCRIBE and returns the codes of its SUBACK; nothing may come before it that was not already on its way.
func (c *client) subscribe(subs ...packets.Subscription) []byte {
	c.tb.Helper()
	c.startSubscribe(subs...)
	pk := c.until(packets.Suback)
	return pk.ReasonCodes
}

func (c *client) startSubscribe(subs ...packets.Subscription) {
	c.tb.Helper()
	pk := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Subscribe, Qos: 1}, PacketID: 7, Filters: subs}
	if len(subs) > 0 && subs[0].Identifier > 0 {
		pk.Properties.SubscriptionIdentifier = []int{subs[0].Identifier}
	}
	c.send((*packets.Packet).SubscribeEncode, pk)
}

func (c *client) unsubscribe(filter string) {
	c.tb.Helper()
	c.send((*packets.Packet).UnsubscribeEncode, packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Unsubscribe, Qos: 1}, PacketID: 8,
		Filters: packets.Subscriptions{{Filter: filter}}})
	c.until(packets.Unsuback)
}

func (c *client) publish(topic, payload string, qos byte, user ...packets.UserProperty) {
	c.tb.Helper()
	pk := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: qos}, TopicName: topic, Payload: []byte(payload)}
	if qos > 0 {
		pk.PacketID = 9
	}
	pk.Properties.User = user
	c.send((*packets.Packet).PublishEncode, pk)
}

func (c *client) puback(id uint16) { c.write([]byte{packets.Puback << 4, 2, byte(id >> 8), byte(id)}) }

// ping returns when the broker has answered everything that was sent before.
func (c *client) ping() {
	c.tb.Helper()
	c.write([]byte{packets.Pingreq << 4, 0})
	c.until(packets.Pingresp)
}

// until reads to the next packet of a type.
func (c *client) until(kind byte) packets.Packet {
	c.tb.Helper()
	for {
		pk, err := c.next(patience)
		if err != nil {
			c.tb.Fatalf("waiting for packet type %d: %v", kind, err)
		}
		if pk.FixedHeader.Type == kind {
			return pk
		}
	}
}

// message reads the next PUBLISH and acknowledges it.
func (c *client) message() packets.Packet {
	c.tb.Helper()
	pk := c.until(packets.Publish)
	if pk.FixedHeader.Qos > 0 {
		c.puback(pk.PacketID)
	}
	return pk
}

// silent fails the test if a PUBLISH is on its way: one PING later it would be here.
func (c *client) silent() {
	c.tb.Helper()
	c.write([]byte{packets.Pingreq << 4, 0})
	for {
		pk, err := c.next(patience)
		if err != nil {
			c.tb.Fatal(err)
		}
		switch pk.FixedHeader.Type {
		case packets.Publish:
			c.tb.Fatalf("unexpected message %s %s", pk.TopicName, pk.Payload)
		case packets.Pingresp:
			return
		}
	}
}

// closed reads until the broker closes the connection and returns the code of its DISCONNECT, 0 without.
func (c *client) closed() (code byte) {
	c.tb.Helper()
	for {
		pk, err := c.next(patience)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.tb.Fatal("the connection was not closed")
		case err != nil:
			return code
		case pk.FixedHeader.Type == packets.Disconnect:
			code = pk.ReasonCode
		}
	}
}

// next reads one packet.
func (c *client) next(within time.Duration) (pk packets.Packet, err error) {
	_ = c.SetReadDeadline(time.Now().Add(within))
	return readPacket(c.br, c.v)
}

func readPacket(br *bufio.Reader, v byte) (pk packets.Packet, err error) {
	first, err := br.ReadByte()
	if err != nil {
		return pk, err
	}
	if err = pk.FixedHeader.Decode(first); err != nil {
		return pk, err
	}
	if pk.FixedHeader.Remaining, _, err = packets.DecodeLength(br); err != nil {
		return pk, err
	}
	body := make([]byte, pk.FixedHeader.Remaining)
	if _, err = io.ReadFull(br, body); err != nil {
		return pk, err
	}
	pk.ProtocolVersion = v
	switch pk.FixedHeader.Type {
	case packets.Connack:
		err = pk.ConnackDecode(body)
	case packets.Publish:
		err = pk.PublishDecode(body)
	case packets.Puback:
		if v == 5 && len(body) == 2 { // a success may leave its code out
			body = append(body, 0)
		}
		err = pk.PubackDecode(body)
	case packets.Suback:
		err = pk.SubackDecode(body)
	case packets.Unsuback:
		err = pk.UnsubackDecode(body)
	case packets.Disconnect:
		err = pk.DisconnectDecode(body)
	}
	return pk, err
}

// waitFor polls until ok says yes. For states that nothing announces.
func waitFor(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("waited in vain for %s", what)
		}
	}
}

func filter(f string, qos byte) packets.Subscription {
	return packets.Subscription{Filter: f, Qos: qos}
}

func newPacketReader(b []byte) *bufio.Reader { return bufio.NewReader(bytes.NewReader(b)) }
