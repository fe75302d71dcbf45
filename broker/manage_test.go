package broker

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/broker/admin"
	"github.com/tickcast/tickcast/catalog"
)

func TestClientsArePagedInOrderAndFiltered(t *testing.T) {
	t.Parallel()
	b, a := startManaged(t, nil)
	for i := range 25 {
		c := dial(t, b.Addrs().TCP, dialing{id: fmt.Sprintf("c%02d", i), resume: i == 3, expiry: 600, keepalive: 30})
		c.subscribe(filter("candle/1m/A", 0), filter(fmt.Sprint("candle/1m/", i), 1))
		if i == 3 {
			_ = c.Close()
		}
	}
	waitFor(t, "one to leave", func() bool { return b.Stats().Connections == 24 })
	var ids []string
	for n := 1; n <= 3; n++ {
		var p page[admin.Client]
		a.get(fmt.Sprintf("/api/v1/clients?limit=10&page=%d", n), &p)
		if p.Meta.Count != 25 || p.Meta.HasNext != (n < 3) || p.Meta.Page != n {
			t.Errorf("page %d: %+v", n, p.Meta)
		}
		for _, c := range p.Data {
			ids = append(ids, c.ID)
		}
	}
	for i := range 25 {
		if i >= len(ids) || ids[i] != fmt.Sprintf("c%02d", i) {
			t.Fatalf("ids %v", ids)
		}
	}
	for query, want := range map[string]int{"conn_state=disconnected": 1, "conn_state=connected": 24, "like_clientid=c0": 10, "clientid=c07": 1, "clientid=c0": 0,
		"ip_address=127.0.0.1": 24, "ip_address=10.0.0.1": 0, "username=x": 0} {
		var p page[admin.Client]
		if a.get("/api/v1/clients?"+query, &p); p.Meta.Count != want || len(p.Data) != want {
			t.Errorf("%s: %d, want %d", query, p.Meta.Count, want)
		}
	}
	var c admin.Client
	a.get("/api/v1/clients/c04", &c)
	if !c.Connected || c.Address != "127.0.0.1" || c.Port == 0 || c.Transport != "mqtt" || c.Protocol != 5 || c.Keepalive != 30 || c.Subscriptions != 2 || c.ConnectedAt == nil {
		t.Errorf("%+v", c)
	}
	var s page[admin.Subscription]
	if a.get("/api/v1/subscriptions?limit=7&page=3", &s); s.Meta.Count != 50 || len(s.Data) != 7 || s.Data[0] != (admin.Subscription{ClientID: "c07", Filter: "candle/1m/7", QoS: 1}) {
		t.Errorf("%+v", s)
	}
	if a.get("/api/v1/subscriptions?topic=candle/1m/A&limit=3", &s); s.Meta.Count != 25 || len(s.Data) != 3 {
		t.Errorf("%+v", s)
	}
}

func TestKickEndsTheSessionToo(t *testing.T) {
	t.Parallel()
	b, a := startManaged(t, nil)
	here := dial(t, b.Addrs().TCP, dialing{id: "here", resume: true, expiry: 600})
	away := dial(t, b.Addrs().TCP, dialing{id: "away", resume: true, expiry: 600})
	away.subscribe(filter("status/#", 1))
	_ = away.Close()
	waitFor(t, "it to leave", func() bool { return b.Stats().Connections == 1 })
	for _, id := range []string{"here", "away"} {
		if got := a.call("DELETE", "/api/v1/clients/"+id, a.operator, ""); got.status != http.StatusNoContent {
			t.Errorf("%s: %d %s", id, got.status, got.body)
		}
	}
	if code := here.closed(); code != packets.ErrAdministrativeAction.Code {
		t.Errorf("DISCONNECT %#x", code)
	}
	waitFor(t, "the sessions to end", func() bool { s := b.Stats(); return s.Sessions == 0 && s.Subscriptions == 0 && s.Connections == 0 })
	for _, id := range []string{"here", "away"} {
		if c := dial(t, b.Addrs().TCP, dialing{id: id, resume: true, expiry: 600}); c.ack.SessionPresent {
			t.Errorf("%s: the session is back", id)
		}
	}
	if d := b.Stats().Disconnects; d["kicked"] != 1 || d["kicked while offline"] != 1 {
		t.Errorf("%v", d)
	}
}

