package broker

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/catalog"
)

// withPublisher lets bridge/secret publish.
func withPublisher(t *testing.T) func(*Config) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(c *Config) { c.Publishers = []Publisher{{User: "bridge", PasswordFile: file}} }
}

func verProperty(epoch, t, seq int64) packets.UserProperty {
	return packets.UserProperty{Key: catalog.VersionName, Val: ver(epoch, t, seq).String()}
}

func TestClientsMayNotPublish(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	watcher := dial(t, b.Addrs().TCP, dialing{id: "watcher"})
	watcher.subscribe(filter("candle/#", 1))
	const topic = "candle/1m/BTCUSDT"

	c := dial(t, b.Addrs().TCP, dialing{id: "five"})
	c.publish(topic, "spoof", 1, verProperty(9, 9, 9))
	if ack := c.until(packets.Puback); ack.ReasonCode != packets.ErrNotAuthorized.Code {
		t.Errorf("PUBACK %#x, want %#x", ack.ReasonCode, packets.ErrNotAuthorized.Code)
	}
	c.publish(topic, "spoof", 0, verProperty(9, 9, 9))
	if code := c.closed(); code != packets.ErrNotAuthorized.Code {
		t.Errorf("DISCONNECT %#x, want %#x", code, packets.ErrNotAuthorized.Code)
	}
	for qos := range byte(2) {
		c := dial(t, b.Addrs().TCP, dialing{id: "three", v: 4})
		c.publish(topic, "spoof", qos)
		if code := c.closed(); code != 0 {
			t.Errorf("MQTT 3.1.1 got a DISCONNECT, which servers do not send there")
		}
	}
	for _, tt := range []struct {
		topic string
		qos   byte
		code  packets.Code
	}{{topic, 2, packets.ErrQosNotSupported}, {"$SYS/x", 1, packets.ErrTopicNameInvalid}, {"candle/+/x", 1, packets.ErrProtocolViolationSurplusWildcard}} {
		c := dial(t, b.Addrs().TCP, dialing{id: "odd"})
		c.publish(tt.topic, "spoof", tt.qos)
		if code := c.closed(); code != tt.code.Code && !(tt.code == packets.ErrProtocolViolationSurplusWildcard && code == packets.ErrTopicNameInvalid.Code) {
			t.Errorf("%s QoS %d: DISCONNECT %#x, want %#x", tt.topic, tt.qos, code, tt.code.Code)
		}
	}
	watcher.silent()
	if s := b.Stats(); s.Topics != 0 || s.RefusedPublishes != 5 {
		t.Errorf("topics %d, refused publishes %d", s.Topics, s.RefusedPublishes)
	}
}

func TestPublisherFeedsTheHubAndOldVersionsAreRefused(t *testing.T) {
	t.Parallel()
	b := startBroker(t, withPublisher(t))
	p := dial(t, b.Addrs().TCP, dialing{id: "bridge-1", user: "bridge", password: "secret"})
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	c.subscribe(filter("candle/#", 1))
	const topic = "candle/1m/BTCUSDT/closed"
	for _, tt := range []struct {
		what, topic string
		user        []packets.UserProperty
		code        packets.Code
	}{
		{"first", topic, []packets.UserProperty{verProperty(1, 60000, 5)}, packets.CodeSuccess},
		{"the same again", topic, []packets.UserProperty{verProperty(1, 60000, 5)}, packets.CodeNoMatchingSubscribers},
		{"older", topic, []packets.UserProperty{verProperty(1, 60000, 4)}, packets.CodeNoMatchingSubscribers},
		{"newer", topic, []packets.UserProperty{{Key: "other", Val: "x"}, verProperty(1, 60000, 6)}, packets.CodeSuccess},
		{"no version", topic, nil, packets.ErrPayloadFormatInvalid},
		{"short version", topic, []packets.UserProperty{{Key: catalog.VersionName, Val: "00ff"}}, packets.ErrPayloadFormatInvalid},
		{"no hex", topic, []packets.UserProperty{{Key: catalog.VersionName, Val: strings.Repeat("x", 48)}}, packets.ErrPayloadFormatInvalid},
		{"negative", topic, []packets.UserProperty{{Key: catalog.VersionName, Val: strings.Repeat("f", 48)}}, packets.ErrPayloadFormatInvalid},
		{"no market topic", "chat/room", []packets.UserProperty{verProperty(1, 0, 1)}, packets.ErrNotAuthorized},
	} {
		p.publish(tt.topic, tt.what, 1, tt.user...)
		if ack := p.until(packets.Puback); ack.ReasonCode != tt.code.Code {
			t.Errorf("%s: PUBACK %#x %s, want %#x", tt.what, ack.ReasonCode, ack.Properties.ReasonString, tt.code.Code)
		}
		if tt.code == packets.CodeSuccess {
			if m := c.message(); string(m.Payload) != tt.what || len(m.Properties.User) > 0 {
				t.Errorf("%s: got %s %v", tt.what, m.Payload, m.Properties.User)
			}
		}
	}
	p.publish("candle/1m/BTCUSDT", "no version", 0)
	p.publish("candle/1m/BTCUSDT", "state", 0, verProperty(1, 0, 1))
	if m := c.message(); string(m.Payload) != "state" {
		t.Errorf("got %s", m.Payload)
	}
	c.silent()
	if s := b.Stats(); s.RefusedVersions != 2 || s.RefusedPublishes != 6 {
		t.Errorf("refused %d versions and %d publishes, want 2 and 6", s.RefusedVersions, s.RefusedPublishes)
	}
}

