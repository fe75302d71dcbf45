package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/e2e/rig"
)

var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// TestInteropAdminGuide runs every example of docs/admin.md, in order, against a `tickcast up` with a client. The last one drains it: the process must end well.
func TestInteropAdminGuide(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../docs/admin.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := up(t, filepath.Join(dir, "data"), "simulator: {market: {seed: 7, rate: 8}}\n")
	at := p.addrs()
	m := p.Find(`admin +http://(\S+) +the operator's key is in (\S+)`)
	admin, keyFile := m[1], m[2]
	info, err := os.Stat(keyFile)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("key file: %v, mode %v", err, info.Mode())
	}
	raw, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	key := strings.TrimSpace(string(raw))

	cl := subscribe(t, at.mqtt, "candle/1m/BTCUSDT") // not the order book, whose value the guide deletes
	cl.Wait("a candle", 60*time.Second, func(m message) bool { return m.Topic == "candle/1m/BTCUSDT" })
	phone := exec.Command("mosquitto_sub", "-V", "5", "-i", "phone-1", "-h", "127.0.0.1", "-p", port(at.mqtt), "-t", "candle/1m/+", "-q", "1")
	if err := phone.Start(); err != nil {
		if os.Getenv("TICKCAST_REQUIRE") != "" {
			t.Fatal(err)
		}
		t.Skipf("mosquitto_sub is needed: %v", err)
	}
	t.Cleanup(func() { _ = phone.Process.Kill(); _ = phone.Wait() })

	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	// ctl's default is the port of an installation; this edge listens on a free one.
	wrapper := fmt.Sprintf("#!/bin/sh\ncase \"$1 $2\" in 'ctl keys') exec %s \"$@\";; esac\nshift; exec %s ctl --url http://%s \"$@\"\n", binary, binary, admin)
	if err := os.WriteFile(filepath.Join(bin, "tickcast"), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	run := func(line string) (string, error) {
		cmd := exec.Command("sh", "-c", strings.ReplaceAll(line, "127.0.0.1:18083", admin))
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	wants := []struct{ line, want string }{ // what examples must print, by their beginning
		{"tickcast ctl stats", `"connections": `},
		{"tickcast ctl --key-file", `"conflated":`},
		{"curl -sf -H \"Authorization: Bearer $(cat data/admin/operator.key)\" 'http", `"clientid":"phone-1"`},
		{"tickcast ctl clients phone-1", `"proto_ver": 5`},
		{"tickcast ctl clients", "phone-1"},
		{"tickcast ctl subscriptions", "candle/1m/+"},
		{"tickcast ctl topics", "candle/1m/BTCUSDT"},
		{"tickcast ctl retained candle", `"s":"BTCUSDT"`},
		{"tickcast ctl retained --delete", "this edge alone"},
		{"tickcast ctl ban clientid", "clients were disconnected"},
		{"tickcast ctl banned", "reconnects in a loop"},
		{"tickcast ctl audit", "/api/v1/banned/peerhost/203.0.113.0%2F24"},
		{"curl -sf http://127.0.0.1:18083/metrics", "tickcast_edge_messages_conflated_total "},
		{"curl -sf http://127.0.0.1:18083/health/ready", "ready"},
		{"tickcast ctl drain", "the edge is gone"},
	}
	waited, ran := false, 0
	for _, block := range shellBlock.FindAllStringSubmatch(string(guide), -1) {
		for line := range strings.Lines(block[1]) {
			line = strings.TrimSpace(line)
			if !waited && strings.Contains(line, "clients") { // phone-1 may still be connecting
				waited = true
				for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
					if out, err := run("tickcast ctl subscriptions --client phone-1"); err == nil && strings.Contains(out, "candle/1m/+") {
						break
					}
				}
			}
			if strings.HasPrefix(line, "tickcast ctl --key-file") {
				time.Sleep(1100 * time.Millisecond) // new keys are taken within a second
			}
			out, err := run(line)
			ran++
			if err != nil {
				t.Errorf("%s: %v\n%s", line, err, out)
			}
			for _, w := range wants {
				if strings.HasPrefix(line, w.line) {
					if !strings.Contains(out, w.want) {
						t.Errorf("%s prints\n%s\nwithout %q", line, out, w.want)
					}
					break
				}
			}
			if strings.Contains(out, key) {
				t.Errorf("%s prints the key", line)
			}
		}
	}
	if ran < 20 {
		t.Errorf("%d examples found", ran)
	}
	select {
	case <-p.Done:
		if p.Err != nil {
			t.Errorf("after the drain the process ends with %v", p.Err)
		}
	case <-time.After(60 * time.Second):
		t.Error("the process goes on after the drain")
	}
	if strings.Contains(p.Output(), key) {
		t.Error("the key is in the log")
	}
	audit, err := os.ReadFile(filepath.Join(dir, "data/admin/audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	changes := map[string]bool{}
	for line := range strings.Lines(string(audit)) {
		var e struct{ Who, Method, Path, Result string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("audit: %v in %s", err, line)
		}
		changes[fmt.Sprint(e.Who, " ", e.Method, " ", e.Path, " ", e.Result)] = true
	}
	for _, want := range []string{"operator DELETE /api/v1/clients/phone-1 done", "operator POST /api/v1/banned done", "operator POST /api/v1/drain done"} {
		if !changes[want] {
			t.Errorf("the audit has no %q: %v", want, changes)
		}
	}
}

func port(url string) string { return url[strings.LastIndexByte(url, ':')+1:] }

// ctl says in words what the edge refuses, and with a code that scripts see.
func TestCtlRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys.yaml")
	for _, k := range []string{"viewer", "operator"} {
		if out, err := exec.Command(binary, "ctl", "keys", "add", k, "--role", k, "--keys-file", keys, "--out", filepath.Join(dir, k)).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	p := launch(t, nil, "broker", "-c", rig.WriteFile(t, "broker.yaml", `broker: {tcp: "127.0.0.1:0", websocket: "", admin: {listen: "127.0.0.1:0", keys_file: "`+keys+`"}}`))
	admin := "http://" + p.Find(`msg=edge .*admin=(\S+)`)[1]
	for _, tt := range []struct {
		key, want string
		args      []string
	}{
		{"operator", `not found: there is no client "nobody"`, []string{"kick", "nobody"}},
		{"operator", `not found: there is no client ".."`, []string{"kick", ".."}},
		{"operator", `not found: there is no client "."`, []string{"clients", "."}},
		{"operator", `not found: nothing is retained for ".."`, []string{"retained", ".."}},
		{"operator", `not found: clientid ".." is not banned`, []string{"unban", "clientid", ".."}},
		{"viewer", `forbidden: the key "viewer" is a viewer's`, []string{"kick", "nobody"}},
		{"operator", `bad request: as: "host"`, []string{"ban", "host", "x"}},
		{"operator", `not found: nothing is retained for "candle/1m/NONE"`, []string{"retained", "candle/1m/NONE"}},
		{"", "no API key: give --key-file or set TICKCAST_ADMIN_KEY", []string{"stats"}},
	} {
		args := []string{"ctl", "--url", admin}
		if tt.key != "" {
			args = append(args, "--key-file", filepath.Join(dir, tt.key))
		}
		cmd := exec.Command(binary, append(args, tt.args...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), tt.want) {
			t.Errorf("ctl %v: %v\n%s\nwant %q", tt.args, err, out, tt.want)
		}
	}
	key, err := os.ReadFile(filepath.Join(dir, "viewer"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "ctl", "--url", admin, "clients", "--json")
	cmd.Env = append(os.Environ(), "TICKCAST_ADMIN_KEY="+strings.TrimSpace(string(key)))
	out, err := cmd.Output()
	if want := `{"data":[],"meta":{"page":1,"limit":100,"count":0,"hasnext":false}}` + "\n"; err != nil || string(out) != want {
		t.Errorf("%v %s", err, out)
	}
}
