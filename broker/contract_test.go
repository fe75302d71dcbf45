package broker

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// The tests of this file hold faults of stock mochi away from the product; each was reproduced on mochi itself. They must stand before another version of
// mochi is used.

// neverReads connects a client that subscribes to everything at QoS 1 and reads nothing after its SUBACK, and fills its socket.
func neverReads(t *testing.T, b *Broker, id string) *client {
	t.Helper()
	c := dial(t, b.Addrs().TCP, dialing{id: id, readBuffer: 4096})
	c.subscribe(filter("candle/#", 1), filter("status/#", 1))
	return c
}

func TestStalledQoS1SubscriberHoldsUpNobody(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.WriteTimeout = 10 * minute; c.QueueMessages = 1 << 20 }) // whatever waits for the stalled client waits long
	neverReads(t, b, "stalled")
	fast := dial(t, b.Addrs().TCP, dialing{id: "fast", receiveMaximum: 64})
	fast.subscribe(filter("status/#", 1))

	const n = 3000
	payload := strings.Repeat("x", 4096)
	var slowest time.Duration
	for i := range int64(n) {
		start := time.Now()
		put(t, b, fmt.Sprint("candle/1m/S", i%1000), ver(1, 0, i), payload) // fills the socket: no window there
		put(t, b, "status/binance/source", ver(1, 0, i), payload)
		slowest = max(slowest, time.Since(start))
	}
	for i := range n {
		if m := fast.message(); m.TopicName != "status/binance/source" {
			t.Fatalf("message %d is %s", i, m.TopicName)
		}
	}
	if slowest > patience {
		t.Errorf("a publish took %v", slowest)
	}

	dial(t, b.Addrs().TCP, dialing{id: "stalled", v: 4}) // takeover: fails by its patience
	neverReads(t, b, "stalled")
	for i := range int64(n) {
		put(t, b, fmt.Sprint("candle/1m/S", i%1000), ver(2, 0, i), payload)
	}
	cl, _ := b.mqtt.Clients.Get("stalled")
	start := time.Now()
	_ = b.mqtt.DisconnectClient(cl, packets.ErrAdministrativeAction) // kick
	if took := time.Since(start); took > patience {
		t.Errorf("kick of a stalled client took %v", took)
	}
}

func TestReceiveMaximumIsKeptAndEverythingArrivesInOrder(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	const limit, n = 5, 40
	c := dial(t, b.Addrs().TCP, dialing{id: "rm", receiveMaximum: limit})
	c.subscribe(filter("status/+/feed", 1))
	for i := range int64(n) {
		put(t, b, "status/BTCUSDT/feed", ver(1, 0, i), fmt.Sprint(i))
	}
	var open []uint16
	for i := range n {
		if len(open) == limit { // nothing more may come now
			c.silent()
			for _, id := range open {
				c.puback(id)
			}
			open = open[:0]
		}
		m := c.until(packets.Publish)
		if string(m.Payload) != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, m.Payload)
		}
		open = append(open, m.PacketID)
	}
}