func TestAwaitPublisherRefusesClientsUntilItIsReady(t *testing.T) {
	t.Parallel()
	publisher := withPublisher(t)
	b := startBroker(t, func(c *Config) { publisher(c); c.AwaitPublisher = true })
	for v, code := range map[byte]byte{5: packets.ErrServerUnavailable.Code, 4: packets.Err3ServerUnavailable.Code} {
		if c := dial(t, b.Addrs().TCP, dialing{id: "early", v: v, refused: true}); c.ack.ReasonCode != code {
			t.Errorf("MQTT %d: CONNACK %#x, want %#x", v, c.ack.ReasonCode, code)
		}
	}
	p := dial(t, b.Addrs().TCP, dialing{id: "bridge-1", user: "bridge", password: "secret"})
	p.publish(catalog.BridgeTopic, "starting", 1)
	p.until(packets.Puback)
	dial(t, b.Addrs().TCP, dialing{id: "early", refused: true}).closed()
	p.publish(catalog.BridgeTopic, "ready", 1)
	if ack := p.until(packets.Puback); ack.ReasonCode != 0 {
		t.Fatalf("PUBACK %#x", ack.ReasonCode)
	}
	dial(t, b.Addrs().TCP, dialing{id: "late"})

	_ = p.Close() // for a while its state is good enough
	waitFor(t, "the publisher to be gone", func() bool { return b.Stats().Connections == 1 })
	stay := dial(t, b.Addrs().TCP, dialing{id: "stay"})
	b.ready.mu.Lock()
	b.ready.grace = 0
	b.ready.mu.Unlock()
	if c := dial(t, b.Addrs().TCP, dialing{id: "too late", refused: true}); c.ack.ReasonCode != packets.ErrServerUnavailable.Code || b.Ready() {
		t.Errorf("without a publisher: CONNACK %#x, ready %t", c.ack.ReasonCode, b.Ready())
	}
	stay.ping()
	p = dial(t, b.Addrs().TCP, dialing{id: "bridge-2", user: "bridge", password: "secret"})
	p.publish(catalog.BridgeTopic, "ready", 1)
	p.until(packets.Puback)
	dial(t, b.Addrs().TCP, dialing{id: "again"})
}

func TestReadinessOutlivesItsPublisherForTheGrace(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	r := readiness{grace: time.Minute}
	for _, tt := range []struct {
		what string
		do   func()
		at   time.Duration
		want bool
	}{
		{"nobody yet", func() {}, 0, false},
		{"two are ready", func() { r.gain(); r.gain() }, 0, true},
		{"one went long ago", func() { r.lose(now) }, time.Hour, true},
		{"the other went", func() { r.lose(now) }, 59 * time.Second, true},
		{"for too long", func() {}, time.Minute, false},
		{"it is back", func() { r.gain() }, time.Minute, true},
	} {
		tt.do()
		if got := r.at(now.Add(tt.at)); got != tt.want {
			t.Errorf("%s: ready %t", tt.what, got)
		}
	}
}

