package broker

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// wanderer is a client that is held to what a subscription promises, while topics appear.
type wanderer struct {
	name    string
	d       dialing
	c       *client
	lasting bool // the session is never left: no closed candle may be missing

	answered chan byte     // types of SUBACK, UNSUBACK and PINGRESP
	over     chan struct{} // the connection is

	mu         sync.Mutex
	subscribed bool
	last       map[string]int64 // by topic
	live       map[string]bool  // topics that have had a message without the RETAIN bit since the SUBACK
	faults     []string
}

func (f *wanderer) connect(t *testing.T, b *Broker) {
	t.Helper()
	before := f.c
	c := dial(t, b.Addrs().TCP, f.d)
	if before != nil { // taken over, or lost: what had been sent on it comes first
		<-f.over
		if !c.ack.SessionPresent {
			t.Errorf("%s: the session is gone", f.name)
		}
	}
	f.c, f.over = c, make(chan struct{})
	go f.follow(c, f.over)
}

func (f *wanderer) follow(c *client, over chan struct{}) {
	defer close(over)
	for {
		pk, err := c.next(patience)
		if err != nil {
			return
		}
		switch pk.FixedHeader.Type {
		case packets.Suback:
			f.mu.Lock()
			f.subscribed, f.live = true, map[string]bool{}
			f.mu.Unlock()
			f.answered <- packets.Suback
		case packets.Unsuback:
			f.answered <- packets.Unsuback
		case packets.Pingresp:
			f.mu.Lock()
			f.subscribed = false
			f.mu.Unlock()
			f.answered <- packets.Pingresp
		case packets.Publish:
			f.take(&pk)
			if pk.FixedHeader.Qos > 0 {
				_, _ = c.Conn.Write([]byte{packets.Puback << 4, 2, byte(pk.PacketID >> 8), byte(pk.PacketID)}) // it may be over
			}
		}
	}
}

func (f *wanderer) take(pk *packets.Packet) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var seq int64
	_, err := fmt.Sscan(string(pk.Payload), &seq)
	topic, h := pk.TopicName, pk.FixedHeader
	last, known := f.last[topic]
	fault := ""
	switch final := strings.HasSuffix(topic, "/closed"); {
	case err != nil:
		fault = "is no number"
	case !f.subscribed && !final: // closed candles that were queued before may still come [3.10.4]
		fault = "comes long after UNSUBACK"
	case h.Retain && !final && f.live[topic]:
		fault = "is a snapshot behind live messages"
	case h.Dup && seq <= last: // the acknowledgement was lost with its connection
		return
	case seq < last:
		fault = "is a step back"
	case final && f.lasting && known && seq != last+1:
		fault = "is not the next closed candle"
	case final && f.lasting && !known && !h.Retain && seq != 1:
		fault = "is not the first"
	}
	if fault != "" {
		f.faults = append(f.faults, fmt.Sprintf("%s: %d after %d %s (RETAIN %v, DUP %v)", topic, seq, last, fault, h.Retain, h.Dup))
	}
	if f.last[topic] = seq; !h.Retain {
		f.live[topic] = true
	}
}

func (f *wanderer) expect(t *testing.T, kind byte) {
	t.Helper()
	select {
	case got := <-f.answered:
		if got != kind {
			t.Fatalf("%s: packet of type %d, want %d", f.name, got, kind)
		}
	case <-f.over:
		t.Fatalf("%s: the connection was ended", f.name)
	case <-time.After(patience):
		t.Fatalf("%s: no answer", f.name)
	}
}

func (f *wanderer) subscribe(t *testing.T) {
	t.Helper()
	f.c.startSubscribe(filter("candle/#", 1))
	f.expect(t, packets.Suback)
}

func (f *wanderer) unsubscribe(t *testing.T) {
	t.Helper()
	f.c.send((*packets.Packet).UnsubscribeEncode, packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Unsubscribe, Qos: 1}, PacketID: 8,
		Filters: packets.Subscriptions{{Filter: "candle/#"}}})
	f.expect(t, packets.Unsuback)
	_, _ = f.c.Conn.Write([]byte{packets.Pingreq << 4, 0}) // what was about to be written may come with UNSUBACK, but not with what is answered later
	f.expect(t, packets.Pingresp)
}

// missing counts the topics whose newest message the client does not have.
func (f *wanderer) missing(newest map[string]int64) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for topic, seq := range newest {
		if f.last[topic] != seq {
			n++
		}
	}
	return n
}