func TestManyClientsWithReceiveMaximumDoNotDeadlock(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	const clients, n = 20, 600
	done := make(chan error, clients)
	for i := range clients {
		c := dial(t, b.Addrs().TCP, dialing{id: fmt.Sprint("rm", i), receiveMaximum: 400})
		c.subscribe(filter("status/#", 1))
		go func() {
			for k := range n {
				m, err := c.next(patience)
				if err != nil {
					done <- err
					return
				}
				if string(m.Payload) != fmt.Sprint(k) {
					done <- fmt.Errorf("message %d is %s", k, m.Payload)
					return
				}
				if _, err := c.Conn.Write([]byte{0x40, 2, byte(m.PacketID >> 8), byte(m.PacketID)}); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for i := range int64(n) {
		put(t, b, "status/BTCUSDT/feed", ver(1, 0, i), fmt.Sprint(i))
	}
	for range clients {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func TestTruncatedSubscribeEndsItsConnectionOnly(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	for _, v := range []byte{4, 5} {
		evil := dial(t, b.Addrs().TCP, dialing{id: "evil", v: v})
		evil.subscribe(filter("status/#", 1))
		evil.write([]byte{0x82, 6, 0, 1, 0, 0, 1, 'a'}) // its last byte, the options, is missing: mochi's decoder panics
		if code := evil.closed(); v == 5 && code != packets.ErrMalformedPacket.Code || v == 4 && code != 0 {
			t.Errorf("MQTT %d: DISCONNECT %#x", v, code)
		}
		waitFor(t, "the session to be gone", func() bool { s := b.Stats(); return s.Sessions == 0 && s.Subscriptions == 0 && s.Connections == 0 })
		if _, ok := b.mqtt.Clients.Get("evil"); ok {
			t.Error("mochi still lists the client")
		}
	}
	if s := b.Stats(); s.Panics != 0 || s.Disconnects["invalid packet: field beyond the packet's end"] != 2 {
		t.Errorf("%d panics, disconnects %v", s.Panics, s.Disconnects)
	}
	good := dial(t, b.Addrs().TCP, dialing{id: "evil"})
	put(t, b, "status/BTCUSDT/feed", ver(1, 0, 1), "up")
	good.subscribe(filter("status/#", 1))
	good.message()
}

func TestPanicEndsItsConnectionOnly(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	evil := dial(t, b.Addrs().TCP, dialing{id: "evil", resume: true, expiry: 600})
	evil.subscribe(filter("status/#", 1))
	evil.publish(panickingTopic, "", 1)
	evil.closed()
	waitFor(t, "the session to be gone", func() bool { s := b.Stats(); return s.Sessions == 0 && s.Subscriptions == 0 && s.Panics == 1 })
	if _, ok := b.mqtt.Clients.Get("evil"); ok {
		t.Error("mochi still lists the client")
	}
	dial(t, b.Addrs().TCP, dialing{id: "evil"}).ping()
}

// The same where the hub takes the message itself, without mochi.
func TestPanicOnTheFastWayEndsItsConnectionOnly(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.Publishers = []Publisher{{User: "feed", Password: "feed"}} })
	evil := dial(t, b.Addrs().TCP, dialing{id: "feed", user: "feed", password: "feed"})
	evil.publish(panickingTopic, "x", 0)
	evil.closed()
	dial(t, b.Addrs().TCP, dialing{id: "feed", user: "feed", password: "feed"}).ping()
	if n := b.Stats().Panics; n != 1 {
		t.Errorf("%d panics counted, want 1", n)
	}
}

// Not parallel: what mochi allocates before CONNECT shows in the heap of the process only, and this way no other test runs meanwhile.
func TestConnectionWithoutConnectIsCheap(t *testing.T) {
	b := startBroker(t, func(c *Config) { c.ConnectTimeout = minute })
	const n = 100
	before := heap()
	for range n {
		dialRaw(t, b.Addrs().TCP, 0)
	}
	waitFor(t, "all to be accepted", func() bool { return b.Stats().Connections == n })
	if each := int64(heap()-before) / n; each > 48<<10 { // the test's own side takes 4 KiB of it
		t.Errorf("%d bytes for each connection before CONNECT", each)
	}
}

func TestConnectionWithoutConnectIsShort(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) { c.ConnectTimeout = seconds(1) })
	const n = 10
	for range n {
		defer dialRaw(t, b.Addrs().TCP, 0).closed()
	}
	waitFor(t, "all to be counted", func() bool { return b.Stats().Disconnects["no CONNECT in time"] == n })
}

func TestHugeLengthBeforeConnectAllocatesNothing(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	c := dialRaw(t, b.Addrs().TCP, 0)
	c.write([]byte{0x10, 0xff, 0xff, 0xff, 0x7f}) // 256 MiB to come
	c.closed()
	waitFor(t, "the count", func() bool { return b.Stats().Disconnects["invalid packet: packet too large"] == 1 })
}

func TestDeepFilterIsRefusedAndStallsNothing(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	c := dial(t, b.Addrs().TCP, dialing{id: "deep"})
	codes := c.subscribe(filter(strings.Repeat("a/", 30000)+"a", 0))
	if codes[0] != packets.ErrTopicFilterInvalid.Code {
		t.Errorf("granted %#x", codes[0])
	}
	if n := atomic.LoadInt64(&b.mqtt.Info.Subscriptions); n != 0 { // in its index it would cost the square of its depth, under the lock of all
		t.Errorf("mochi has %d subscriptions", n)
	}
}

func TestWillIsNeverPublished(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	watcher := dial(t, b.Addrs().TCP, dialing{id: "watcher"})
	watcher.subscribe(filter("candle/#", 1))
	for _, v := range []byte{4, 5} {
		c := dial(t, b.Addrs().TCP, dialing{id: fmt.Sprint("w", v), v: v, will: "candle/1m/BTCUSDT"})
		_ = c.Close()
	}
	waitFor(t, "the connections to end", func() bool { return b.Stats().Connections == 1 })
	watcher.silent()
	if n := b.mqtt.Topics.Retained.Len(); n > 0 {
		for topic := range b.mqtt.Topics.Retained.GetAll() {
			if !strings.HasPrefix(topic, "$SYS") {
				t.Errorf("mochi retains %s", topic)
			}
		}
	}
}

func TestMochiWritesWholePackets(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	var burst bytes.Buffer
	for range 500 { // answers are written while earlier ones wait
		burst.Write([]byte{packets.Pingreq << 4, 0})
	}
	c.write(burst.Bytes())
	for range 500 {
		c.until(packets.Pingresp)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

func TestMarketMessagesHaveNeitherTopicAliasNorExpiry(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	c := dialAliases(t, b, "c", 10)
	c.subscribe(filter("candle/#", 1))
	for i := range int64(3) {
		put(t, b, "candle/1m/A/closed", ver(1, i, i), "x")
		if m := c.message(); m.TopicName != "candle/1m/A/closed" || m.Properties.TopicAliasFlag || m.Properties.MessageExpiryInterval != 0 {
			t.Errorf("topic %q, %+v", m.TopicName, m.Properties)
		}
	}
}

func TestRetainedMessagesOfTheGeneralRealmChangeWhileManySubscribe(t *testing.T) {
	t.Parallel()
	b := startGeneral(t, nil)
	stop := make(chan struct{})
	var publishers sync.WaitGroup
	for i := range 2 {
		in := dial(t, b.Addrs().TCP, dialing{id: fmt.Sprint("in", i)})
		publishers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				payload := "x"
				if n%3 == 0 {
					payload = "" // takes it away
				}
				in.say(fmt.Sprint("kept/", n%20), payload, 1, true)
			}
		})
	}
	for i := range 20 {
		c := dial(t, b.Addrs().TCP, dialing{id: fmt.Sprint("out", i)})
		for range 20 {
			c.subscribe(filter("kept/+", 0), filter("#", 0)) // -race finds what mochi reads and writes at once
		}
		_ = c.Close()
	}
	close(stop)
	publishers.Wait()
}
