package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
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

	"github.com/tickcast/tickcast/market"
)

const (
	snippetContract   = "BTCUSDT"
	snippetPeriod     = "1s" // so that some seconds are enough
	snippetResolution = "0.01"
)

// TestThirdPartySnippets runs the programs of the client guide. Each loses its edge, is connected for some seconds with one that has stood still (as where
// several edges stand behind one address), and then with the first again. It must never go back, and in the end have every closed candle and every trade once.
func TestThirdPartySnippets(t *testing.T) {
	t.Parallel()
	if os.Getenv("TICKCAST_REQUIRE") == "" {
		t.Skip("the guide's programs are tested by `make interop`, which installs what they need")
	}
	p := up(t, t.TempDir(), "simulator: {market: {seed: 5, rate: 8}}\n")
	at := p.addrs()
	cl := subscribe(t, at.mqtt, "candle/1s/"+snippetContract, closedSecond, "orderbook/0.01/"+snippetContract, "trade/"+snippetContract)
	closedSeen := 0
	cl.Wait("three closed candles", 30*time.Second, func(m message) bool {
		if m.Topic == closedSecond {
			closedSeen++
		}
		return closedSeen == 3
	})
	old := startOldEdge(t, cl.Received())
	mqtt := strings.TrimPrefix(at.mqtt, "mqtt://")
	ws := strings.TrimSuffix(strings.TrimPrefix(at.ws, "ws://"), "/mqtt")

	goProgram := filepath.Join(t.TempDir(), "follow")
	if out, err := exec.Command("go", "build", "-o", goProgram, "../docs/snippets/follow.go").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/follow.html":
			http.ServeFile(w, r, "../docs/snippets/follow.html")
		case "/mqtt.esm.js":
			http.ServeFile(w, r, "../docs/snippets/node_modules/mqtt/dist/mqtt.esm.js")
		}
	}))
	t.Cleanup(page.Close)

	args := func(edge string) []string {
		return []string{edge, at.http, snippetContract, snippetPeriod, snippetResolution}
	}
	var all []*snippet
	for _, s := range []struct {
		name   string
		scheme string
		env    string
		cmd    func(edge string) []string
	}{
		{"Node", "mqtt", "", func(edge string) []string {
			return append([]string{"node", "../docs/snippets/follow.mjs"}, args(edge)...)
		}},
		{"Go", "mqtt", "", func(edge string) []string { return append([]string{goProgram}, args(edge)...) }},
		{"Python", "mqtt", "", func(edge string) []string {
			return append([]string{"../docs/snippets/venv/bin/python", "../docs/snippets/follow.py"}, args(edge)...)
		}},
		{"shell, mosquitto_sub", "mqtt", "", func(edge string) []string { return append([]string{"../docs/snippets/follow.sh"}, args(edge)...) }},
		{"shell, tickcast sub", "mqtt", "SUB=" + binary, func(edge string) []string { return append([]string{"../docs/snippets/follow.sh"}, args(edge)...) }},
		{"browser", "ws", "", func(edge string) []string {
			q := url.Values{"edge": {edge}, "rest": {at.http}, "contract": {snippetContract}, "period": {snippetPeriod}, "resolution": {snippetResolution}}
			return []string{"chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
				"--enable-logging=stderr", "--remote-debugging-port=0", "--user-data-dir=" + t.TempDir(), page.URL + "/follow.html?" + q.Encode()}
		}},
	} {
		first, second := mqtt, old.Addrs().TCP
		if s.scheme == "ws" {
			first, second = ws, old.Addrs().WebSocket
		}
		w := newSwitchboard(t, first)
		edge := s.scheme + "://" + w.addr
		if s.scheme == "ws" {
			edge += "/mqtt"
		}
		all = append(all, &snippet{name: s.name, board: w, first: first, second: second})
		all[len(all)-1].start(t, s.env, s.cmd(edge))
	}
	for _, s := range all {
		s.wait(t, "is under way", func(r *followed) bool {
			return r.count("closed", "live") >= 3 && r.count("trade", "live") >= 3 && len(r.of["candle"]) > 0 && len(r.of["book"]) > 0
		})
	}
	for _, s := range all {
		s.board.connect(s.second)
	}
	revised := old.tell(t, cl.Received(), all)
	for _, s := range all {
		s.board.connect(s.first)
	}
	backMs := time.Now().UnixMilli()
	for _, s := range all {
		s.wait(t, "has everything", func(r *followed) bool { return r.whole(backMs) == "" })
		s.check(t, at.http, revised)
	}
}

// snippet is a running program of the guide.
type snippet struct {
	name          string
	board         *switchboard
	first, second string
	mu            sync.Mutex
	lines         []string
}

var consoleLine = regexp.MustCompile(`CONSOLE.*\] "(.*)", source: `)

func (s *snippet) start(t *testing.T, env string, args []string) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = os.Environ()
	if env != "" {
		cmd.Env = append(cmd.Env, env)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	cmd.WaitDelay = 5 * time.Second // a browser's helper may outlive it with the pipe
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		for in := bufio.NewScanner(r); in.Scan(); {
			line := in.Text()
			if m := consoleLine.FindStringSubmatch(line); m != nil {
				line = m[1]
			}
			s.mu.Lock()
			s.lines = append(s.lines, line)
			s.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait() // it was killed
		w.Close()
		reading.Wait()
	})
}

