package broker

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/catalog"
)

// The tests of this file are about clients that mean harm, and about those that a limit must not hurt.

func TestClientAtItsLimitMaySubscribeAgainToWhatItHas(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.MaxFilters = 3 })
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	has := []packets.Subscription{filter("candle/1m/A", 0), filter("candle/1m/+", 1), filter("status/#", 1)}
	for range 2 { // as clients do that come back to a session
		if codes := c.subscribe(has...); !slices.Equal(codes, []byte{0, 1, 1}) {
			t.Errorf("codes % x", codes)
		}
	}
	if codes := c.subscribe(filter("candle/1m/B", 0)); codes[0] != packets.ErrQuotaExceeded.Code {
		t.Errorf("one more: %#x", codes[0])
	}
}

func TestFiltersOfAllClientsTogetherAreBounded(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.MaxAllFilters = 3 })
	one := dial(t, b.Addrs().TCP, dialing{id: "one"})
	one.subscribe(filter("candle/1m/A", 0), filter("candle/1m/B", 0))
	two := dial(t, b.Addrs().TCP, dialing{id: "two"})
	if codes := two.subscribe(filter("candle/1m/A", 0), filter("candle/1m/B", 0)); !slices.Equal(codes, []byte{0, packets.ErrQuotaExceeded.Code}) {
		t.Errorf("codes % x", codes)
	}
	one.unsubscribe("candle/1m/A")
	if codes := two.subscribe(filter("candle/1m/B", 0)); codes[0] != 0 {
		t.Errorf("after another client left one: %#x", codes[0])
	}
}

func TestSessionsThatNobodyUsesShutNobodyOut(t *testing.T) {
	t.Parallel()
	const limit = 5
	b := startBroker(t, func(c *Config) { c.MaxSessions = limit })
	for i := range limit {
		c := dial(t, b.Addrs().TCP, dialing{id: fmt.Sprint("away", i), resume: true, expiry: 600})
		c.subscribe(filter("status/#", 1))
		_ = c.Close()
	}
	waitFor(t, "the connections to end", func() bool { return b.Stats().Connections == 0 })
	for i := range limit {
		c := dial(t, b.Addrs().TCP, dialing{id: fmt.Sprint("here", i)})
		c.subscribe(filter("candle/#", 0))
		if s := b.Stats(); s.Sessions != limit || s.Subscriptions != limit {
			t.Errorf("%d sessions with %d subscriptions, want %d", s.Sessions, s.Subscriptions, limit)
		}
	}
	if n := b.mqtt.Clients.Len(); n > limit+1 { // and its own
		t.Errorf("mochi keeps %d clients", n)
	}
	if c := dial(t, b.Addrs().TCP, dialing{id: "more", refused: true}); c.ack.ReasonCode != packets.ErrQuotaExceeded.Code {
		t.Errorf("with everyone here: CONNACK %#x", c.ack.ReasonCode)
	}
}

// testSession is a session whose client is subscribed to filters and takes nothing.
func testSession(h *hub, filters ...string) (*session, *conn) {
	cfg := DefaultConfig()
	c := newConn(&tape{}, packets.Code{}, &cfg, h.stats, newPump())
	s := &session{id: "c"}
	s.attach(c, 10)
	for _, f := range filters {
		h.subscribe(s, c, subscription{filter: f})
	}
	return s, c
}

func publishState(h *hub, topic string, seq int64) {
	h.publish(&Message{Topic: topic, Class: catalog.State, Version: ver(1, 0, seq), Payload: []byte("x")})
}

func TestPublishDoesNotWaitForTheMatchingOfANewFilter(t *testing.T) {
	t.Parallel()
	h := &hub{index: newIndex(), stats: new(counters)}
	publishState(h, "candle/1m/A", 1)
	h.index.mu.Lock() // somebody's wildcard is compared with every topic
	defer h.index.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		publishState(h, "candle/1m/A", 2)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the publisher waits")
	}
}

// The session's lock is one that publishers need: what is done under it must not grow with the number of its filters times that of the topics.
func TestUnsubscribingFromManyFiltersHoldsUpNobody(t *testing.T) {
	t.Parallel()
	const topics, filters = 5000, 2000
	h := &hub{index: newIndex(), stats: new(counters)}
	s, c := testSession(h, "candle/#")
	for i := range filters {
		h.subscribe(s, c, subscription{filter: fmt.Sprintf("status/+/%d", i)})
	}
	for i := range topics {
		publishState(h, fmt.Sprint("candle/1m/S", i), 1)
	}
	start := time.Now()
	for i := range filters {
		h.unsubscribe(s, c, fmt.Sprintf("status/+/%d", i))
	}
	if took := time.Since(start); took > patience {
		t.Errorf("took %v", took)
	}
	if s.state.len() != topics {
		t.Errorf("%d topics wait, want %d", s.state.len(), topics)
	}
	h.unsubscribe(s, c, "candle/#")
	if !s.idle() {
		t.Errorf("%d topics wait though nothing is subscribed", s.state.len())
	}
}

