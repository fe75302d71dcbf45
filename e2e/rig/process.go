package rig

import (
	"bufio"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a running tickcast.
type Process struct {
	T    testing.TB
	Cmd  *exec.Cmd
	Done chan struct{}
	Err  error // of Wait, once Done is closed

	mu    sync.Mutex
	lines []string
	news  chan struct{}
}

// Launch starts the binary; it is stopped when the test ends, and its output shown if the test failed.
func Launch(t testing.TB, binary string, env []string, args ...string) *Process {
	t.Helper()
	p := &Process{T: t, Cmd: exec.Command(binary, args...), Done: make(chan struct{}), news: make(chan struct{}, 1)}
	p.Cmd.Env = append(os.Environ(), env...)
	p.Cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.Cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.Cmd.Stderr = p.Cmd.Stdout
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.Done)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, s.Text())
			p.mu.Unlock()
			select {
			case p.news <- struct{}{}:
			default:
			}
		}
		p.Err = p.Cmd.Wait()
	}()
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("output of tickcast %s:\n%s", strings.Join(args, " "), p.Output())
		}
	})
	return p
}

// Output is all that the process has said.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// Stop ends the process as an operator would, and waits.
func (p *Process) Stop() {
	_ = p.Cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.Done:
	case <-time.After(20 * time.Second):
		p.T.Errorf("tickcast did not stop within 20 s")
		p.Cmd.Process.Kill()
		<-p.Done
	}
}

// Find waits for a line of output that matches, and returns its groups.
func (p *Process) Find(pattern string) []string {
	p.T.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(60 * time.Second)
	for {
		if m := re.FindStringSubmatch(p.Output()); m != nil {
			return m
		}
		select {
		case <-p.news:
		case <-p.Done:
			if m := re.FindStringSubmatch(p.Output()); m != nil {
				return m
			}
			p.T.Fatalf("tickcast ended (%v) without saying %q:\n%s", p.Err, pattern, p.Output())
		case <-deadline:
			p.T.Fatalf("tickcast did not say %q:\n%s", pattern, p.Output())
		}
	}
}
