package broker

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
	"weak"

	"github.com/eclipse/paho.golang/paho"
	paho3 "github.com/eclipse/paho.mqtt.golang"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/market"
)

// market5000 publishes rising versions on many topics until it is stopped. Every payload is its version's seq.
type market5000 struct {
	states, finals []string
	stop           chan struct{}
	done           sync.WaitGroup
	last           sync.Map // topic: seq of the last message
	published      atomic.Int64
}

func startMarket(t *testing.T, b *Broker, states, finals, publishers int, pause time.Duration) *market5000 {
	m := &market5000{stop: make(chan struct{})}
	for i := range states {
		m.states = append(m.states, fmt.Sprintf("candle/1m/S%05d", i))
	}
	for i := range finals {
		m.finals = append(m.finals, fmt.Sprintf("candle/1m/S%05d/closed", i))
	}
	seq := int64(0)
	for _, topic := range append(append([]string(nil), m.states...), m.finals...) {
		m.put(t, b, topic, seq)
	}
	for p := range publishers {
		m.done.Go(func() {
			for seq := int64(1); ; seq++ {
				for i := p; i < len(m.states)+len(m.finals)/50; i += publishers {
					topic := ""
					if i < len(m.states) {
						topic = m.states[i]
					} else { // a final is rarer, and always its own publisher's
						k := i - len(m.states)
						topic = m.finals[(k+int(seq)*publishers*len(m.finals)/50)%len(m.finals)/publishers*publishers+p%publishers]
					}
					select {
					case <-m.stop:
						return
					default:
						m.put(t, b, topic, seq)
					}
					if m.published.Add(1)%64 == 0 && pause > 0 {
						time.Sleep(pause)
					}
				}
			}
		})
	}
	t.Cleanup(m.halt)
	return m
}

func (m *market5000) put(t *testing.T, b *Broker, topic string, seq int64) {
	class, _ := testClassOf(topic)
	v := market.Version{Epoch: 1, Seq: seq}
	if strings.HasSuffix(topic, "/closed") {
		v.T = seq * 60000
	}
	if !b.Publish(Message{Topic: topic, Class: class, Version: v, Payload: fmt.Appendf(nil, "%d %0100d", seq, 0)}) {
		if last, ok := m.last.Load(topic); !ok || last.(int64) < seq {
			t.Errorf("%s %v refused", topic, v)
		}
		return
	}
	m.last.Store(topic, seq)
}

func (m *market5000) halt() {
	select {
	case <-m.stop:
	default:
		close(m.stop)
	}
	m.done.Wait()
}

// view is what one client has seen.
type view struct {
	mu        sync.Mutex
	seen      map[string]int64
	snapshots int // topics whose first message had the RETAIN bit
	messages  int
	faults    []string
}

func newView() *view { return &view{seen: map[string]int64{}} }

func (v *view) take(topic string, payload []byte, retain bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	text, _, _ := strings.Cut(string(payload), " ")
	seq, err := strconv.ParseInt(text, 10, 64)
	last, known := v.seen[topic]
	switch {
	case err != nil:
		v.faults = append(v.faults, fmt.Sprintf("%s: payload %.20q", topic, payload))
	case known && seq < last:
		v.faults = append(v.faults, fmt.Sprintf("%s: %d after %d", topic, seq, last))
	case !known && retain:
		v.snapshots++
	}
	v.seen[topic] = seq
	v.messages++
}

// has says whether the client has every topic, and the last message of each if so asked.
func (v *view) has(m *market5000, latest bool) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.seen) < len(m.states)+len(m.finals) {
		return false
	}
	if !latest {
		return true
	}
	for topic, seq := range v.seen {
		if last, _ := m.last.Load(topic); last.(int64) != seq {
			return false
		}
	}
	return true
}

func (v *view) check(t *testing.T, name string, m *market5000) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, f := range v.faults {
		if i == 5 {
			break
		}
		t.Errorf("%s: %s", name, f)
	}
	if all := len(m.states) + len(m.finals); v.snapshots != all {
		t.Errorf("%s: %d of %d topics began with their retained value", name, v.snapshots, all)
	}
	t.Logf("%s: %d messages, %d topics, %d snapshots", name, v.messages, len(v.seen), v.snapshots)
}

// receiveBuffer is the clients' in the kernel. On loopback it grows to megabytes, which a library under the race detector takes seconds to read: so long
// would every acknowledgement take.
const receiveBuffer = 64 << 10