func TestConnectionsAreCountedByWhatOneHostHas(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "::ffff:192.0.2.1", true}, {"192.0.2.1", "192.0.2.2", false},
		{"2001:db8::1", "2001:db8::ffff:1:2:3", true}, {"2001:db8::1", "2001:db8:0:1::1", false}, {"fe80::1%eth0", "fe80::2%eth1", true},
	} {
		if got := originOf(netip.MustParseAddr(tt.a)) == originOf(netip.MustParseAddr(tt.b)); got != tt.same {
			t.Errorf("%s and %s: counted together %t", tt.a, tt.b, got)
		}
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	publisher := withPublisher(t)
	open := startBroker(t, publisher)
	closed := startBroker(t, func(c *Config) { publisher(c); c.AnonymousRead = false })
	for _, tt := range []struct {
		what   string
		b      *Broker
		d      dialing
		v5, v3 byte
	}{
		{"anonymous, allowed", open, dialing{}, 0, 0},
		{"anonymous, not allowed", closed, dialing{}, packets.ErrNotAuthorized.Code, 5},
		{"wrong password", open, dialing{user: "bridge", password: "guess"}, packets.ErrBadUsernameOrPassword.Code, 4},
		{"unknown user", open, dialing{user: "nobody", password: "secret"}, packets.ErrBadUsernameOrPassword.Code, 4},
		{"publisher", closed, dialing{user: "bridge", password: "secret"}, 0, 1},
		{"reserved client id", open, dialing{id: "inline"}, packets.ErrClientIdentifierNotValid.Code, 2},
		{"long client id", open, dialing{id: strings.Repeat("x", 300)}, packets.ErrClientIdentifierNotValid.Code, 2},
	} {
		for v, want := range map[byte]byte{5: tt.v5, 4: tt.v3} {
			d := tt.d
			d.v, d.refused = v, true
			if d.id == "" {
				d.id = strings.ReplaceAll(tt.what, " ", "-")
			}
			if c := dial(t, tt.b.Addrs().TCP, d); c.ack.ReasonCode != want {
				t.Errorf("%s, MQTT %d: CONNACK %#x, want %#x", tt.what, v, c.ack.ReasonCode, want)
			}
		}
	}
}

func TestLimitsAreToldToTheClientAndNotToThePublisher(t *testing.T) {
	t.Parallel()
	publisher := withPublisher(t)
	b := startBroker(t, func(c *Config) { publisher(c); c.MaxConnections = 3; c.MaxConnectionsPerAddress = 4 })
	for i := range 3 {
		dial(t, b.Addrs().TCP, dialing{id: fmt.Sprint("c", i)})
	}
	if c := dial(t, b.Addrs().TCP, dialing{id: "more", refused: true}); c.ack.ReasonCode != packets.ErrServerBusy.Code {
		t.Errorf("CONNACK %#x, want %#x", c.ack.ReasonCode, packets.ErrServerBusy.Code)
	}
	dial(t, b.Addrs().TCP, dialing{id: "bridge", user: "bridge", password: "secret"})
	var flood []net.Conn
	for range 40 {
		flood = append(flood, dialRaw(t, b.Addrs().TCP, 0))
	}
	waitFor(t, "the flood to be cut", func() bool { return b.Stats().Disconnects["refused: connection limit"] > 0 })
	for _, c := range flood {
		_ = c.Close()
	}
	waitFor(t, "the flood to be gone", func() bool { return b.Stats().Connections <= 4 })

	one := startBroker(t, func(c *Config) { c.MaxConnectionsPerAddress = 1; c.MaxSessions = 1 })
	first := dial(t, one.Addrs().TCP, dialing{id: "first"})
	if c := dial(t, one.Addrs().TCP, dialing{id: "second", refused: true}); c.ack.ReasonCode != packets.ErrQuotaExceeded.Code {
		t.Errorf("CONNACK %#x, want %#x", c.ack.ReasonCode, packets.ErrQuotaExceeded.Code)
	}
	_ = first.Close()
	waitFor(t, "both to be gone", func() bool { return one.Stats().Connections == 0 })
	dial(t, one.Addrs().TCP, dialing{id: "third"})
}

func TestNobodyElseTakesAPublishersSessionOver(t *testing.T) {
	t.Parallel()
	b := startBroker(t, withPublisher(t))
	before := dial(t, b.Addrs().TCP, dialing{id: "bridge-1", resume: true, expiry: 600})
	before.subscribe(filter("status/#", 1))
	d := dialing{id: "bridge-1", user: "bridge", password: "secret", resume: true, expiry: 600}
	p := dial(t, b.Addrs().TCP, d) // a publisher may have its name from anyone, but not the session that goes with it
	if before.closed(); p.ack.SessionPresent {
		t.Error("a publisher resumed a stranger's session")
	}
	for v, code := range map[byte]byte{5: packets.ErrClientIdentifierNotValid.Code, 4: packets.Err3ClientIdentifierNotValid.Code} {
		if c := dial(t, b.Addrs().TCP, dialing{id: "bridge-1", v: v, refused: true}); c.ack.ReasonCode != code {
			t.Errorf("MQTT %d: CONNACK %#x, want %#x", v, c.ack.ReasonCode, code)
		}
	}
	p.ping()
	p = dial(t, b.Addrs().TCP, d)
	if !p.ack.SessionPresent {
		t.Error("a publisher did not find its own session")
	}
}

