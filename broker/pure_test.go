package broker

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/market"
)

func FuzzFrameDecodesToWhatWasEncoded(f *testing.F) {
	f.Add("candle/1m/BTCUSDT", []byte(`{"sv":1}`), true, true, true, uint16(7), uint32(1), uint32(268435455))
	f.Add("s", []byte{}, false, true, false, uint16(0), uint32(0), uint32(0))
	f.Add("t", bytes.Repeat([]byte("x"), 20000), true, false, true, uint16(65535), uint32(127), uint32(128))
	f.Fuzz(func(t *testing.T, topic string, payload []byte, v5, retain, dup bool, id uint16, sub1, sub2 uint32) {
		if topic == "" || len(topic) > 65535 || strings.ContainsAny(topic, "+#\x00") || strings.ToValidUTF8(topic, "") != topic {
			t.Skip()
		}
		s := sending{v5: v5, retain: retain, dup: dup && id != 0, packetID: id}
		for _, sub := range []uint32{sub1, sub2} {
			if n := int(sub & 0xfffffff); n > 0 && v5 {
				s.subIDs = append(s.subIDs, n)
			}
		}
		fr := newFrame(topic, payload)
		plain := bytes.Clone(fr.v5.bytes)
		b := fr.appendTo([]byte("before"), &s)
		if string(b[:6]) != "before" || !bytes.Equal(plain, fr.v5.bytes) {
			t.Fatal("the frame or what stood before it was changed")
		}
		if len(b)-6 != fr.size(&s) {
			t.Errorf("size %d, but %d bytes", fr.size(&s), len(b)-6)
		}
		version := byte(4)
		if v5 {
			version = 5
		}
		br := bufio.NewReader(bytes.NewReader(b[6:]))
		pk, err := readPacket(br, version)
		if err != nil || br.Buffered() != 0 {
			t.Fatalf("decode: %v, %d bytes left", err, br.Buffered())
		}
		h := pk.FixedHeader
		qos := byte(0)
		if id != 0 {
			qos = 1
		}
		if h.Type != packets.Publish || h.Retain != retain || h.Dup != s.dup || h.Qos != qos || pk.PacketID != id || pk.TopicName != topic ||
			!bytes.Equal(pk.Payload, payload) || !slices.Equal(pk.Properties.SubscriptionIdentifier, s.subIDs) {
			t.Errorf("%+v became %+v", s, pk)
		}
		if want := v5 && len(payload) > 0; (pk.Properties.ContentType == "application/json") != want {
			t.Errorf("content type %q", pk.Properties.ContentType)
		}
	})
}

// matchesLevels is the rule as the specification has it, level by level [MQTT 5, 4.7].
func matchesLevels(filter, topic []string) bool {
	switch {
	case len(filter) == 1 && filter[0] == "#":
		return true // also the parent itself: no level is left
	case len(filter) == 0 || len(topic) == 0:
		return len(filter) == len(topic)
	}
	return (filter[0] == "+" || filter[0] == topic[0]) && matchesLevels(filter[1:], topic[1:])
}

func FuzzMatches(f *testing.F) {
	for _, s := range [][2]string{{"a/+/b", "a/b/b"}, {"a/#", "a"}, {"a/#", "a/b/c"}, {"a/+", "a/"}, {"a//b", "a//b"}, {"+", "/"}, {"/+", "/"}, {"+/+/#", "a//"}} {
		f.Add(s[0], s[1])
	}
	limits := filterLimits{levels: 100, bytes: 200}
	f.Fuzz(func(t *testing.T, filter, topic string) {
		code := limits.check(filter)
		wide := code == packets.ErrWildcardSubscriptionsNotSupported
		if code != packets.CodeSuccess && !wide || topic == "" || strings.ContainsAny(topic, "+#") || topic[0] == '$' {
			t.Skip()
		}
		if got, want := matches(filter, topic), matchesLevels(strings.Split(filter, "/"), strings.Split(topic, "/")); got != want {
			t.Errorf("matches(%q, %q) = %v", filter, topic, got)
		}
	})
}

