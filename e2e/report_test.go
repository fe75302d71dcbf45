package e2e

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const unknown = -1

// reported is one line of a program in broker/clients:
//
//	connected PRESENT                        CONNACK; session present is 0, 1 or -, where the library does not show it
//	subscribed                               SUBACK
//	message TOPIC QOS RETAIN DUP NUMBER      the payload's first word is a number
//	disconnected REASON                      the server's DISCONNECT
type reported struct {
	kind         string
	present, dup int // 0, 1, unknown
	topic        string
	qos, n       int
	retain       bool
	reason       int
}

func parseReport(line string) (r reported, ok bool) {
	f := strings.Fields(line)
	if len(f) == 0 {
		return r, false
	}
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			return unknown
		}
		return n
	}
	r.kind = f[0]
	switch {
	case f[0] == "connected" && len(f) == 2:
		r.present = number(f[1])
	case f[0] == "subscribed" && len(f) == 1:
	case f[0] == "message" && len(f) >= 6: // mosquitto_sub prints the whole payload
		r.topic, r.qos, r.retain, r.dup, r.n = f[1], number(f[2]), f[3] == "1", number(f[4]), number(f[5])
	case f[0] == "disconnected" && len(f) == 2:
		r.reason = number(f[1])
	default:
		return r, false
	}
	return r, true
}

// mosquittoReports makes reports of what mosquitto_sub prints with -d: the flag DUP stands in its log only, in the line before the message's own.
type mosquittoReports struct{ dup int }

var (
	mosquittoPublish    = regexp.MustCompile(`^Client \S+ received PUBLISH \(d(\d),`)
	mosquittoConnack    = regexp.MustCompile(`^Client \S+ received CONNACK \(0\)`)
	mosquittoDisconnect = regexp.MustCompile(`^Received DISCONNECT \((\d+)\)`)
)

func (m *mosquittoReports) parse(line string) (reported, bool) {
	if g := mosquittoPublish.FindStringSubmatch(line); g != nil {
		m.dup = int(g[1][0] - '0')
		return reported{}, false
	}
	switch g := mosquittoDisconnect.FindStringSubmatch(line); {
	case g != nil:
		line = "disconnected " + g[1]
	case mosquittoConnack.MatchString(line):
		line = "connected -"
	case strings.HasPrefix(line, "Subscribed ("):
		line = "subscribed"
	}
	r, ok := parseReport(line)
	r.dup = m.dup
	return r, ok
}

// reporter is a third-party client in a process of its own.
type reporter struct {
	thirdParty
	id    string
	board *switchboard
	judge judge

	cmd     *exec.Cmd
	reading *sync.WaitGroup
	mu      sync.Mutex
	all     []reported
	lines   []string
	judged  int       // so many of all
	settled time.Time // when the newest of the present stage had come
}

// thirdParty is a client library with a version of MQTT.
type thirdParty struct {
	name       string
	v          int
	webSocket  bool
	subscribes bool // also where there is a session
	asks       bool // subscribes once per process, also where there is a session
	command    func(c *reporter, session string) []string
	parser     func() func(string) (reported, bool)
}

func (c *reporter) String() string {
	if c.webSocket {
		return fmt.Sprintf("%s, MQTT %d, WebSocket", c.name, c.v)
	}
	return fmt.Sprintf("%s, MQTT %d", c.name, c.v)
}

// start runs the program until kill; session is resume or clean.
func (c *reporter) start(t *testing.T, session string) {
	t.Helper()
	args := c.command(c, session)
	c.cmd = exec.Command(args[0], args[1:]...)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	r, w := io.Pipe()
	c.cmd.Stdout, c.cmd.Stderr = w, w
	if err := c.cmd.Start(); err != nil {
		t.Errorf("%s: %v", c, err)
		return
	}
	parse := parseReport
	if c.parser != nil {
		parse = c.parser()
	}
	c.reading = &sync.WaitGroup{}
	c.reading.Go(func() {
		for in := bufio.NewScanner(r); in.Scan(); {
			got, ok := parse(in.Text())
			c.mu.Lock()
			if ok {
				c.all = append(c.all, got)
			}
			c.lines = append(c.lines, fmt.Sprintf("%.120s", in.Text()))
			c.mu.Unlock()
		}
	})
	cmd, reading := c.cmd, c.reading
	reading.Go(func() { _ = cmd.Wait(); w.Close() })
}

