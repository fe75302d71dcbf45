// Package e2e tests the whole system as its users have it: the binary, its configuration files, and real MQTT clients.
package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
)

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tickcast-e2e-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "tickcast")
	out, err := exec.Command("go", "build", "-o", binary, "github.com/tickcast/tickcast/cmd/tickcast").CombinedOutput()
	code := 1
	if err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// process is a running tickcast.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of Wait, once done

	mu    sync.Mutex
	lines []string
	news  chan struct{}
}

// launch starts the binary; it is stopped when the test ends, and its output shown if the test failed.
func launch(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(binary, args...), done: make(chan struct{}), news: make(chan struct{}, 1)}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = p.cmd.Stdout
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, s.Text())
			p.mu.Unlock()
			select {
			case p.news <- struct{}{}:
			default:
			}
		}
		p.err = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("output of tickcast %s:\n%s", strings.Join(args, " "), p.output())
		}
	})
	return p
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// stop ends the process as an operator would, and waits.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		p.t.Errorf("tickcast did not stop within 20 s")
		p.cmd.Process.Kill()
		<-p.done
	}
}

// find waits for a line of output that matches, and returns its groups.
func (p *process) find(pattern string) []string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(60 * time.Second)
	for {
		if m := re.FindStringSubmatch(p.output()); m != nil {
			return m
		}
		select {
		case <-p.news:
		case <-p.done:
			if m := re.FindStringSubmatch(p.output()); m != nil {
				return m
			}
			p.t.Fatalf("tickcast ended (%v) without saying %q:\n%s", p.err, pattern, p.output())
		case <-deadline:
			p.t.Fatalf("tickcast did not say %q:\n%s", pattern, p.output())
		}
	}
}

// addrs are where a `tickcast up` listens.
type addrs struct{ http, mqtt, ws, kafka string }

func (p *process) addrs() addrs {
	p.t.Helper()
	m := p.find(`(?s)page +http://localhost:(\d+).*MQTT +mqtt://localhost:(\d+).*WebSocket +ws://localhost:(\d+).*Kafka +(127\S+)`)
	return addrs{http: "http://127.0.0.1:" + m[1], mqtt: "mqtt://127.0.0.1:" + m[2], ws: "ws://127.0.0.1:" + m[3] + "/mqtt", kafka: m[4]}
}

// freePorts is the part of a configuration that makes tests run side by side.
const freePorts = `
http: {listen: "127.0.0.1:0"}
kafka: {listen: "127.0.0.1:0"}
broker: {tcp: "127.0.0.1:0", websocket: "127.0.0.1:0", admin: {listen: "127.0.0.1:0"}}
`

// up starts `tickcast up` with free ports and the given configuration.
func up(t *testing.T, dataDir, config string, args ...string) *process {
	t.Helper()
	return launch(t, nil, append([]string{"up", "-c", writeFile(t, "up.yaml", freePorts+config), "--data", dataDir}, args...)...)
}