func TestMatchesOnRandomFilters(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(from []string) []string {
		levels := make([]string, 1+r.IntN(4))
		for i := range levels {
			levels[i] = from[r.IntN(len(from))]
		}
		return levels
	}
	hits := 0
	for range 50000 {
		filter, topic := pick([]string{"a", "b", "+", "+", ""}), pick([]string{"a", "b", ""})
		if r.IntN(2) == 0 {
			filter = append(filter, "#")
		}
		want := matchesLevels(filter, topic)
		if got := matches(strings.Join(filter, "/"), strings.Join(topic, "/")); got != want {
			t.Fatalf("matches(%q, %q) = %v", filter, topic, got)
		}
		if want {
			hits++
		}
	}
	if hits < 1000 {
		t.Errorf("only %d matches: the test says little", hits)
	}
	for filter, want := range map[string]bool{"#": false, "+/bridge": false, "$tickcast/#": true} {
		if matches(filter, catalog.BridgeTopic) != want {
			t.Errorf("matches(%q, %q) = %v", filter, catalog.BridgeTopic, !want)
		}
	}
}

// The rule against a plain model that forgets nothing, where every version of a t comes from a later record than the one before.
func TestVersionRuleOfFinalsAgainstAModel(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	var rule versions
	var history []market.Version
	held := map[int64]market.Version{}
	greatest := int64(-1)
	var seq, open int64
	check := func(v market.Version) {
		old, known := held[v.T]
		want := refused
		if !known || old.Less(v) {
			want = forwarded
			held[v.T] = v
			if v.T >= greatest {
				want, greatest = retained, v.T
			}
		}
		if got := rule.offer(catalog.Final, v, false); got != want {
			t.Fatalf("%v: %d, want %d (held %v, greatest t %d)", v, got, want, old, greatest)
		}
		if len(rule.seen) > rememberedT {
			t.Fatalf("%d remembered", len(rule.seen))
		}
	}
	for range 20000 {
		seq += 1 + r.Int64N(3)
		switch k := r.IntN(10); {
		case k < 6 || len(history) == 0: // the next candle
			open++
			v := ver(1, open, seq)
			history = append(history, v)
			check(v)
		case k < 8: // a late revision, also of what is forgotten
			v := ver(1, max(1, open-r.Int64N(400)), seq)
			history = append(history, v)
			check(v)
		default: // a repetition after a crash
			from := max(0, len(history)-300)
			check(history[from+r.IntN(len(history)-from)])
		}
	}
}

func TestVersionRuleCases(t *testing.T) {
	t.Parallel()
	type step struct {
		v     market.Version
		clear bool
		want  verdict
	}
	for _, tt := range []struct {
		what  string
		class catalog.Class
		steps []step
	}{
		{"state: epoch, then t, then seq", catalog.State, []step{{ver(1, 5, 5), false, retained}, {ver(1, 5, 5), false, refused}, {ver(1, 4, 9), false, refused},
			{ver(1, 6, 1), false, retained}, {ver(2, 0, 0), false, retained}, {ver(1, 9, 9), false, refused}}},
		{"status: final with t 0", catalog.Final, []step{{ver(100, 0, 1), false, retained}, {ver(100, 0, 2), false, retained}, {ver(99, 0, 3), false, refused}}},
		{"closed: retained is the greatest t whatever its epoch", catalog.Final, []step{{ver(1, 5, 1), false, retained}, {ver(2, 4, 1), false, forwarded},
			{ver(1, 4, 9), false, refused}, {ver(1, 6, 2), false, retained}, {ver(2, 6, 0), false, retained}}},
		{"closed: what is older than the first came before this edge, a revision did not", catalog.Final, []step{{ver(1, 5, 9), false, retained},
			{ver(1, 3, 7), false, refused}, {ver(1, 4, 9), false, refused}, {ver(1, 3, 10), false, forwarded}, {ver(1, 6, 11), false, retained}, {ver(1, 2, 8), false, refused}}},
		{"cleared without t: the old stays away, the new comes", catalog.State, []step{{ver(1, 5, 5), false, retained}, {ver(1, 0, 4), true, refused},
			{ver(1, 0, 6), true, retained}, {ver(1, 5, 5), false, refused}, {ver(1, 6, 7), false, retained}}},
		{"closed, cleared", catalog.Final, []step{{ver(1, 5, 5), false, retained}, {ver(1, 0, 6), true, retained}, {ver(1, 5, 5), false, refused},
			{ver(1, 4, 7), false, forwarded}, {ver(1, 6, 8), false, retained}}},
		{"zero version first", catalog.State, []step{{ver(0, 0, 0), false, retained}, {ver(0, 0, 0), false, refused}}},
	} {
		var rule versions
		for i, s := range tt.steps {
			if got := rule.offer(tt.class, s.v, s.clear); got != s.want {
				t.Errorf("%s, step %d: %d, want %d", tt.what, i, got, s.want)
			}
		}
	}
}

