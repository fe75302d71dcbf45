package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/catalog"
)

func TestFiltersThatAreRefusedSayWhy(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.MaxFilters = 3 })
	five := dial(t, b.Addrs().TCP, dialing{id: "five"})
	three := dial(t, b.Addrs().TCP, dialing{id: "three", v: 4})
	for _, tt := range []struct {
		filter string
		code   packets.Code
	}{
		{"#", packets.ErrWildcardSubscriptionsNotSupported},
		{"+/1m/BTCUSDT", packets.ErrWildcardSubscriptionsNotSupported},
		{"$share/group/candle/#", packets.ErrSharedSubscriptionsNotSupported},
		{"$SHARE/group/candle/#", packets.ErrSharedSubscriptionsNotSupported},
		{"$SYS/#", packets.ErrNotAuthorized},
		{catalog.BridgeTopic, packets.ErrNotAuthorized},
		{"candle/1m+/x", packets.ErrTopicFilterInvalid},
		{"candle/#/x", packets.ErrTopicFilterInvalid},
		{"candle/1m#", packets.ErrTopicFilterInvalid},
		{"a/b/c/d/e/f/g/h/i", packets.ErrTopicFilterInvalid},
		{"candle/" + strings.Repeat("x", 256), packets.ErrTopicFilterInvalid},
		{"candle/1m/+", packets.CodeGrantedQos1},
	} {
		if codes := five.subscribe(filter(tt.filter, 2)); codes[0] != tt.code.Code {
			t.Errorf("%.40s: MQTT 5 code %#x, want %#x", tt.filter, codes[0], tt.code.Code)
		}
		want := tt.code.Code
		if want >= 0x80 {
			want = 0x80
		}
		if codes := three.subscribe(filter(tt.filter, 2)); codes[0] != want {
			t.Errorf("%.40s: MQTT 3.1.1 code %#x, want %#x", tt.filter, codes[0], want)
		}
	}
	codes := five.subscribe(filter("candle/3m/+", 0), filter("candle/5m/+", 0), filter("#", 0), filter("candle/15m/+", 0))
	if want := []byte{0, 0, 0xA2, 0x97}; !slices.Equal(codes, want) {
		t.Errorf("one filter above the limit: % x, want % x", codes, want)
	}
	if b.Stats().RefusedFilters == 0 {
		t.Error("nothing counted")
	}
}

func TestRetainHandling(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	put(t, b, "candle/1m/BTCUSDT", ver(1, 0, 1), "state")
	put(t, b, "candle/1m/BTCUSDT/closed", ver(1, 0, 1), "final")
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	for _, tt := range []struct {
		what     string
		handling byte
		fresh    bool
		want     int
	}{
		{"2: never", 2, true, 0},
		{"1: not when it exists", 1, false, 0},
		{"1: when it is new", 1, true, 2},
		{"0: always", 0, false, 2},
	} {
		if tt.fresh {
			c.unsubscribe("candle/#")
		}
		c.subscribe(packets.Subscription{Filter: "candle/#", Qos: 1, RetainHandling: tt.handling})
		for range tt.want {
			if m := c.message(); !m.FixedHeader.Retain {
				t.Errorf("%s: %s without the RETAIN bit", tt.what, m.Payload)
			}
		}
		c.silent()
	}
}

func TestRetainAsPublishedKeepsTheBitOnLiveMessages(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	c.subscribe(packets.Subscription{Filter: "candle/#", Qos: 1, RetainAsPublished: true}, filter("status/#", 1))
	for _, topic := range []string{"candle/1m/A", "candle/1m/A/closed", "status/A/feed"} {
		put(t, b, topic, ver(1, 0, 1), "live")
		if m := c.message(); m.FixedHeader.Retain != strings.HasPrefix(topic, "candle") {
			t.Errorf("%s: RETAIN %v", topic, m.FixedHeader.Retain)
		}
	}
}

func TestOverlappingSubscriptionsGiveOneMessageWithAllIdentifiers(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	c.subscribe(packets.Subscription{Filter: "candle/#", Qos: 0, Identifier: 1})
	c.subscribe(packets.Subscription{Filter: "candle/1m/+/closed", Qos: 1, Identifier: 268435455})
	c.subscribe(packets.Subscription{Filter: "candle/1m/A", Qos: 1, Identifier: 128})
	plain := dial(t, b.Addrs().TCP, dialing{id: "plain", v: 4})
	plain.subscribe(filter("candle/#", 0), filter("candle/1m/+/closed", 1), filter("candle/1m/A", 0))
	for i := range int64(3) {
		for _, tt := range []struct {
			topic string
			qos   byte
			ids   []int
		}{{"candle/1m/A", 0, []int{1, 128}}, {"candle/1m/A/closed", 1, []int{1, 268435455}}, {"candle/5m/A", 0, []int{1}}} {
			put(t, b, tt.topic, ver(1, i, 1), fmt.Sprint(i))
			m := c.message()
			ids := slices.Sorted(slices.Values(m.Properties.SubscriptionIdentifier))
			if m.TopicName != tt.topic || m.FixedHeader.Qos != tt.qos || !slices.Equal(ids, tt.ids) || string(m.Payload) != fmt.Sprint(i) {
				t.Errorf("%s: got %s QoS %d identifiers %v %s", tt.topic, m.TopicName, m.FixedHeader.Qos, ids, m.Payload)
			}
			if m := plain.message(); m.TopicName != tt.topic || m.FixedHeader.Qos != tt.qos {
				t.Errorf("MQTT 3.1.1 %s: got %s QoS %d", tt.topic, m.TopicName, m.FixedHeader.Qos)
			}
		}
	}
	c.silent()
	plain.silent()
	if n := b.Stats().Conflated; n != 0 {
		t.Errorf("%d conflated, but every message was sent", n)
	}
}

