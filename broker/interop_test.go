package broker

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// needs skips a test whose program is absent, or fails it where everything must be there.
func needs(t *testing.T, present bool, what string) {
	t.Helper()
	switch {
	case present:
	case os.Getenv("TICKCAST_REQUIRE") == "1":
		t.Fatalf("%s is not installed, and TICKCAST_REQUIRE=1", what)
	default:
		t.Skipf("%s is not installed", what)
	}
}

// seen is one message as a third-party client reports it.
type seen struct {
	Topic, Payload string
	Retain         bool
	QoS            int
}

// follow subscribes a client program to candle/# at QoS 1 and checks what it reports: the retained values, then live messages in order.
func follow(t *testing.T, b *Broker, client string, args []string, parse func(string) (seen, bool)) {
	t.Helper()
	put(t, b, "candle/1m/BTCUSDT", ver(1, 60000, 1), "state1")
	put(t, b, "candle/1m/BTCUSDT/closed", ver(1, 0, 1), "final1")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, client, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = cmd.Wait() }()
	lines := bufio.NewScanner(out)
	next := func() seen {
		for lines.Scan() {
			if s, ok := parse(lines.Text()); ok {
				return s
			}
		}
		t.Fatalf("%s ended: %v", client, lines.Err())
		return seen{}
	}
	const state, final = "candle/1m/BTCUSDT", "candle/1m/BTCUSDT/closed"
	want := map[seen]bool{{state, "state1", true, 0}: true, {final, "final1", true, 1}: true}
	for len(want) > 0 {
		s := next()
		if !want[s] {
			t.Fatalf("got %+v, want one of %v", s, want)
		}
		delete(want, s)
	}
	for _, live := range []seen{{state, "state2", false, 0}, {final, "final2", false, 1}, {state, "state3", false, 0}, {final, "final3", false, 1}} {
		put(t, b, live.Topic, ver(1, 60000, int64(live.Payload[5])), live.Payload)
		if s := next(); s != live {
			t.Fatalf("got %+v, want %+v", s, live)
		}
	}
}

func TestInteropMosquittoSub(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("mosquitto_sub")
	needs(t, err == nil, "mosquitto_sub (Debian package mosquitto-clients)")
	for _, version := range []string{"mqttv311", "mqttv5"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			b := startBroker(t, nil)
			host, port, _ := net.SplitHostPort(b.Addrs().TCP)
			args := []string{"-h", host, "-p", port, "-V", version, "-q", "1", "-t", "candle/#", "-F", "%t %p %r %q"}
			follow(t, b, path, args, func(line string) (s seen, ok bool) {
				f := strings.Fields(line)
				if len(f) != 4 {
					return s, false
				}
				return seen{f[0], f[1], f[2] == "1", int(f[3][0] - '0')}, true
			})
		})
	}
}

func TestInteropMQTTjs(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	needs(t, err == nil, "node")
	_, err = os.Stat("clients/node_modules/mqtt")
	needs(t, err == nil, "MQTT.js (npm ci in broker/clients)")
	for _, transport := range []string{"mqtt", "ws"} {
		for _, version := range []string{"4", "5"} {
			t.Run(transport+" "+version, func(t *testing.T) {
				t.Parallel()
				b := startBroker(t, nil)
				url := map[string]string{"mqtt": "mqtt://" + b.Addrs().TCP, "ws": "ws://" + b.Addrs().WebSocket + "/mqtt"}[transport]
				follow(t, b, node, []string{"clients/follow.mjs", url, version}, func(line string) (s seen, ok bool) {
					return s, json.Unmarshal([]byte(line), &s) == nil
				})
			})
		}
	}
}

// Publishers that know nothing of versions, on the edge for measuring: what they send arrives in order, and stays where the class says so.
func TestInteropPlainPublishers(t *testing.T) {
	t.Parallel()
	node, noNode := exec.LookPath("node")
	_, noMQTTjs := os.Stat("clients/node_modules/mqtt")
	mosquitto, noMosquitto := exec.LookPath("mosquitto_pub")
	send := func(t *testing.T, program string, args ...string) {
		if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", program, err, out)
		}
	}
	for _, tt := range []struct {
		name    string
		present bool
		publish func(t *testing.T, a Addrs, version, qos string, topics ...string)
	}{
		{"mosquitto_pub", noMosquitto == nil, func(t *testing.T, a Addrs, version, qos string, topics ...string) {
			host, port, _ := net.SplitHostPort(a.TCP)
			for _, topic := range topics {
				send(t, mosquitto, "-h", host, "-p", port, "-V", map[string]string{"4": "mqttv311", "5": "mqttv5"}[version], "-u", "publisher", "-P", "publisher",
					"-q", qos, "-t", topic, "-m", topic)
			}
		}},
		{"MQTT.js", noNode == nil && noMQTTjs == nil, func(t *testing.T, a Addrs, version, qos string, topics ...string) {
			args := []string{"clients/publish.mjs", "ws://" + a.WebSocket + "/mqtt", version, qos}
			for _, topic := range topics {
				args = append(args, topic+"="+topic)
			}
			send(t, node, args...)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			needs(t, tt.present, tt.name)
			shipped := benchConfig(t)
			b := startBroker(t, func(c *Config) {
				*c = shipped
				c.TCP, c.WebSocket = "127.0.0.1:0", "127.0.0.1:0"
			})
			topics := []string{"event/a", "state/a", "final/a", "event/b"}
			sub := dial(t, b.Addrs().TCP, dialing{id: "sub"})
			sub.subscribe(filter("event/#", 1), filter("state/#", 1), filter("final/#", 1))
			for _, version := range []string{"4", "5"} {
				for _, qos := range []string{"0", "1"} {
					tt.publish(t, b.Addrs(), version, qos, topics...)
					got := map[string]bool{}
					for range topics {
						m := sub.message()
						if m.TopicName != string(m.Payload) || got[m.TopicName] {
							t.Errorf("MQTT %s QoS %s: %s on %s", version, qos, m.Payload, m.TopicName)
						}
						got[m.TopicName] = true
					}
				}
			}
			late := dial(t, b.Addrs().TCP, dialing{id: "late"})
			late.subscribe(filter("event/#", 1), filter("state/#", 1), filter("final/#", 1))
			for range 2 {
				if m := late.message(); !m.FixedHeader.Retain || strings.HasPrefix(m.TopicName, "event/") {
					t.Errorf("retained: %s", m.TopicName)
				}
			}
			late.silent()
		})
	}
}