// The race test: clients of two libraries and both versions subscribe while 5,000 topics change.
func TestPahoClientsSubscribeWhile5000TopicsChange(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.QueueMessages = 1 << 16; c.WriteTimeout = 10 * minute })
	m := startMarket(t, b, 4000, 1000, 2, time.Millisecond)
	views := map[string]*view{}
	for _, qos := range []byte{0, 1} {
		for _, v := range []int{4, 5} {
			name := fmt.Sprintf("MQTT %d QoS %d", v, qos)
			views[name] = newView()
			if v == 5 {
				subscribePaho5(t, b, fmt.Sprint("five", qos), qos, views[name])
			} else {
				subscribePaho3(t, b, fmt.Sprint("three", qos), qos, views[name])
			}
		}
	}
	for name, v := range views {
		waitFor(t, name+" to have every topic", func() bool { return v.has(m, false) })
	}
	some := m.published.Load()
	waitFor(t, "live updates", func() bool { return m.published.Load() > some+5000 })
	m.halt()
	for name, v := range views {
		waitFor(t, name+" to have the last message of every topic", func() bool { return v.has(m, true) })
		v.check(t, name, m)
	}
}

func subscribePaho5(t *testing.T, b *Broker, id string, qos byte, v *view) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	raw := dialRaw(t, b.Addrs().TCP, receiveBuffer)
	receiveMaximum := uint16(200)
	c := paho.NewClient(paho.ClientConfig{Conn: raw.Conn, OnPublishReceived: []func(paho.PublishReceived) (bool, error){
		func(pr paho.PublishReceived) (bool, error) {
			v.take(pr.Packet.Topic, pr.Packet.Payload, pr.Packet.Retain)
			return true, nil
		}}})
	if _, err := c.Connect(ctx, &paho.Connect{ClientID: id, CleanStart: true, KeepAlive: 30, Properties: &paho.ConnectProperties{ReceiveMaximum: &receiveMaximum}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Disconnect(&paho.Disconnect{}) })
	if _, err := c.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "candle/#", QoS: qos}}}); err != nil {
		t.Fatal(err)
	}
}

func subscribePaho3(t *testing.T, b *Broker, id string, qos byte, v *view) {
	t.Helper()
	o := paho3.NewClientOptions().SetClientID(id).SetProtocolVersion(4).SetCleanSession(true).SetAutoReconnect(false).SetOrderMatters(true)
	o.Servers = []*url.URL{{Scheme: "tcp", Host: b.Addrs().TCP}}
	o.SetCustomOpenConnectionFn(func(*url.URL, paho3.ClientOptions) (net.Conn, error) {
		return dialRaw(t, b.Addrs().TCP, receiveBuffer).Conn, nil
	})
	c := paho3.NewClient(o)
	for _, token := range []func() paho3.Token{c.Connect, func() paho3.Token {
		return c.Subscribe("candle/#", qos, func(_ paho3.Client, m paho3.Message) { v.take(m.Topic(), m.Payload(), m.Retained()) })
	}} {
		if tk := token(); !tk.WaitTimeout(patience) || tk.Error() != nil {
			t.Fatal(tk.Error())
		}
	}
	t.Cleanup(func() { c.Disconnect(0) })
}

// A reader of about 2 MB/s subscribes to 20,000 topics of which some keep changing.
func TestSnapshotOf20000TopicsIsCompleteOnASlowLink(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.WriteTimeout = 10 * minute; c.QueueMessages = 1 << 16 })
	m := startMarket(t, b, 18000, 2000, 2, 4*time.Millisecond)
	v := newView()
	c := dial(t, b.Addrs().TCP, dialing{id: "slow", readBuffer: 32 << 10, receiveMaximum: 50})
	c.startSubscribe(filter("candle/#", 1))
	halted := false
	for n := 0; !halted || !v.has(m, true); n++ {
		pk, err := c.next(patience)
		if err != nil {
			t.Fatal(err)
		}
		if pk.FixedHeader.Type != packets.Publish {
			continue
		}
		v.take(pk.TopicName, pk.Payload, pk.FixedHeader.Retain)
		if pk.FixedHeader.Qos > 0 {
			c.puback(pk.PacketID)
		}
		if n%30 == 0 {
			time.Sleep(time.Millisecond) // the link
		}
		if !halted && v.has(m, false) {
			m.halt()
			halted = true
		}
	}
	v.check(t, "slow", m)
}

// connectionMemory is what waits for a client, in bytes: its queues, its sets of topics, and mochi's answers.
func connectionMemory(b *Broker, id string) int {
	b.sessions.mu.Lock()
	s := b.sessions.byID[id]
	b.sessions.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	const placed, queued = int(unsafe.Sizeof(place{})), int(unsafe.Sizeof(delivery{}))
	n := queued * (len(s.finals.waiting.buf) + len(s.finals.inflight.buf) + len(s.events.buf))
	for _, d := range []*dirtySet{&s.state, &s.snapshot} {
		n += placed*len(d.line.buf) + 8*(len(d.in)+len(d.retain))
	}
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return n + cap(s.conn.control)
}