func TestConnackTellsWhatTheEdgeOffers(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	p := dial(t, b.Addrs().TCP, dialing{id: "c", keepalive: 0}).ack.Properties
	if !p.MaximumQosFlag || p.MaximumQos != 1 || !p.SharedSubAvailableFlag || p.SharedSubAvailable != 0 || p.MaximumPacketSize != 64<<10 ||
		p.TopicAliasMaximum != 0 || !p.ServerKeepAliveFlag || p.ServerKeepAlive != 300 {
		t.Errorf("%+v", p)
	}
}

func TestShutdownFlushesAndTellsTheReason(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.TCP, cfg.WebSocket, cfg.Admin.Listen, cfg.ShutdownTimeout = "127.0.0.1:0", "", "", minute
	b, err := newBroker(cfg, testClassOf, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	five := dial(t, b.Addrs().TCP, dialing{id: "five"})
	three := dial(t, b.Addrs().TCP, dialing{id: "three", v: 4})
	dialRaw(t, b.Addrs().TCP, 0)
	const n = 300
	five.subscribe(filter("candle/#", 0))
	for i := range n {
		put(t, b, fmt.Sprint("candle/1m/S", i), ver(1, 0, 1), "last")
	}
	cancel()
	for range n {
		five.message()
	}
	if code := five.closed(); code != packets.ErrServerShuttingDown.Code {
		t.Errorf("DISCONNECT %#x, want %#x", code, packets.ErrServerShuttingDown.Code)
	}
	if code := three.closed(); code != 0 {
		t.Error("MQTT 3.1.1 got a DISCONNECT")
	}
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("Run did not return")
	}
	if _, err := net.Dial("tcp", b.Addrs().TCP); err == nil {
		t.Error("still listening")
	}
}

func TestSocketThatTakesNothingIsClosed(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.WriteTimeout = seconds(1) / 5 })
	c := dial(t, b.Addrs().TCP, dialing{id: "stalled", readBuffer: 4096})
	c.subscribe(filter("candle/#", 0))
	payload := strings.Repeat("x", 4096)
	seq := int64(0)
	waitFor(t, "the stalled client to be closed", func() bool {
		for i := range 1000 {
			seq++
			put(t, b, fmt.Sprint("candle/1m/S", i), ver(1, 0, seq), payload)
		}
		return b.Stats().Disconnects["write timeout"] == 1
	})
}

func TestClientThatSendsButNeverReadsIsClosed(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.WriteTimeout, c.RequestsPerSecond, c.RequestsPerAddress = 10*minute, 0, 0 })
	c := dial(t, b.Addrs().TCP, dialing{id: "c", readBuffer: 4096})
	pings := strings.Repeat(string([]byte{packets.Pingreq << 4, 0}), 4096)
	for {
		_ = c.SetWriteDeadline(time.Now().Add(patience))
		if _, err := c.Conn.Write([]byte(pings)); err != nil {
			break
		}
	}
	waitFor(t, "the count", func() bool { return b.Stats().Disconnects["unread answers"] == 1 })
}

func TestSilentClientIsClosedAfterItsKeepalive(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	dial(t, b.Addrs().TCP, dialing{id: "c", keepalive: 1}).closed()
	waitFor(t, "the count", func() bool { return b.Stats().Disconnects["keep alive timeout"] == 1 })
}

// What the hub takes of a client, mochi does not see; the client is alive nevertheless.
func TestAcknowledgementsAloneKeepAConnectionAlive(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	c := dial(t, b.Addrs().TCP, dialing{id: "c", keepalive: 2})
	c.subscribe(filter("status/#", 1))
	start := time.Now()
	for i := int64(1); time.Since(start) < 4*time.Second; i++ { // mochi waits 3 s
		put(t, b, "status/A/feed", ver(1, 0, i), "x")
		c.message()
		time.Sleep(100 * time.Millisecond)
	}
}