func TestMessageAboveTheClientsMaximumPacketSizeIsLeftOut(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	c := dial(t, b.Addrs().TCP, dialing{id: "c", maximumPacket: 200, receiveMaximum: 1})
	c.subscribe(filter("candle/#", 1))
	for i := range int64(10) { // a lost place in the window of 1 would end it at once
		put(t, b, "candle/1m/A", ver(1, i, 1), strings.Repeat("x", 300))
		put(t, b, "candle/1m/A/closed", ver(1, 2*i, 1), strings.Repeat("x", 300))
		put(t, b, "candle/1m/A/closed", ver(1, 2*i+1, 1), "small")
		if m := c.message(); string(m.Payload) != "small" {
			t.Fatalf("got %d bytes", len(m.Payload))
		}
	}
	waitFor(t, "the count", func() bool { return b.Stats().TooLarge >= 11 })
}

func TestUnsubscribeEndsDelivery(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	c.subscribe(filter("candle/#", 1), filter("candle/1m/A", 1))
	c.unsubscribe("candle/#")
	put(t, b, "candle/1m/B", ver(1, 0, 1), "gone")
	put(t, b, "candle/1m/A/closed", ver(1, 0, 1), "gone")
	put(t, b, "candle/1m/A", ver(1, 0, 1), "still")
	if m := c.message(); string(m.Payload) != "still" {
		t.Errorf("got %s %s", m.TopicName, m.Payload)
	}
	c.unsubscribe("candle/1m/A")
	put(t, b, "candle/1m/A", ver(1, 0, 2), "gone")
	c.silent()
	if s := b.Stats(); s.Subscriptions != 0 {
		t.Errorf("%d subscriptions left", s.Subscriptions)
	}
}

func TestSubscribingAndUnsubscribingWhilePublishing(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	m := startMarket(t, b, 200, 50, 2, 0)
	for k := range 4 {
		c := dial(t, b.Addrs().TCP, dialing{id: fmt.Sprint("c", k), receiveMaximum: 1000})
		for i := range 40 {
			f := []string{"candle/#", "candle/1m/+/closed", "candle/1m/S00001", "candle/+/+"}[i%4]
			c.subscribe(filter(f, byte(i%2)))
			if i%3 > 0 {
				c.unsubscribe(f)
			}
		}
	}
	m.halt()
}

func TestEmptyPayloadClearsTheRetainedValueAndIsForwarded(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	c.subscribe(filter("candle/#", 1))
	for i, topic := range []string{"candle/1m/A", "candle/1m/A/closed"} {
		put(t, b, topic, ver(1, 60000, 5), "value")
		if string(c.message().Payload) != "value" {
			t.Fatal(topic)
		}
		put(t, b, topic, ver(1, 0, 6), "") // a delisting knows no t
		if m := c.message(); len(m.Payload) != 0 || m.TopicName != topic || m.FixedHeader.Retain {
			t.Fatalf("%s: got %s %q RETAIN %v", topic, m.TopicName, m.Payload, m.FixedHeader.Retain)
		}
		late := dial(t, b.Addrs().TCP, dialing{id: fmt.Sprint("late", i)})
		late.subscribe(filter("candle/#", 1))
		late.silent()
		class, _ := testClassOf(topic)
		if b.Publish(Message{Topic: topic, Class: class, Version: ver(1, 60000, 5), Payload: []byte("back")}) {
			t.Errorf("%s: what was cleared came back", topic)
		}
		put(t, b, topic, ver(1, 120000, 7), "new")
		if string(c.message().Payload) != "new" {
			t.Fatal(topic)
		}
		put(t, b, topic, ver(1, 0, 8), "")
		c.message()
	}
}