func TestSubscribingAgainAndAgainWithoutReadingTakesNoMemory(t *testing.T) {
	t.Parallel()
	const topics = 500
	h := &hub{index: newIndex(), stats: new(counters)}
	s, c := testSession(h)
	for i := range topics {
		publishState(h, fmt.Sprint("candle/1m/S", i), 1)
	}
	for range 1000 {
		h.subscribe(s, c, subscription{filter: "candle/#"})
		h.sendSnapshot(s, c, "candle/#", true)
		h.unsubscribe(s, c, "candle/#")
	}
	h.subscribe(s, c, subscription{filter: "candle/#"})
	h.sendSnapshot(s, c, "candle/#", true)
	if room := len(s.state.line.buf); room > 4*topics {
		t.Errorf("a line of %d places for %d topics", room, topics)
	}
	seen := map[*topic]bool{}
	for tp, _, ok := s.state.pop(); ok; tp, _, ok = s.state.pop() {
		if seen[tp] {
			t.Fatalf("%s twice", tp.name)
		}
		seen[tp] = true
	}
	if len(seen) != topics {
		t.Errorf("%d topics came, want %d", len(seen), topics)
	}
}

func TestClientsThatAskTooMuchAreSentAway(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.RequestsPerSecond, c.MaxFilters = 5, 20 })
	for what, ask := range map[string]func(c *client, i int){
		"pings":                       func(c *client, _ int) { c.write([]byte{packets.Pingreq << 4, 0}) },
		"the same filter again":       func(c *client, _ int) { c.startSubscribe(filter("candle/1m/A", 0)) },
		"acknowledgements of nothing": func(c *client, i int) { c.puback(uint16(i + 1)) },
	} {
		c := dial(t, b.Addrs().TCP, dialing{id: what})
		for i := range 40 {
			if _, err := c.Conn.Write(nil); err != nil {
				break
			}
			ask(c, i)
		}
		if code := c.closed(); code != packets.ErrMessageRateTooHigh.Code {
			t.Errorf("%s: DISCONNECT %#x, want 0x96", what, code)
		}
	}
	// A client that takes everything fast and acknowledges it asks for nothing, and one that comes back may have all its filters at once.
	c := dial(t, b.Addrs().TCP, dialing{id: "busy"})
	all := []packets.Subscription{filter("candle/1m/+/closed", 1)}
	for i := range 19 {
		all = append(all, filter(fmt.Sprint("candle/1m/S", i), 0))
	}
	c.subscribe(all...)
	for i := range int64(200) {
		put(t, b, "candle/1m/A/closed", ver(1, i, 1), "x")
		c.message()
	}
	c.ping()
}

func TestClientsOfOneAddressShareTheirRequests(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.RequestsPerAddress = 20 })
	one, other := dial(t, b.Addrs().TCP, dialing{id: "one"}), dial(t, b.Addrs().TCP, dialing{id: "other"})
	one.ping()
	for range 40 {
		if _, err := other.Conn.Write([]byte{packets.Pingreq << 4, 0}); err != nil {
			break
		}
	}
	if code := other.closed(); code != packets.ErrMessageRateTooHigh.Code {
		t.Errorf("DISCONNECT %#x, want 0x96", code)
	}
	one.write([]byte{packets.Pingreq << 4, 0}) // of what the other has left
	if code := one.closed(); code != packets.ErrMessageRateTooHigh.Code {
		t.Errorf("the other one: DISCONNECT %#x, want 0x96", code)
	}
	waitFor(t, "the address to be forgotten", func() bool {
		b.gate.mu.Lock()
		defer b.gate.mu.Unlock()
		return len(b.gate.from) == 0
	})
}

// A session that ends while its client is connected, by an operator or since its queue is full, leaves nothing in mochi either.
func TestASessionThatIsEndedIsForgottenByMochi(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.QueueMessages, c.InflightWindow = 2, 1 })
	for _, id := range []string{"kicked", "overflows", "overflows away"} {
		c := dial(t, b.Addrs().TCP, dialing{id: id, resume: true, expiry: 600})
		c.subscribe(filter("status/#", 1))
		if id == "overflows away" {
			_ = c.Conn.Close()
			waitFor(t, "the client to be away", func() bool { return offline(b, id) != nil })
		}
	}
	manage{b}.Kick("kicked")
	for i := range int64(8) {
		put(t, b, "status/A/feed", ver(1, 0, i+1), "x")
	}
	waitFor(t, "mochi to forget them", func() bool {
		return b.Stats().Sessions == 0 && b.mqtt.Clients.Len() == 0 && len(b.mqtt.Topics.Subscribers("status/A/feed").Subscriptions) == 0
	})
}

// A client may be back at the very moment at which its old session is forgotten.
func TestForgettingAClientWaitsForOneThatTakesItsPlace(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	c := dial(t, b.Addrs().TCP, dialing{id: "c", resume: true, expiry: 600})
	_ = c.Conn.Close()
	waitFor(t, "the end of the connection", func() bool {
		cl, ok := b.mqtt.Clients.Get("c")
		return ok && cl.Closed()
	})
	b.listing.Lock() // as enlist does
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.forgetOffline("c")
	}()
	select {
	case <-done:
		t.Error("forgotten in the midst of it")
	case <-time.After(50 * time.Millisecond):
	}
	later := b.mqtt.NewClient(nil, listenerName, "c", false)
	b.mqtt.Clients.Add(later)
	b.listing.Unlock()
	<-done
	if cl, ok := b.mqtt.Clients.Get("c"); !ok || cl != later {
		t.Error("the later client of the id is forgotten")
	}
	b.mqtt.Clients.Delete("c")
}