// publishGrowing publishes until there are n topics: now a new one, now a message on one that is there. It returns the newest of each.
func publishGrowing(t *testing.T, b *Broker, publisher, n int) map[string]int64 {
	r := rand.New(rand.NewPCG(uint64(publisher), 1))
	newest := map[string]int64{}
	var topics []string
	for i := 0; len(topics) < n; i++ {
		topic := fmt.Sprintf("candle/1m/P%dS%04d", publisher, len(topics))
		switch {
		case i%3 != 0:
			topic = topics[r.IntN(len(topics))]
		case len(topics)%5 == 0:
			topic += "/closed"
		}
		if newest[topic] == 0 {
			topics = append(topics, topic)
		}
		newest[topic]++
		v := ver(1, 0, newest[topic])
		if strings.HasSuffix(topic, "/closed") {
			v = ver(1, newest[topic]*60000, 1)
		}
		put(t, b, topic, v, fmt.Sprint(newest[topic]))
		if i%16 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	return newest
}

// While thousands of topics appear, clients with a wildcard subscribe, again and again, unsubscribe, are taken over and come back: what a snapshot holds comes
// before what is live, nothing is older than what came before it, and in the end nothing is missing.
func TestTopicsAppearWhileClientsComeAndGo(t *testing.T) {
	t.Parallel()
	const publishers, topics, most = 2, 1500, 60
	b := startBroker(t, func(c *Config) {
		c.QueueMessages, c.WriteTimeout, c.RequestsPerSecond, c.InflightWindow = 1<<16, 10*minute, 0, 1024
	})
	var newest [publishers]map[string]int64
	var publishing, acting sync.WaitGroup
	stop := make(chan struct{})
	going := func() bool {
		select {
		case <-stop:
			return false
		case <-time.After(10 * time.Millisecond):
			return true
		}
	}
	clients := []*wanderer{
		{name: "stays", lasting: true}, {name: "stays, MQTT 3.1.1", d: dialing{v: 4}, lasting: true}, {name: "subscribes again and again"}, {name: "unsubscribes"},
		{name: "is taken over", d: dialing{resume: true, expiry: 600}, lasting: true}, {name: "loses its connection", d: dialing{resume: true, expiry: 600}, lasting: true},
		{name: "comes anew"},
	}
	rounds := make([]int, len(clients))
	act := map[string]func(*wanderer){
		"subscribes again and again": func(f *wanderer) { f.subscribe(t) },
		"unsubscribes":               func(f *wanderer) { f.unsubscribe(t); f.subscribe(t) },
		"is taken over":              func(f *wanderer) { f.connect(t, b) },
		"loses its connection":       func(f *wanderer) { _ = f.c.Close(); f.connect(t, b) },
		"comes anew": func(f *wanderer) {
			_ = f.c.Close()
			<-f.over
			f.c, f.d.id = nil, fmt.Sprint("anew", rounds[6]) // mochi, cleaning up, could take it for the one before
			f.connect(t, b)
			f.subscribe(t)
		},
	}
	for i, f := range clients {
		f.d.id, f.last, f.live, f.answered = fmt.Sprint("f", i), map[string]int64{}, map[string]bool{}, make(chan byte, 1)
		f.connect(t, b)
		f.subscribe(t)
	}
	for i, f := range clients {
		if do := act[f.name]; do != nil {
			acting.Go(func() {
				for ; rounds[i] < most && going(); rounds[i]++ {
					do(f)
				}
			})
		}
	}
	for p := range publishers {
		publishing.Go(func() { newest[p] = publishGrowing(t, b, p, topics) })
	}
	publishing.Wait()
	close(stop)
	acting.Wait()
	if t.Failed() {
		t.Fatalf("connections ended: %v", b.Stats().Disconnects)
	}
	for i, f := range clients {
		select {
		case <-f.over: // one that was taken over so often may have been forgotten, and closed to come again
			f.connect(t, b)
		default:
		}
		for p := range publishers {
			waitFor(t, f.name+" to have the newest of each topic", func() bool { return f.missing(newest[p]) == 0 })
		}
		f.mu.Lock()
		for _, fault := range f.faults[:min(len(f.faults), 5)] {
			t.Errorf("%s: %s", f.name, fault)
		}
		t.Logf("%s: %d times, %d faults", f.name, rounds[i], len(f.faults))
		f.mu.Unlock()
		if act[f.name] != nil && rounds[i] < 5 {
			t.Errorf("%s: only %d times", f.name, rounds[i])
		}
	}
}
