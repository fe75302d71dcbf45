package broker

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/configs"
)

// benchConfig is the shipped configuration for measuring, on free ports.
func benchConfig(tb testing.TB) Config {
	tb.Helper()
	f := struct{ Broker Config }{DefaultConfig()}
	if err := configs.Load("bench.yaml", &f); err != nil {
		tb.Fatal(err)
	}
	if err := f.Broker.Validate(); err != nil {
		tb.Fatalf("bench.yaml: %v", err)
	}
	return f.Broker
}

func TestMessagesWithoutVersionGetOneByArrival(t *testing.T) {
	t.Parallel()
	shipped := benchConfig(t)
	b := startBroker(t, func(c *Config) {
		*c = shipped
		c.TCP, c.WebSocket, c.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0", ""
	})
	sub := dial(t, b.Addrs().TCP, dialing{id: "sub"})
	sub.subscribe(filter("event/#", 1), filter("state/#", 1), filter("final/#", 1))

	const publishers, each = 4, 50
	var all sync.WaitGroup
	for i := range publishers {
		p := dial(t, b.Addrs().TCP, dialing{id: fmt.Sprint("p", i), v: byte(4 + i%2), user: "publisher", password: "publisher"})
		all.Go(func() {
			for n := range each {
				p.publish("event/x", fmt.Sprint(i, " ", n), byte(n%2))
				p.publish("final/x", fmt.Sprint(i, " ", n), byte(n%2))
			}
			p.publish("state/x", "last", 1)
			p.ping()
		})
	}
	last := map[string]int{}
	for left := publishers * each * 2; left > 0; {
		m := sub.message()
		if m.TopicName == "state/x" {
			continue
		}
		var from, n int
		if _, err := fmt.Sscan(string(m.Payload), &from, &n); err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprint(m.TopicName, from)
		if n != last[key] {
			t.Fatalf("%s of publisher %d: %d instead of %d", m.TopicName, from, n, last[key])
		}
		last[key]++
		left--
	}
	all.Wait()
	if s := b.Stats(); s.RefusedVersions != 0 || s.Dropped != 0 {
		t.Errorf("%d refused, %d dropped", s.RefusedVersions, s.Dropped)
	}

	late := dial(t, b.Addrs().TCP, dialing{id: "late", v: 4})
	late.subscribe(filter("event/#", 1), filter("state/#", 1), filter("final/#", 1))
	for range 2 {
		if m := late.message(); !m.FixedHeader.Retain || m.TopicName == "event/x" {
			t.Errorf("retained: %s %s, RETAIN %t", m.TopicName, m.Payload, m.FixedHeader.Retain)
		}
	}
	late.silent()

	p := dial(t, b.Addrs().TCP, dialing{id: "p", v: 4, user: "publisher", password: "publisher"})
	p.publish("final/x", "", 1)
	p.publish("state/x", "", 1)
	p.publish("final/x", "again", 1)
	p.ping()
	after := dial(t, b.Addrs().TCP, dialing{id: "after"})
	after.subscribe(filter("state/#", 1), filter("final/#", 1))
	if m := after.message(); m.TopicName != "final/x" || string(m.Payload) != "again" {
		t.Errorf("after clearing: %s %s", m.TopicName, m.Payload)
	}
	after.silent()
}

func TestTopicsOfTheCatalogueKeepTheirVersionsBesideArrivalTopics(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *Config) {
		c.Publishers = []Publisher{{User: "publisher", Password: "publisher"}}
		c.ArrivalTopics = []ArrivalTopics{{Filter: "candle/#", Class: catalog.Event}}
	})
	put(t, b, "candle/1m/A", ver(5, 0, 5), "catalogued")
	p := dial(t, b.Addrs().TCP, dialing{id: "p", user: "publisher", password: "publisher"})
	p.publish("candle/1m/A", "without a version", 0)
	p.publish("candle/other", "by arrival", 0)
	p.ping()
	sub := dial(t, b.Addrs().TCP, dialing{id: "sub"})
	sub.subscribe(filter("candle/#", 0))
	if m := sub.message(); string(m.Payload) != "catalogued" {
		t.Errorf("got %s", m.Payload)
	}
	sub.silent()
	anonymous := dial(t, b.Addrs().TCP, dialing{id: "anonymous"})
	anonymous.publish("candle/other", "by nobody", 0)
	if code := anonymous.closed(); code != 0x87 {
		t.Errorf("anonymous publisher: %#x", code)
	}
}

func TestArrivalTopicsAndPlainPasswordsAreValidated(t *testing.T) {
	t.Parallel()
	plain := []Publisher{{User: "p", Password: "p"}}
	for _, tt := range []struct {
		want   string
		change func(*Config)
	}{
		{"arrival_topics[0].filter: \"#\": ", func(c *Config) { c.ArrivalTopics = []ArrivalTopics{{Filter: "#"}} }},
		{"publishers[0].password: a password that stands", func(c *Config) { c.Publishers = plain }},
		{"publishers[0].password: a password that stands", func(c *Config) {
			c.Publishers, c.TCP, c.WebSocket = plain, "127.0.0.1:1883", "[::]:8083"
		}},
		{"publishers[0].password: a password that stands", func(c *Config) {
			c.Publishers, c.TCP, c.WebSocket = plain, "localhost:1883", "" // a name can mean anything
		}},
		{"publishers[0]: exactly one of", func(c *Config) {
			c.Publishers, c.TCP, c.WebSocket = []Publisher{{User: "p", Password: "p", PasswordEnv: "P"}}, "127.0.0.1:1883", ""
		}},
		{"", func(c *Config) { c.Publishers, c.TCP, c.WebSocket = plain, "127.0.0.1:1883", "[::1]:8083" }},
	} {
		c := DefaultConfig()
		tt.change(&c)
		err := c.Validate()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
	f := struct{ Broker Config }{}
	err := configs.Decode("x.yaml", []byte("broker: {arrival_topics: [{filter: a/#, class: other}]}"), &f)
	if want := `x.yaml: "other", want state, event or final`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
