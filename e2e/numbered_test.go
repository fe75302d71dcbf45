package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"github.com/tickcast/tickcast/e2e/rig"
)

// numberedEdge is a `tickcast broker` with the configuration for measuring, and its publisher.
type numberedEdge struct {
	t       *testing.T
	proc    *process
	tcp, ws string // host:port
	admin   string
	key     string
	pub     *paho.Client
}

// startNumberedEdge runs configs/bench.yaml with other ports and this write_timeout.
func startNumberedEdge(t *testing.T, writeTimeout time.Duration) *numberedEdge {
	t.Helper()
	dir := t.TempDir()
	keys, keyFile := filepath.Join(dir, "keys.yaml"), filepath.Join(dir, "key")
	if out, err := exec.Command(binary, "ctl", "keys", "add", "test", "--role", "viewer", "--keys-file", keys, "--out", keyFile).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := os.ReadFile("../configs/bench.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := string(shipped)
	for pattern, with := range map[string]string{
		`127\.0\.0\.1:2\d+`:    "127.0.0.1:0",
		`(admin: \{)`:          `${1}keys_file: "` + keys + `", `,
		`(write_timeout: )\S+`: "${1}" + writeTimeout.String(),
	} {
		re := regexp.MustCompile(pattern)
		if !re.MatchString(config) {
			t.Fatalf("bench.yaml has no %s", pattern)
		}
		config = re.ReplaceAllString(config, with)
	}
	e := &numberedEdge{t: t, proc: launch(t, nil, "broker", "-c", rig.WriteFile(t, "bench.yaml", config)), key: strings.TrimSpace(string(key))}
	m := e.proc.Find(`msg=edge role=broker mqtt=(\S+) websocket=(\S+) .*admin=(\S+)`)
	e.tcp, e.ws, e.admin = m[1], m[2], "http://"+m[3]

	conn, err := net.Dial("tcp", e.tcp)
	if err != nil {
		t.Fatal(err)
	}
	var ending atomic.Bool
	e.pub = paho.NewClient(paho.ClientConfig{Conn: conn, OnClientError: func(err error) {
		if !ending.Load() {
			t.Errorf("publisher: %v", err)
		}
	}})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	connect := &paho.Connect{ClientID: "publisher", KeepAlive: 60, CleanStart: true, Username: "publisher", UsernameFlag: true, Password: []byte("publisher"), PasswordFlag: true}
	if _, err := e.pub.Connect(ctx, connect); err != nil {
		t.Fatalf("publisher: %v", err)
	}
	t.Cleanup(func() { ending.Store(true); _ = e.pub.Disconnect(&paho.Disconnect{}) })
	return e
}

// numbering publishes messages with consecutive numbers.
type numbering struct {
	mark
	edge *numberedEdge
}

const bulk = 400 // bytes of a message of state or event, so that some thousands fill every buffer on the way

func (n *numbering) send(class string, number, size int, qos byte) {
	n.edge.t.Helper()
	payload := fmt.Appendf(nil, "%d ", number)
	payload = append(payload, strings.Repeat("x", max(0, size-len(payload)))...)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := n.edge.pub.Publish(ctx, &paho.Publish{Topic: fmt.Sprint(class, "/", number%numberedTopics), QoS: qos, Payload: payload}); err != nil {
		n.edge.t.Fatalf("publish: %v", err)
	}
}

// publish sends so many messages of each class, taking turns.
func (n *numbering) publish(of mark) {
	n.edge.t.Helper()
	for i := range max(of.state, of.event, of.final) {
		if i < of.state {
			n.state++
			n.send("state", n.state, bulk, 0)
		}
		if i < of.event {
			n.event++
			n.send("event", n.event, bulk, 0)
		}
		if i < of.final {
			n.final++
			n.send("final", n.final, 0, 0)
		}
	}
}

// round publishes one message on each topic. It returns when the edge has taken everything.
func (n *numbering) round() {
	n.edge.t.Helper()
	n.publish(mark{numberedTopics, numberedTopics, numberedTopics - 1})
	n.final++
	n.send("final", n.final, 0, 1) // its PUBACK comes after all before it
}

// over publishes so many messages of each class, evenly over a time.
func (n *numbering) over(d time.Duration, of mark) {
	n.edge.t.Helper()
	const step = 20 * time.Millisecond
	steps := max(1, int(d/step))
	tick := time.NewTicker(step)
	defer tick.Stop()
	share := func(all, i int) int { return all*(i+1)/steps - all*i/steps }
	for i := range steps {
		n.publish(mark{share(of.state, i), share(of.event, i), share(of.final, i)})
		<-tick.C
	}
}

// figures are what the admin API says of a client.
type figures struct {
	Connected bool
	Sent      int `json:"send_msg"`
	Conflated int `json:"conflated_msg"`
	Dropped   int `json:"dropped_msg"`
	Inflight  int `json:"inflight_cnt"`
	Queued    int `json:"mqueue_len"`
}

func (e *numberedEdge) figures(id string) (f figures) {
	e.t.Helper()
	if err := json.Unmarshal(e.ask("/api/v1/clients/"+id), &f); err != nil {
		e.t.Fatalf("client %s: %v", id, err)
	}
	return f
}

func (e *numberedEdge) ask(path string) []byte {
	e.t.Helper()
	req, err := http.NewRequest("GET", e.admin+path, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+e.key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		e.t.Fatalf("%s: %s %v %s", path, res.Status, err, b)
	}
	return b
}

// disconnects returns how many connections the edge has ended for a reason.
func (e *numberedEdge) disconnects(reason string) int {
	e.t.Helper()
	m := regexp.MustCompile(`(?m)^tickcast_edge_disconnects_total\{reason="` + regexp.QuoteMeta(reason) + `"\} (\d+)`).FindSubmatch(e.ask("/metrics"))
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(string(m[1])) // digits
	return n
}

// await polls until ok says yes; false: it did not within the test's patience, and the test has failed.
func await(t *testing.T, what string, ok func() bool) bool {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("waited in vain for %s", what)
			return false
		}
	}
	return true
}
