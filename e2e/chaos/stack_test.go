// Package chaos kills every kind of part of the stack, under load, and sees that nothing is lost, nothing comes twice, and no client sees a value go back.
package chaos

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/e2e/rig"
	"github.com/tickcast/tickcast/stack"
)

// servers is a stack of this test's own, as `tickcast stack up` runs it: parts of it are killed.
type servers struct {
	cfg stack.Config
	cmd *exec.Cmd

	mu    sync.Mutex
	lines []string
	done  chan struct{}
}

// startWithin is how long a whole stack may take: five JVMs and two SQL clients on a machine that has other things to do, after their artifacts have been fetched.
const startWithin = 15 * time.Minute

// start builds the binary and starts the stack; it stops with the test.
func start(t *testing.T, checkpoint time.Duration) *servers {
	t.Helper()
	dir, err := os.MkdirTemp("", "tickcast-chaos-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // PostgreSQL's account must get in
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("logs and data stay in %s", dir)
		} else if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	binary := filepath.Join(dir, "tickcast")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/tickcast/tickcast/cmd/tickcast").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	s := &servers{cfg: stack.DefaultConfig(), done: make(chan struct{})}
	c := &s.cfg
	c.DataDir, c.Flink.Checkpoint, c.Roles.Rate = filepath.Join(dir, "data"), configs.Duration(checkpoint), tradesPerSecond
	if c.Flink.Functions, err = filepath.Abs(filepath.Join("..", "..", c.Flink.Functions)); err != nil {
		t.Fatal(err)
	}
	r := &c.Roles
	listening := []*int{&c.Kafka.Port, &c.Kafka.ControllerPort, &c.Flink.RestPort, &c.Flink.RPCPort, &c.Redis.Port, &c.Postgres.Port,
		&r.PagePort, &r.MQTTPort, &r.WebSocketPort, &r.AdminPort, &r.HistoryPort, &r.SimulatorPort}
	ports, err := rig.FreePorts(len(listening))
	if err != nil {
		t.Fatal(err)
	}
	for i := range listening {
		*listening[i] = ports[i]
	}
	file := filepath.Join(dir, "stack.yaml")
	text := fmt.Sprintf(`data_dir: %s
kafka: {port: %d, controller_port: %d}
flink: {functions: %s, rest_port: %d, rpc_port: %d, checkpoint: %s}
redis: {port: %d}
postgres: {port: %d}
roles: {rate: %g, page_port: %d, mqtt_port: %d, websocket_port: %d, admin_port: %d, history_port: %d, simulator_port: %d}
`, c.DataDir, c.Kafka.Port, c.Kafka.ControllerPort, c.Flink.Functions, c.Flink.RestPort, c.Flink.RPCPort, checkpoint, c.Redis.Port, c.Postgres.Port,
		r.Rate, r.PagePort, r.MQTTPort, r.WebSocketPort, r.AdminPort, r.HistoryPort, r.SimulatorPort)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s.cmd = exec.Command(binary, "stack", "up", "-c", file)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stderr = s.cmd.Stdout
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.done)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			s.mu.Lock()
			s.lines = append(s.lines, scan.Text())
			s.mu.Unlock()
		}
		_ = s.cmd.Wait() // what it said is shown
	}()
	t.Cleanup(func() { s.stop(t) })
	s.await(t, "the whole stack", startWithin, func() error {
		if !strings.Contains(s.output(), " ready after ") || !strings.Contains(s.output(), "\n  all ") {
			return errors.New("is not ready")
		}
		return nil
	})
	return s
}

func (s *servers) output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

func (s *servers) stop(t *testing.T) {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-s.done:
	case <-time.After(5 * time.Minute):
		t.Error("the stack did not stop within five minutes")
		_ = s.cmd.Process.Kill()
		<-s.done
	}
	if out, err := exec.Command(s.cmd.Path, "stack", "down", "--data", s.cfg.DataDir).CombinedOutput(); err != nil || strings.Contains(string(out), "left over") {
		t.Errorf("the stack did not stop orderly (%v):\n%s", err, out)
	}
	if t.Failed() {
		t.Logf("the stack said:\n%s", s.output())
	}
}

// await waits until check has no objection any more.
func (s *servers) await(t *testing.T, what string, limit time.Duration, check func() error) {
	t.Helper()
	for deadline := time.Now().Add(limit); ; {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-s.done:
			t.Fatalf("the stack ended:\n%s", s.output())
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v, for %s", what, err, limit)
		}
	}
}