func TestBansHoldForClientsUsersAndAddressesUntilTheyEnd(t *testing.T) {
	t.Parallel()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, a := startManaged(t, func(c *Config) { c.Publishers = []Publisher{{User: "mallory", PasswordFile: password}} })
	ban := func(as, who, until string) {
		t.Helper()
		if got := a.call("POST", "/api/v1/banned", a.operator, fmt.Sprintf(`{"as":%q,"who":%q,"until":%s}`, as, who, until)); got.status != http.StatusCreated {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	c := dial(t, b.Addrs().TCP, dialing{id: "c"})
	ban("clientid", "c", "null")
	if code := c.closed(); code != packets.ErrAdministrativeAction.Code {
		t.Errorf("DISCONNECT %#x", code)
	}
	for v, want := range map[byte]byte{5: packets.ErrBanned.Code, 4: packets.Err3NotAuthorized.Code} {
		if c := dial(t, b.Addrs().TCP, dialing{id: "c", v: v, refused: true}); c.ack.ReasonCode != want {
			t.Errorf("version %d: CONNACK %#x", v, c.ack.ReasonCode)
		}
	}
	dial(t, b.Addrs().TCP, dialing{id: "d"})
	ban("username", "mallory", "null")
	if c := dial(t, b.Addrs().TCP, dialing{id: "m", user: "mallory", password: "secret", refused: true}); c.ack.ReasonCode != packets.ErrBanned.Code {
		t.Errorf("a banned user: %#x", c.ack.ReasonCode)
	}
	if got := a.call("DELETE", "/api/v1/banned/clientid/c", a.operator, ""); got.status != http.StatusNoContent {
		t.Errorf("%d", got.status)
	}
	dial(t, b.Addrs().TCP, dialing{id: "c"})
	ban("peerhost", "127.0.0.0/8", `"`+time.Now().Add(3*time.Second).UTC().Format(time.RFC3339)+`"`)
	if n := len(b.ordinary()); n != 0 {
		waitFor(t, "all of the address to go", func() bool { return len(b.ordinary()) == 0 })
	}
	if c := dial(t, b.Addrs().TCP, dialing{id: "e", refused: true}); c.ack.ReasonCode != packets.ErrBanned.Code {
		t.Errorf("a banned address: %#x", c.ack.ReasonCode)
	}
	kept, err := openBans(a.banned)
	if err != nil || len(kept.list(time.Now())) != 2 || !kept.hit("x", "mallory", netip.Addr{}, time.Now()) || !kept.hit("x", "", netip.MustParseAddr("127.9.9.9"), time.Now()) {
		t.Errorf("after a restart: %v %+v", err, kept.list(time.Now()))
	}
	if kept.hit("x", "", netip.MustParseAddr("127.9.9.9"), time.Now().Add(time.Minute)) || len(kept.list(time.Now().Add(time.Minute))) != 1 {
		t.Error("the ban does not end")
	}
	waitFor(t, "the ban to end", func() bool { return !b.bans.hit("e", "", netip.MustParseAddr("127.0.0.1"), time.Now()) })
	dial(t, b.Addrs().TCP, dialing{id: "e"})
}

// As IPv6, IPv4 addresses begin with ::ffff: a ban that is written so must hit those clients, also one that an earlier version has kept so.
func TestABanOfAnIPv4PrefixWrittenAsIPv6Hits(t *testing.T) {
	t.Parallel()
	b, a := startManaged(t, nil)
	got := a.call("POST", "/api/v1/banned", a.operator, `{"as":"peerhost","who":"::ffff:127.0.0.0/104"}`)
	if got.status != http.StatusCreated || !strings.Contains(string(got.body), `"who":"127.0.0.0/8"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if c := dial(t, b.Addrs().TCP, dialing{id: "c", refused: true}); c.ack.ReasonCode != packets.ErrBanned.Code {
		t.Errorf("CONNACK %#x", c.ack.ReasonCode)
	}
	if got := a.call("DELETE", "/api/v1/banned/peerhost/::ffff:127.0.0.0%2F104", a.operator, ""); got.status != http.StatusNoContent {
		t.Errorf("unban: %d %s", got.status, got.body)
	}
	dial(t, b.Addrs().TCP, dialing{id: "c"})

	file := filepath.Join(t.TempDir(), "banned.json")
	if err := os.WriteFile(file, []byte(`[{"as":"peerhost","who":"::ffff:10.0.0.0/104"},{"as":"peerhost","who":"2001:db8::/32"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	kept, err := openBans(file)
	if err != nil || !kept.hit("x", "", netip.MustParseAddr("10.1.2.3"), time.Now()) || !kept.hit("x", "", netip.MustParseAddr("2001:db8::1"), time.Now()) {
		t.Errorf("%v %+v", err, kept.list(time.Now()))
	}
	if found, err := kept.lift(admin.BanAddress, "10.0.0.0/8"); !found || err != nil {
		t.Errorf("lift: %v %v", found, err)
	}
}

func TestBansAreBounded(t *testing.T) {
	t.Parallel()
	b, err := openBans("")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	soon := now.Add(time.Minute)
	for i := range maxBans {
		if err := b.add(admin.Ban{As: admin.BanClientID, Who: fmt.Sprint(i), Until: &soon}, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.add(admin.Ban{As: admin.BanClientID, Who: "x"}, now); err == nil {
		t.Error("one more was kept")
	}
	if err := b.add(admin.Ban{As: admin.BanClientID, Who: "x"}, soon); err != nil || b.len(soon) != 1 {
		t.Errorf("when they are over: %v, %d", err, b.len(soon))
	}
	file := filepath.Join(t.TempDir(), "banned.json")
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openBans(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a broken file: %v", err)
	}
}

func TestDeletedRetainedValueStaysAwayUntilANewerOneComes(t *testing.T) {
	t.Parallel()
	b, a := startManaged(t, nil)
	for _, topic := range []string{"candle/1m/A", "candle/1m/A/closed"} {
		put(t, b, topic, ver(1, 60000, 5), "old")
		c := dial(t, b.Addrs().TCP, dialing{id: "c" + fmt.Sprint(len(topic))})
		c.subscribe(filter(topic, 1))
		if m := c.message(); string(m.Payload) != "old" {
			t.Fatalf("%s", m.Payload)
		}
		if got := a.call("DELETE", "/api/v1/retained/"+url.PathEscape(topic), a.operator, ""); got.status != 200 || !strings.Contains(string(got.body), `"payload":"old"`) {
			t.Fatalf("%d %s", got.status, got.body)
		}
		if m := c.message(); len(m.Payload) != 0 {
			t.Errorf("%s: subscribers got %q", topic, m.Payload)
		}
		late := dial(t, b.Addrs().TCP, dialing{id: "late" + fmt.Sprint(len(topic))})
		late.subscribe(filter(topic, 1))
		late.silent()
		class, _ := testClassOf(topic)
		if b.Publish(Message{Topic: topic, Class: class, Version: ver(1, 60000, 5), Payload: []byte("old")}) {
			t.Errorf("%s: the same version was taken again", topic)
		}
		put(t, b, topic, ver(1, 60000, 6), "new")
		for _, c := range []*client{c, late} {
			if m := c.message(); string(m.Payload) != "new" {
				t.Errorf("%s: %q", topic, m.Payload)
			}
		}
	}
}

func TestSlowSubscriptionsNameWhoWaitsForWhat(t *testing.T) {
	t.Parallel()
	b, a := startManaged(t, func(c *Config) { c.WriteTimeout, c.EventMessages = minute, 10 })
	slow := dial(t, b.Addrs().TCP, dialing{id: "slow", readBuffer: 4 << 10})
	slow.subscribe(filter("candle/1m/+", 0), filter("trade/A", 0), filter("status/A/feed", 0))
	fast := dial(t, b.Addrs().TCP, dialing{id: "fast"})
	fast.subscribe(filter("candle/1m/A", 0))
	go func() {
		for {
			if _, err := fast.next(2 * patience); err != nil {
				return
			}
		}
	}()
	filler := strings.Repeat("x", 32<<10)
	seq := int64(0)
	send := func(topic string) {
		seq++
		class, _ := testClassOf(topic)
		b.Publish(Message{Topic: topic, Class: class, Version: ver(1, 0, seq), Payload: []byte(filler)})
	}
	waitFor(t, "the slow client's socket to be full", func() bool {
		send("candle/1m/A")
		c, _ := (manage{b}).Client("slow")
		return c.WaitMS > 300
	})
	for range 20 {
		send("candle/1m/A")
		send("candle/1m/B")
		send("trade/A")
	}
	send("status/A/feed")
	want := map[string]int{"candle/1m/A": 1, "candle/1m/B": 1, "trade/A": 10, "status/A/feed": 1}
	var p page[admin.SlowSubscription]
	waitFor(t, "all four topics to count as slow", func() bool { a.get("/api/v1/slow_subscriptions", &p); return len(p.Data) == len(want) })
	for i, s := range p.Data {
		if s.ClientID != "slow" || s.Queue != want[s.Topic] {
			t.Errorf("%+v, want %d in queue", s, want[s.Topic])
		}
		if i > 0 && s.WaitMS > p.Data[i-1].WaitMS {
			t.Errorf("not the longest first: %+v", p.Data)
		}
		if s.Dropped != 10 || s.WriteAgeMS == nil || *s.WriteAgeMS < 100 {
			t.Errorf("%+v", s)
		}
		if class, _ := testClassOf(s.Topic); class == catalog.State && s.Conflated < 19 || class != catalog.State && s.Conflated != 0 {
			t.Errorf("conflated %+v", s)
		}
	}
	if p.Data[0].Topic != "candle/1m/A" {
		t.Errorf("first %+v", p.Data[0])
	}
	waitFor(t, "it to count as slow", func() bool { return (manage{b}).Stats().Queues.Slow == 1 })
	if got := a.call("GET", "/metrics", "", ""); !strings.Contains(string(got.body), `tickcast_edge_slow_clients 1`) || !strings.Contains(string(got.body), `tickcast_edge_messages_dropped_total{reason="queue_full"} 10`) ||
		!strings.Contains(string(got.body), `process_resident_memory_bytes`) || !strings.Contains(string(got.body), "go_goroutines") || !strings.Contains(string(got.body), `tickcast_edge_queue_messages{queue="event"} 10`) {
		t.Errorf("%s", got.body)
	}
	go func() {
		for {
			if _, err := slow.next(2 * patience); err != nil {
				return
			}
		}
	}()
	waitFor(t, "it to have caught up", func() bool { a.get("/api/v1/slow_subscriptions", &p); return len(p.Data) == 0 })
}

// Lists walk through the sessions one lock at a time: a publisher must not wait for a list of thousands.
func TestListsOfManyClientsDoNotHoldPublishersUp(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	const clients = 20_000
	for i := range clients {
		s := &session{id: fmt.Sprint("c", i), created: time.Now()}
		c := newConn(&tape{}, packets.Code{}, &b.cfg, &b.stats, b.pumps[0])
		s.attach(c, 1)
		s.setHold(c, false)
		b.hub.subscribe(s, c, subscription{filter: "candle/1m/A"})
		s.detach(c, time.Now().Add(time.Hour))
		b.sessions.mu.Lock()
		b.sessions.byID[s.id] = s
		b.sessions.mu.Unlock()
	}
	m, p := manage{b}, admin.Page{Number: 100, Limit: 100}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			m.Clients(admin.ClientQuery{}, p)
			m.Subscriptions(admin.SubscriptionQuery{}, p)
			m.Stats()
			m.SlowSubscriptions(p)
		}
	}()
	var slowest time.Duration
	for seq := int64(1); seq <= 100; seq++ {
		start := time.Now()
		put(t, b, "trade/B", ver(1, 0, seq), "x") // nobody's
		slowest = max(slowest, time.Since(start))
	}
	one, other := b.sessions.byID["c7"], b.sessions.byID["c8"]
	one.mu.Lock() // a publisher is at work in one session: the list waits for that alone
	got := make(chan struct{})
	go func() {
		other.deliver(b.hub.index.topic("candle/1m/A", catalog.State), newFrame("candle/1m/A", nil), retained, 0, 1)
		close(got)
	}()
	select {
	case <-got:
	case <-time.After(patience):
		t.Error("a list that waits for one session holds up another")
	}
	one.mu.Unlock()
	close(stop)
	<-done
	list, total := m.Clients(admin.ClientQuery{}, p)
	if total != clients || len(list) != 100 {
		t.Errorf("%d of %d", len(list), total)
	}
	t.Logf("slowest publish beside lists of %d clients: %s", clients, slowest)
	for _, e := range b.sessions.all() {
		b.endSession(e.s)
	}
}