func (c *reporter) signal(s syscall.Signal) { _ = syscall.Kill(-c.cmd.Process.Pid, s) }

// kill ends the program at once, as a phone does that runs out of power.
func (c *reporter) kill() {
	if c.reading == nil {
		return
	}
	c.signal(syscall.SIGKILL)
	c.reading.Wait()
}

// since returns the reports that were not judged yet.
func (c *reporter) since() []reported {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]reported(nil), c.all[c.judged:]...)
}

// wait polls until ok takes the reports that were not judged yet, or the test's patience ends.
func (c *reporter) wait(t *testing.T, what string, ok func([]reported) bool) bool {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if ok(c.since()) {
			return true
		}
		if time.Now().After(end) {
			c.mu.Lock()
			defer c.mu.Unlock()
			t.Errorf("%s: waited in vain for %s; its last lines:\n%s", c, what, strings.Join(c.lines[max(0, len(c.lines)-30):], "\n"))
			return false
		}
	}
}

// backAgain says whether a client has what it gets for connecting: its session, or the retained values.
func (c *reporter) backAgain(s stage) func([]reported) bool {
	return func(rs []reported) bool {
		retained := map[string]bool{}
		connected, subscribed := false, false
		for _, r := range rs {
			switch {
			case r.kind == "connected":
				connected, subscribed = true, false
				clear(retained)
			case r.kind == "subscribed":
				subscribed = true
			case r.kind == "message" && r.retain:
				retained[r.topic] = true
			}
		}
		if s.ending == fresh {
			return connected && len(retained) == 2*numberedTopics // of state and final
		}
		return connected && (subscribed || !c.judge.subscribes)
	}
}

// complete says whether the newest of everything has come.
func complete(s stage) func([]reported) bool {
	return func(rs []reported) bool {
		missing := map[string]int{}
		for k := range numberedTopics {
			missing[fmt.Sprint("state/", k)] = newest(s.end.state, k)
			missing[fmt.Sprint("final/", k)] = newest(s.end.final, k)
		}
		event := fmt.Sprint("event/", s.end.event%numberedTopics)
		missing[event] = s.end.event
		for _, r := range rs {
			if r.kind == "message" && missing[r.topic] == r.n {
				delete(missing, r.topic)
			}
		}
		return len(missing) == 0
	}
}

// reason returns the reason of the last DISCONNECT that the server sent in this stage, 0: none.
func (c *reporter) reason() (code int) {
	for _, r := range c.since() {
		if r.kind == "disconnected" {
			code = r.reason
		}
	}
	return code
}

// conclude judges the stage.
func (c *reporter) conclude(t *testing.T, what string, s stage) {
	t.Helper()
	rs := c.since()
	c.judge.read(rs, s)
	c.judged += len(rs)
	for _, f := range c.judge.faults {
		t.Errorf("%s: %s: %s", c, what, f)
	}
	c.judge.faults = nil
}