// parts are the parts of that name, or of that name and a number.
func (s *servers) parts(t *testing.T, name string) (found []stack.PartStatus) {
	t.Helper()
	for _, p := range s.status(t).Parts {
		if p.Name == name || strings.HasPrefix(p.Name, name+"-") && !strings.HasPrefix(name, "redis") {
			found = append(found, p)
		}
	}
	if len(found) == 0 {
		t.Fatalf("the stack has no %s", name)
	}
	return found
}

// working are the TaskManagers that have tasks: the jobs may all be on one.
func (s *servers) working(t *testing.T) (parts []stack.PartStatus) {
	t.Helper()
	var answer struct {
		TaskManagers []struct {
			ID          string `json:"id"`
			SlotsNumber int    `json:"slotsNumber"`
			FreeSlots   int    `json:"freeSlots"`
		} `json:"taskmanagers"`
	}
	s.await(t, "the JobManager's TaskManagers", time.Minute, func() error {
		res, err := http.Get("http://" + loopback(s.cfg.Flink.RestPort) + "/taskmanagers")
		if err != nil {
			return err
		}
		defer res.Body.Close()
		return json.NewDecoder(res.Body).Decode(&answer)
	})
	for _, p := range s.parts(t, taskManager) {
		for _, tm := range answer.TaskManagers {
			if strings.HasPrefix(tm.ID, p.Name+".") && tm.FreeSlots < tm.SlotsNumber {
				parts = append(parts, p)
			}
		}
	}
	if len(parts) == 0 {
		t.Fatalf("no TaskManager has a task: %+v", answer)
	}
	return parts
}

// victim is one of the parts that a kind names.
func (s *servers) victim(t *testing.T, kind string, random *rand.Rand) stack.PartStatus {
	t.Helper()
	var victims []stack.PartStatus
	switch kind {
	case taskManager:
		victims = s.working(t)
	case standstill:
		victims = s.parts(t, kafkaPart)
	default:
		victims = s.parts(t, kind)
	}
	return victims[random.IntN(len(victims))]
}

// standsFor is how long Kafka stands still: for longer than its default session; or, once it was killed, which gives it that, for less, with the 2 s that its last sign of life may be old.
func standsFor(victim stack.PartStatus) time.Duration {
	if victim.Restarts == 0 {
		return 15 * time.Second
	}
	return 4 * time.Second
}

// strike kills a part and waits until its death is known, or makes Kafka stand still and go on, and says what happened.
func (s *servers) strike(t *testing.T, kind string, victim stack.PartStatus) (what string) {
	t.Helper()
	send := func(sig syscall.Signal) {
		if err := syscall.Kill(victim.Process.PID, sig); err != nil {
			t.Fatalf("send %s to %s: %v", sig, victim.Name, err)
		}
	}
	if kind == standstill {
		send(syscall.SIGSTOP)
		time.Sleep(standsFor(victim))
		send(syscall.SIGCONT)
		return "the standstill of " + victim.Name
	}
	send(syscall.SIGKILL)
	what = "the death of " + victim.Name
	s.await(t, what, mendsWithin, func() error {
		if s.restarts(t)[victim.Name] == victim.Restarts {
			return errors.New("it is not known")
		}
		return nil
	})
	return what
}

// restarts are how often each part was started again.
func (s *servers) restarts(t *testing.T) map[string]int {
	t.Helper()
	n := map[string]int{}
	for _, p := range s.status(t).Parts {
		n[p.Name] = p.Restarts
	}
	return n
}

func (s *servers) status(t *testing.T) stack.Status {
	t.Helper()
	st, running, err := stack.ReadStatus(s.cfg.DataDir)
	if err != nil || !running {
		t.Fatalf("the stack's state: running %t, %v", running, err)
	}
	return st
}

// freeze makes parts stand still until the end of the test.
func (s *servers) freeze(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		pid := s.parts(t, name)[0].Process.PID
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatalf("stop %s: %v", name, err)
		}
		t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) }) // it may have ended
	}
}

// settled says which part is not running as it should.
func (s *servers) settled() error {
	st, _, err := stack.ReadStatus(s.cfg.DataDir)
	if err != nil {
		return err
	}
	for i := range st.Parts {
		if p := &st.Parts[i]; p.State != "ready" || p.Process.PID != 0 && !p.Alive() {
			return fmt.Errorf("%s is %s", p.Name, p.State)
		}
	}
	return nil
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