func TestEventsOfASlowClientAreDroppedOldestFirst(t *testing.T) {
	t.Parallel()
	const room, n = 100, 20_000
	b := startBroker(t, func(c *Config) { c.EventMessages = room; c.WriteTimeout = 10 * minute })
	c := dial(t, b.Addrs().TCP, dialing{id: "c", readBuffer: 4096})
	c.subscribe(filter("trade/+", 1))
	put(t, b, "trade/BTCUSDT", ver(1, 0, 0), "0")
	if m := c.message(); m.FixedHeader.Qos != 0 || m.FixedHeader.Retain {
		t.Errorf("QoS %d RETAIN %v", m.FixedHeader.Qos, m.FixedHeader.Retain)
	}
	for i := int64(1); i <= n; i++ {
		put(t, b, "trade/BTCUSDT", ver(1, 0, i), fmt.Sprintf("%d %0200d", i, 0))
	}
	last, got := 0, 0
	for last < n {
		var i int
		if _, err := fmt.Sscan(string(c.message().Payload), &i); err != nil || i <= last {
			t.Fatalf("%d after %d, %v", i, last, err)
		}
		last, got = i, got+1
	}
	if dropped := b.Stats().Dropped; dropped == 0 || int(dropped) != n-got {
		t.Errorf("%d dropped, but %d of %d arrived", dropped, got, n)
	}
	own := b.connected()[0]
	waitFor(t, "the connection's own count", func() bool { return int(own.figures.sent.Load()) == got+1 && int(own.figures.dropped.Load()) == n-got })
	if q := own.session.Load().queued(); q != (queueLengths{}) || own.figures.sentBytes.Load() < uint64(200*got) || own.figures.since.IsZero() {
		t.Errorf("waiting %+v, %d bytes since %v", q, own.figures.sentBytes.Load(), own.figures.since)
	}
}

func TestQueueOverflowEndsTheSessionWithAReason(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.QueueMessages = 50; c.InflightWindow = 10 })
	d := dialing{id: "c", resume: true, expiry: 600}
	c := dial(t, b.Addrs().TCP, d)
	c.subscribe(filter("status/#", 1))
	for i := range int64(200) { // not one is acknowledged
		put(t, b, "status/BTCUSDT/feed", ver(1, 0, i), fmt.Sprint(i))
	}
	if code := c.closed(); code != packets.ErrQuotaExceeded.Code {
		t.Errorf("DISCONNECT %#x, want %#x", code, packets.ErrQuotaExceeded.Code)
	}
	waitFor(t, "the count", func() bool { return b.Stats().Disconnects["queue full"] == 1 })
	c = dial(t, b.Addrs().TCP, d)
	if c.ack.SessionPresent {
		t.Error("the ended session is present")
	}
	c.subscribe(filter("status/#", 1))
	if m := c.message(); string(m.Payload) != "199" || !m.FixedHeader.Retain {
		t.Errorf("got %s RETAIN %v, want the retained value", m.Payload, m.FixedHeader.Retain)
	}
	_ = c.Close()
	waitFor(t, "the connection to end", func() bool { return b.Stats().Connections == 0 })
	for i := range int64(200) {
		put(t, b, "status/BTCUSDT/feed", ver(2, 0, i), fmt.Sprint(i))
	}
	if s := b.Stats(); s.Sessions != 0 || s.Subscriptions != 0 {
		t.Errorf("an offline session outlived its queue: %d sessions, %d subscriptions", s.Sessions, s.Subscriptions)
	}
}

func TestSecondSnapshotDoesNotOvertakeWhatWaits(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	c := dial(t, b.Addrs().TCP, dialing{id: "c", receiveMaximum: 1})
	c.subscribe(filter("status/#", 1))
	for i := range int64(5) { // the first is in flight, the others wait
		put(t, b, "status/BTCUSDT/feed", ver(1, 0, i), fmt.Sprint(i))
	}
	first := c.until(packets.Publish)
	c.subscribe(filter("status/#", 1))
	c.puback(first.PacketID)
	for i := 1; i < 5; i++ {
		if m := c.message(); string(m.Payload) != fmt.Sprint(i) || m.FixedHeader.Retain != (i == 4) {
			t.Fatalf("message %d: got %s RETAIN %v", i, m.Payload, m.FixedHeader.Retain)
		}
	}
	c.silent()
}

func TestResumedSessionGetsTheLatestStateWithoutSubscribingAgain(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	d := dialing{id: "c", resume: true, expiry: 600}
	c := dial(t, b.Addrs().TCP, d)
	c.subscribe(filter("candle/#", 1))
	_ = c.Close()
	waitFor(t, "the connection to end", func() bool { return b.Stats().Connections == 0 })
	put(t, b, "candle/1m/A", ver(1, 0, 1), "missed")
	c = dial(t, b.Addrs().TCP, d)
	if m := c.message(); string(m.Payload) != "missed" {
		t.Errorf("got %s", m.Payload)
	}
	put(t, b, "candle/1m/A", ver(1, 0, 2), "live")
	if m := c.message(); string(m.Payload) != "live" {
		t.Errorf("got %s", m.Payload)
	}
	d.resume = false
	if c = dial(t, b.Addrs().TCP, d); c.ack.SessionPresent {
		t.Error("clean start, but a session is present")
	}
	put(t, b, "candle/1m/A", ver(1, 0, 3), "not subscribed")
	c.silent()
}