// A client that stops reading costs no memory and holds up nobody; when it reads again it gets the latest of every topic.
func TestPausedClientConvergesAndOthersDoNotNotice(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.WriteTimeout = 10 * minute })
	const topics, updates = 1000, 100_000
	name := func(i int) string { return fmt.Sprint("candle/1m/S", i) }
	slow := dial(t, b.Addrs().TCP, dialing{id: "slow", readBuffer: 32 << 10})
	slow.subscribe(filter("candle/#", 0))
	fast := dial(t, b.Addrs().TCP, dialing{id: "fast", v: 4})
	fast.subscribe(filter("candle/#", 0))
	var fastSeq atomic.Int64
	go func() {
		for {
			pk, err := fast.next(patience)
			if err != nil {
				return
			}
			if pk.FixedHeader.Type == packets.Publish {
				seq, _ := strconv.ParseInt(strings.Fields(string(pk.Payload))[0], 10, 64)
				fastSeq.Store(max(fastSeq.Load(), seq))
			}
		}
	}()
	var published []weak.Pointer[frame]
	for i := range int64(updates) {
		topic := name(int(i % topics))
		put(t, b, topic, ver(1, 0, i), fmt.Sprintf("%08d %0150d", i, 0))
		published = append(published, weak.Make(b.hub.index.topic(topic, catalog.State).current.Load()))
		if i%100 == 0 {
			waitFor(t, "the other client to follow", func() bool { return fastSeq.Load() >= i-topics })
		}
	}
	runtime.GC()
	kept := 0
	for _, f := range published {
		if f.Value() != nil {
			kept++
		}
	}
	if kept > topics+10 { // each topic's slot holds one; a session remembers the one that marked it last
		t.Errorf("%d of %d messages are still in memory, there are %d topics", kept, updates, topics)
	}
	if held := connectionMemory(b, "slow"); held > 64<<10 {
		t.Errorf("the paused connection holds %d bytes", held)
	}
	if s := b.Stats(); s.Conflated == 0 || s.Dropped != 0 {
		t.Errorf("conflated %d, dropped %d", s.Conflated, s.Dropped)
	}
	last := map[string]int64{}
	for latest := 0; latest < topics; { // fails by its patience if a topic stays behind
		m := slow.message()
		seq, _ := strconv.ParseInt(strings.Fields(string(m.Payload))[0], 10, 64)
		if before, known := last[m.TopicName]; known && seq <= before {
			t.Fatalf("%s: %d after %d", m.TopicName, seq, before)
		}
		last[m.TopicName] = seq
		if seq >= updates-topics {
			latest++
		}
	}
}

// A client that loses its connection, or connects over it, in the middle of what it was promised at QoS 1 gets the rest in its session, each value once.
func TestSnapshotGoesOnInAResumedSession(t *testing.T) {
	t.Parallel()
	const topics, window = 50, 5
	for _, takeover := range []bool{false, true} {
		b := startBroker(t, nil)
		name := func(i int) string { return fmt.Sprintf("candle/1M/S%02d/closed", i) }
		for i := range topics {
			put(t, b, name(i), ver(1, 1000, 1), "old")
		}
		d := dialing{id: "c", resume: true, expiry: 600, receiveMaximum: window}
		c := dial(t, b.Addrs().TCP, d)
		c.subscribe(filter("candle/+/+/closed", 1))
		got := map[string]string{}
		take := func(pk packets.Packet) {
			was, had := got[pk.TopicName]
			if had && !pk.FixedHeader.Dup && was == string(pk.Payload) {
				t.Errorf("%s twice", pk.TopicName)
			}
			got[pk.TopicName] = string(pk.Payload)
			if !pk.FixedHeader.Retain && !had || pk.FixedHeader.Qos != 1 {
				t.Errorf("%s: RETAIN %v, QoS %d", pk.TopicName, pk.FixedHeader.Retain, pk.FixedHeader.Qos)
			}
		}
		for range window {
			take(c.until(packets.Publish)) // unacknowledged
		}
		for i := range 3 { // three times: what is left is kept each time
			if !takeover {
				_ = c.Conn.Close()
				waitFor(t, "the end of the connection", func() bool { return offline(b, "c") != nil })
			}
			if i == 1 {
				put(t, b, name(topics-1), ver(1, 2000, 2), "new")
				if s := offline(b, "c"); s != nil && (s.snapshot.len() > 0 || s.snapshot.line.buf != nil) {
					t.Error("a session without a connection holds a line of topics")
				}
			}
			c = dial(t, b.Addrs().TCP, d)
			if !c.ack.SessionPresent {
				t.Fatal("no session")
			}
			for range window {
				m := c.message()
				take(m)
			}
		}
		for len(got) < topics {
			take(c.message())
		}
		c.silent()
		if got[name(topics-1)] != "new" {
			t.Errorf("of the topic that changed: %s", got[name(topics-1)])
		}
	}
}
