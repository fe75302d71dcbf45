package stack

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tickcast/tickcast/e2e/rig"
	"github.com/tickcast/tickcast/stack"
)

// servers are Kafka, Flink with its jobs, Redis and PostgreSQL, run by `tickcast stack up --only servers`.
type servers struct {
	dataDir string
	config  string // empty: somebody else's, which is neither stopped nor started again
	up      *exec.Cmd
	ended   chan struct{} // closed when up has ended
	said    string        // file with its output
}

const (
	functionsJar = "flink-sql/java/functions/target/tickcast-flink.jar"
	startLimit   = 10 * time.Minute // artifacts are fetched the first time
	stopLimit    = 3 * time.Minute
)

// running are the servers of a stack that runs.
func running(dataDir string) (*servers, error) {
	s := &servers{dataDir: dataDir}
	if _, err := s.ready(); err != nil {
		return nil, fmt.Errorf("TICKCAST_STACK_DATA=%s: %w", dataDir, err)
	}
	return s, nil
}

// start starts them below dir. The ports are chosen here and stay the same, so that roles find the servers again after a restart.
func start(dir string) (*servers, error) {
	root, err := rig.Root()
	if err != nil {
		return nil, err
	}
	jar := filepath.Join(root, functionsJar)
	if _, err := os.Stat(jar); err != nil {
		return nil, fmt.Errorf("the functions of Flink's jobs: %w (`make functions` builds them)", err)
	}
	ports, err := rig.FreePorts(6)
	if err != nil {
		return nil, err
	}
	s := &servers{dataDir: filepath.Join(dir, "stack"), config: filepath.Join(dir, "stack.yaml"), said: filepath.Join(dir, "stack.log")}
	text := fmt.Sprintf(`data_dir: %q
only: servers
kafka: {port: %d, controller_port: %d}
flink: {functions: %q, rest_port: %d, rpc_port: %d, heap: 512MiB, state_memory: 256MiB, checkpoint: 5s}
redis: {port: %d}
postgres: {port: %d}
`, s.dataDir, ports[0], ports[1], jar, ports[2], ports[3], ports[4], ports[5])
	if err := os.WriteFile(s.config, []byte(text), 0o644); err != nil {
		return nil, err
	}
	return s, s.start()
}

// start starts the supervisor and waits until every part is ready.
func (s *servers) start() error {
	out, err := os.OpenFile(s.said, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	up := exec.Command(binary, "stack", "up", "-c", s.config)
	up.Stdout, up.Stderr = out, out
	up.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // it ends the servers, also when a test's time-out ends us
	if err := up.Start(); err != nil {
		return err
	}
	s.up, s.ended = up, make(chan struct{})
	go func(ended chan struct{}) { _ = up.Wait(); close(ended) }(s.ended) // what went wrong is in its output
	deadline := time.Now().Add(startLimit)
	for {
		ok, err := s.ready()
		if ok {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("the servers are not ready after %s: %w\n%s", startLimit, err, s.output()), s.stop())
		}
		select {
		case <-s.ended:
			return fmt.Errorf("the servers did not start:\n%s", s.output())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// stop stops what start has started, and sees that nothing is left.
func (s *servers) stop() error {
	if s.config == "" {
		return nil
	}
	_ = s.up.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-s.ended:
	case <-time.After(stopLimit):
		_ = s.up.Process.Kill()
		<-s.ended
	}
	if out, err := exec.Command(binary, "stack", "down", "--data", s.dataDir).CombinedOutput(); err != nil || strings.Contains(string(out), "left over") {
		return fmt.Errorf("the servers did not stop orderly (%v):\n%s\n%s", err, out, s.output())
	}
	return nil
}

func (s *servers) output() string {
	b, err := os.ReadFile(s.said)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(b))
}

// ready says whether all parts are; the error says which are not.
func (s *servers) ready() (bool, error) {
	st, running, err := stack.ReadStatus(s.dataDir)
	if err != nil {
		return false, err
	}
	if !running {
		return false, errors.New("no stack runs there")
	}
	for _, p := range st.Parts {
		if p.State != "ready" {
			return false, fmt.Errorf("%s is %s", p.Name, p.State)
		}
	}
	return true, nil
}

// part returns what a part says of itself.
func (s *servers) part(name string) (stack.PartStatus, error) {
	st, _, err := stack.ReadStatus(s.dataDir)
	if err != nil {
		return stack.PartStatus{}, err
	}
	for _, p := range st.Parts {
		if p.Name == name {
			return p, nil
		}
	}
	return stack.PartStatus{}, fmt.Errorf("the stack of %s has no part %s", s.dataDir, name)
}