func (s *snippet) read() *followed {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &followed{of: map[string][][]string{}}
	for _, line := range s.lines {
		if words := strings.Fields(line); len(words) > 1 {
			r.of[words[0]] = append(r.of[words[0]], words[1:])
		}
	}
	return r
}

func (s *snippet) wait(t *testing.T, what string, done func(*followed) bool) {
	t.Helper()
	for begun := time.Now(); !done(s.read()); time.Sleep(50 * time.Millisecond) {
		if time.Since(begun) > patience {
			missing := s.read().whole(0)
			s.mu.Lock()
			defer s.mu.Unlock()
			t.Fatalf("%s: it is not so that it %s (%s); the last of its lines:\n%s", s.name, what, missing, strings.Join(s.lines[max(0, len(s.lines)-40):], "\n"))
		}
	}
}

// followed is what a program printed, by the first word of its lines.
type followed struct{ of map[string][][]string }

func (r *followed) count(what, from string) (n int) {
	for _, words := range r.of[what] {
		if words[len(words)-1] == from {
			n++
		}
	}
	return n
}

// whole says what is missing: closed candles without a hole to three seconds after the time, and trades without a hole that has stood for a moment.
func (r *followed) whole(afterMs int64) string {
	ids := func(what string) (first, last int64, has map[int64]bool) {
		has = map[int64]bool{}
		for _, words := range r.of[what] {
			id, _ := strconv.ParseInt(words[0], 10, 64)
			has[id] = true
			if words[2] == "live" {
				last = max(last, id)
				if first == 0 {
					first = id
				}
			}
		}
		return first, last, has
	}
	first, last, has := ids("closed")
	for t := first; t <= last; t += 1000 {
		if !has[t] {
			return fmt.Sprintf("closed candle %d is missing", t)
		}
	}
	if last < afterMs+3000 {
		return fmt.Sprintf("no closed candle since %d", last)
	}
	first, last, has = ids("trade")
	for a := first; a <= last; a++ {
		if !has[a] {
			return fmt.Sprintf("trade %d is missing", a)
		}
	}
	if r.count("closed", "rest") == 0 || r.count("trade", "rest") == 0 {
		return "nothing was taken from REST"
	}
	return ""
}

// broken is what a program says when it did not expect what came.
var broken = regexp.MustCompile(`Uncaught|JSON|Traceback`)

// check sees that nothing came twice or went back, and that the candles are those of REST, but for the revised one.
func (s *snippet) check(t *testing.T, rest string, revised candle) {
	t.Helper()
	r := s.read()
	s.mu.Lock()
	for _, line := range s.lines {
		if broken.MatchString(line) {
			t.Errorf("%s: %s", s.name, line)
		}
	}
	s.mu.Unlock()
	for _, what := range []string{"candle", "book"} {
		var last market.Version
		for _, words := range r.of[what] {
			var v market.Version
			format := "%d %d"
			into := []any{&v.Epoch, &v.Seq}
			if what == "candle" {
				format, into = "%d %d %d", []any{&v.Epoch, &v.T, &v.Seq}
			}
			if _, err := fmt.Sscanf(strings.Join(words, " "), format, into...); err != nil {
				t.Fatalf("%s: %s %v: %v", s.name, what, words, err)
			}
			if !last.Less(v) {
				t.Errorf("%s: %s %s after %s", s.name, what, v, last)
			}
			last = v
		}
	}
	trades := map[string]bool{}
	for _, words := range r.of["trade"] {
		if trades[words[0]] {
			t.Errorf("%s: trade %s twice", s.name, words[0])
		}
		trades[words[0]] = true
	}
	var rows [][]any
	get(t, rest+"/api/v3/klines?symbol="+snippetContract+"&interval="+snippetPeriod+"&limit=1000", &rows)
	want := map[string]string{}
	for _, row := range rows {
		want[strconv.FormatInt(int64(row[0].(float64)), 10)] = trimmed(row[4].(string))
	}
	got := map[string]string{}
	for _, words := range r.of["closed"] {
		if c := trimmed(words[1]); got[words[0]] == c {
			t.Errorf("%s: closed candle %s twice", s.name, words[0])
		} else if c != want[words[0]] && c != trimmed(revised.Close) {
			t.Errorf("%s: closed candle %s is %s, REST says %s", s.name, words[0], c, want[words[0]])
		}
		got[words[0]] = trimmed(words[1])
	}
	if c := got[strconv.FormatInt(revised.OpenMs, 10)]; c != trimmed(revised.Close) {
		t.Errorf("%s: closed candle %d is %q in the end, it was revised to %s", s.name, revised.OpenMs, c, revised.Close)
	}
	t.Logf("%s: %d versions of the candle, %d of the book; closed candles %d live and %d by REST, trades %d live and %d by REST", s.name, len(r.of["candle"]), len(r.of["book"]),
		r.count("closed", "live"), r.count("closed", "rest"), r.count("trade", "live"), r.count("trade", "rest"))
}

func trimmed(decimal string) string { return strings.TrimRight(strings.TrimRight(decimal, "0"), ".") }