// thirdParties returns the clients that are installed; where everything must be there, a missing one fails the test.
func thirdParties(t *testing.T) (all []thirdParty) {
	t.Helper()
	const clients = "../broker/clients/"
	dir := t.TempDir()
	build := func(what string, args ...string) bool {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			t.Logf("%s: %v\n%s", what, err, out)
		}
		return err == nil
	}
	exists := func(path string) bool { _, err := os.Stat(path); return err == nil }
	program := func(name string) bool { _, err := exec.LookPath(name); return err == nil }
	add := func(present bool, what string, parties ...thirdParty) {
		if present {
			all = append(all, parties...)
		} else if t.Logf("left out: %s", what); os.Getenv("TICKCAST_REQUIRE") != "" {
			t.Fatalf("%s is not installed, and TICKCAST_REQUIRE=1", what)
		}
	}
	hostPort := func(c *reporter) []string { return strings.Split(c.board.addr, ":") }
	rest := func(c *reporter, session string) []string { return []string{strconv.Itoa(c.v), c.id, session} }
	versions := func(p thirdParty) []thirdParty {
		three, five := p, p
		three.v, five.v = 4, 5
		return []thirdParty{three, five}
	}

	add(program("mosquitto_sub"), "mosquitto_sub (Debian package mosquitto-clients)", versions(thirdParty{name: "mosquitto_sub (libmosquitto)", subscribes: true,
		parser: func() func(string) (reported, bool) { return new(mosquittoReports).parse },
		command: func(c *reporter, session string) []string {
			at := hostPort(c)
			args := []string{"mosquitto_sub", "-d", "-h", at[0], "-p", at[1], "-i", c.id, "-k", "240", "-q", "1", "-t", "state/#", "-t", "event/#", "-t", "final/#",
				"-F", "message %t %q %r - %p", "-V", map[int]string{4: "mqttv311", 5: "mqttv5"}[c.v]}
			if session == "resume" {
				args = append(args, "-c")
			}
			if c.v == 5 {
				args = append(args, "-x", "600")
			}
			return args
		}})...)

	node := func(scheme, path string) func(*reporter, string) []string {
		return func(c *reporter, session string) []string {
			return append([]string{"node", clients + "report.mjs", scheme + "://" + c.board.addr + path}, rest(c, session)...)
		}
	}
	add(program("node") && exists(clients+"node_modules/mqtt"), "MQTT.js (npm ci in broker/clients)", append(
		versions(thirdParty{name: "MQTT.js", command: node("mqtt", "")}),
		versions(thirdParty{name: "MQTT.js", webSocket: true, command: node("ws", "/mqtt")})...)...)

	goProgram := filepath.Join(dir, "report-go")
	goCommand := func(c *reporter, session string) []string {
		return append([]string{goProgram, c.board.addr}, rest(c, session)...)
	}
	add(build("Go", "go", "build", "-o", goProgram, clients+"report.go"), "the Go program",
		thirdParty{name: "paho.mqtt.golang", v: 4, subscribes: true, command: goCommand}, thirdParty{name: "paho.golang", v: 5, command: goCommand})

	const python = "../docs/snippets/venv/bin/python"
	add(exists(python), "paho-mqtt for Python (make docs/snippets/venv)", versions(thirdParty{name: "paho-mqtt (Python)", command: func(c *reporter, session string) []string {
		return append(append([]string{python, clients + "report.py"}, hostPort(c)...), rest(c, session)...)
	}})...)

	cProgram := filepath.Join(dir, "report-c")
	hasC := program("gcc") && exists("/usr/include/MQTTAsync.h")
	add(hasC && build("C", "gcc", "-Wall", "-o", cProgram, clients+"c/report.c", "-lpaho-mqtt3a"), "Paho's C library (Debian package libpaho-mqtt-dev)",
		versions(thirdParty{name: "Paho C", command: func(c *reporter, session string) []string {
			return append(append([]string{cProgram}, hostPort(c)...), rest(c, session)...)
		}})...)

	hasJava := program("javac") && exists(clients+"java/lib")
	add(hasJava && build("Java", "javac", "-d", dir, "-cp", clients+"java/lib/*", clients+"java/Report.java"), "HiveMQ MQTT Client (make broker/clients/java/lib; Debian package default-jdk-headless)",
		versions(thirdParty{name: "HiveMQ MQTT Client (Java)", asks: true, command: func(c *reporter, session string) []string {
			java := []string{"java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", clients + "java/lib/*:" + dir, "Report"}
			return append(append(java, hostPort(c)...), rest(c, session)...)
		}})...)
	return all
}