// Random pushes, acknowledgements and reconnects: each message arrives, first copies in order, never more than the window outstanding.
func TestSendQueueAgainstAModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 9))
		q := sendQueue{limit: 1 << 20, lastID: 65500} // ids wrap
		q.resume(1 + r.IntN(8))
		frames := map[*frame]int{}
		pushed, firsts := 0, 0
		var outstanding []uint16
		ids := map[int]uint16{}
		var unacked []int // numbers, oldest first
		resent := 0
		for range 2000 {
			switch r.IntN(5) {
			case 0, 1:
				f := &frame{topic: fmt.Sprint(pushed)}
				frames[f] = pushed
				pushed++
				q.push(delivery{f: f, qos: 1})
			case 2:
				f, dup, ok := q.next()
				if !ok {
					if len(outstanding) < q.window && (resent < len(unacked) || firsts < pushed) {
						t.Fatalf("seed %d: nothing sent with %d outstanding of %d", seed, len(outstanding), q.window)
					}
					continue
				}
				n := frames[f.f]
				if dup {
					if unacked[resent] != n || ids[n] != f.id {
						t.Fatalf("seed %d: message %d sent again as id %d, want %d as %d", seed, n, f.id, unacked[resent], ids[unacked[resent]])
					}
				} else {
					if n != firsts || f.id == 0 || slices.Contains(outstanding, f.id) {
						t.Fatalf("seed %d: message %d with id %d, want %d", seed, n, f.id, firsts)
					}
					firsts++
					ids[n] = f.id
					unacked = append(unacked, n)
				}
				resent++
				outstanding = append(outstanding, f.id)
				if len(outstanding) > q.window {
					t.Fatalf("seed %d: %d outstanding, window %d", seed, len(outstanding), q.window)
				}
			case 3:
				if len(outstanding) > 0 {
					i := r.IntN(len(outstanding))
					if !q.ack(outstanding[i]) || q.ack(outstanding[i]) {
						t.Fatalf("seed %d: acknowledged not once", seed)
					}
					outstanding = slices.Delete(outstanding, i, i+1)
					unacked = slices.Delete(unacked, i, i+1)
					resent--
				}
			case 4:
				if r.IntN(20) == 0 {
					q.resume(1 + r.IntN(8))
					outstanding, resent = nil, 0
				}
			}
		}
	}
}

func TestConfigErrorsNameTheKey(t *testing.T) {
	t.Parallel()
	for key, change := range map[string]func(*Config){
		"tcp":               func(c *Config) { c.TCP = "1883" },
		"tcp, websocket":    func(c *Config) { c.TCP, c.WebSocket = "", "" },
		"websocket_path":    func(c *Config) { c.WebSocketPath = "mqtt" },
		"await_publisher":   func(c *Config) { c.AwaitPublisher = true },
		"publishers[0]":     func(c *Config) { c.Publishers = []Publisher{{User: "x"}} },
		"queue_messages":    func(c *Config) { c.QueueMessages = 0 },
		"inflight_window":   func(c *Config) { c.InflightWindow = 5000 },
		"max_packet":        func(c *Config) { c.MaxPacket = 1 },
		"connect_timeout":   func(c *Config) { c.ConnectTimeout = 0 },
		"max_keepalive":     func(c *Config) { c.MaxKeepalive = 1000 * minute },
		"write_batch_bytes": func(c *Config) { c.BatchBytes = 0 },
	} {
		c := DefaultConfig()
		change(&c)
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
	if c := DefaultConfig(); c.Validate() != nil {
		t.Error("the default configuration is refused")
	}
}
