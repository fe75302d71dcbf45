package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// program is a part that is a process.
type program struct {
	name  string
	addr  string
	needs []string

	command  func() (*exec.Cmd, error)       // prepares its files and says what to run, anew for each start
	check    func(ctx context.Context) error // one question whether it answers; it ends with ctx, so that a part that died while it was asked is started again without delay
	stop     syscall.Signal
	patience time.Duration        // how long it may take to stop before it is killed
	rest     func() time.Duration // as a part has it
}

const (
	checkEach  = 100 * time.Millisecond
	checkLimit = 3 * time.Second
)

// ask asks once, and waits no longer than for checkLimit.
func (p *program) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	return p.check(ctx)
}

func (s *Stack) logFile(name string) string { return filepath.Join(s.dataDir, "logs", name+".log") }

// part makes the part that runs a program.
func (s *Stack) part(p program) *part {
	return &part{name: p.name, addr: p.addr, needs: p.needs, rest: p.rest, run: func(ctx context.Context, up func()) error { return s.runProgram(ctx, &p, up) }}
}

func (s *Stack) runProgram(ctx context.Context, p *program, up func()) error {
	cmd, err := p.command()
	if err != nil {
		return err
	}
	path := s.logFile(p.name)
	log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("open its log: %w", err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if cmd.Dir == "" {
		cmd.Dir = s.dataDir // the folder in which the stack was started may be gone when a part is started again
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true // Ctrl-C at the terminal reaches the supervisor only, which stops the parts in their order
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	ended := make(chan error, 1)
	begun := time.Now()
	alive, dead := context.WithCancel(ctx) // no question outlasts the process
	defer dead()
	go func() {
		err := cmd.Wait()
		keepClasses(cmd, time.Since(begun))
		ended <- err
		dead()
	}()
	died := func(err error) error {
		return fmt.Errorf("ended (%v); its log %s says: %s", exitOf(err), path, lastLine(path))
	}
	id, err := identify(cmd.Process.Pid)
	if err == nil {
		err = s.journal.set(p.name, func(st *PartStatus) { st.Process, st.Log, st.StopSignal = id, path, p.stop })
	}
	if err != nil {
		select {
		case err := <-ended: // at once
			return died(err)
		case <-time.After(checkEach):
		}
		return s.end(cmd, p, ended, err)
	}
	said := errors.New("it was not asked yet")
	for {
		err := p.ask(alive)
		if err == nil {
			break
		}
		if alive.Err() == nil { // otherwise it says only that it was not waited for
			said = err
		}
		select {
		case err := <-ended:
			return died(err)
		case <-ctx.Done():
			return s.end(cmd, p, ended, fmt.Errorf("%w; its log is %s", said, path))
		case <-time.After(checkEach):
		}
	}
	up()
	watched := make(chan struct{})
	go func() { defer close(watched); s.watch(alive, p, path) }()
	defer func() { dead(); <-watched }()
	select {
	case err := <-ended:
		return died(err)
	case <-ctx.Done():
		return s.end(cmd, p, ended, nil)
	}
}

// end stops a process as it wants to be stopped, kills it if that takes too long, and returns why.
func (s *Stack) end(cmd *exec.Cmd, p *program, ended <-chan error, why error) error {
	_ = cmd.Process.Signal(p.stop) // it may just have ended
	select {
	case <-ended:
	case <-time.After(p.patience):
		s.say(p.name, p.addr, fmt.Sprintf("did not stop within %s: killed", p.patience))
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	}
	return why
}

func exitOf(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// lastLine is what a log says last.
func lastLine(path string) string {
	const tail = 4096
	f, err := os.Open(path)
	if err != nil {
		return "(" + err.Error() + ")"
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Size() > tail {
		_, _ = f.Seek(-tail, 2) // from the beginning otherwise
	}
	b := make([]byte, tail)
	n, _ := f.Read(b) // an empty log has no last line
	lines := bytes.Split(bytes.TrimSpace(b[:n]), []byte("\n"))
	if last := lines[len(lines)-1]; len(last) > 0 {
		return string(last)
	}
	return "(nothing)"
}