func writeFile(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// contractsWith is the path of a catalogue with one contract.
func contractsWith(t *testing.T, contract string) string {
	t.Helper()
	return writeFile(t, "contracts.yaml", "contracts:\n  - "+contract+"\n")
}

// message is what a client received.
type message struct {
	topic    string
	retained bool
	cleared  bool // an empty payload: the topic's value is gone
	at       time.Time
	raw      []byte
	candle
}

// candle has the fields of candles and statuses that tests look at.
type candle struct {
	Contract string `json:"s"`
	Epoch    int64  `json:"epoch"`
	Seq      int64  `json:"seq"`
	Sim      bool   `json:"sim"`
	Quality  string `json:"q"`
	Period   string `json:"i"`
	OpenMs   int64  `json:"t"`
	CloseMs  int64  `json:"T"` // also because encoding/json would take T for t
	LastID   int64  `json:"L"`
	Open     string `json:"o"`
	High     string `json:"h"`
	Low      string `json:"l"`
	Close    string `json:"c"`
	Volume   string `json:"v"`
	Quote    string `json:"qv"`
	Count    int64  `json:"n"`
	Buy      string `json:"bv"`
	BuyQuote string `json:"bqv"`
	Closed   bool   `json:"x"`
	Revision int    `json:"rev"`
	Fill     bool   `json:"fill"`
	Kind     string `json:"kind"`
	State    string `json:"state"`
}

// client is a paho.golang client that keeps all it receives.
type client struct {
	t    *testing.T
	mu   sync.Mutex
	all  []message
	news chan struct{}
}

var subscribers atomic.Int64 // two clients of one name would take the session from each other

func subscribe(t *testing.T, server string, filters ...string) *client {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, news: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	subscribed := make(chan error, 1)
	cm, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls: []*url.URL{u}, KeepAlive: 30, CleanStartOnInitialConnection: true,
		ReconnectBackoff: func(int) time.Duration { return 50 * time.Millisecond },
		OnConnectionUp: func(cm *autopaho.ConnectionManager, _ *paho.Connack) {
			s := &paho.Subscribe{}
			for _, f := range filters {
				s.Subscriptions = append(s.Subscriptions, paho.SubscribeOptions{Topic: f, QoS: 1})
			}
			_, err := cm.Subscribe(ctx, s)
			select {
			case subscribed <- err:
			default:
			}
		},
		ClientConfig: paho.ClientConfig{ClientID: fmt.Sprintf("e2e-%s-%d", t.Name(), subscribers.Add(1)), OnPublishReceived: []func(paho.PublishReceived) (bool, error){c.receive}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); <-cm.Done() })
	select {
	case err = <-subscribed:
	case <-time.After(30 * time.Second):
		err = context.DeadlineExceeded
	}
	if err != nil {
		t.Fatalf("subscribe to %v at %s: %v", filters, server, err)
	}
	return c
}

func (c *client) receive(p paho.PublishReceived) (bool, error) {
	m := message{topic: p.Packet.Topic, retained: p.Packet.Retain, at: time.Now(), raw: p.Packet.Payload}
	var err error
	if len(m.raw) == 0 {
		m.cleared = true
	} else if strings.HasPrefix(m.topic, "candle/") || strings.HasPrefix(m.topic, "status/") {
		err = json.Unmarshal(p.Packet.Payload, &m.candle)
	} else { // other products have other meanings of the same letters
		var v struct{ Epoch, Seq int64 }
		err = json.Unmarshal(m.raw, &v)
		m.Epoch, m.Seq = v.Epoch, v.Seq
	}
	if err != nil {
		c.t.Errorf("payload on %s: %v: %s", m.topic, err, m.raw)
	}
	c.mu.Lock()
	c.all = append(c.all, m)
	c.mu.Unlock()
	select {
	case c.news <- struct{}{}:
	default:
	}
	return true, nil
}

func (c *client) received() []message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]message(nil), c.all...)
}

// wait returns the first message that pred takes, among those received and those to come.
func (c *client) wait(what string, limit time.Duration, pred func(message) bool) message {
	c.t.Helper()
	deadline := time.After(limit)
	seen := 0
	for {
		all := c.received()
		for ; seen < len(all); seen++ {
			if pred(all[seen]) {
				return all[seen]
			}
		}
		select {
		case <-c.news:
		case <-deadline:
			c.t.Fatalf("%s did not come within %s; %d messages did", what, limit, seen)
		}
	}
}

// noStepBack fails if the version of a topic went back (per open time on closed topics).
func (c *client) noStepBack() {
	c.t.Helper()
	last := map[string]message{}
	for _, m := range c.received() {
		key := m.topic
		if strings.HasSuffix(key, "/closed") {
			key += fmt.Sprint(m.OpenMs)
		}
		if l, ok := last[key]; ok {
			older := m.Epoch < l.Epoch || m.Epoch == l.Epoch && (m.OpenMs < l.OpenMs || m.OpenMs == l.OpenMs && m.Seq < l.Seq) // QoS 1 may deliver twice
			if older {
				c.t.Errorf("%s: version (%d, %d, %d) after (%d, %d, %d)", m.topic, m.Epoch, m.OpenMs, m.Seq, l.Epoch, l.OpenMs, l.Seq)
			}
		}
		last[key] = m
	}
}
