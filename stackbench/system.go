//go:build linux

package stackbench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tickcast/tickcast/stack"
)

// system is what is measured: the servers of a stack, and a bridge and an edge of our own beside them.
type system struct {
	kafka  string // addresses
	flink  string
	mqtt   string
	status stack.Status
	own    map[string]int // processes
}

// servers starts the servers of a stack in a data folder. stop ends them.
func servers(ctx context.Context, cfg stack.Config, out io.Writer) (stop func() error, err error) {
	s, err := stack.New(ctx, cfg, out)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // they stop when they are told to, after those that use them
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = func() error {
		cancel()
		return <-ended
	}
	select {
	case <-s.Ready():
		return stop, nil
	case err := <-ended:
		cancel()
		return nil, errors.Join(errors.New("the stack has ended"), err)
	}
}

// attach finds the addresses of a stack that runs.
func attach(dir string) (*system, error) {
	st, running, err := stack.ReadStatus(dir)
	if err == nil && !running {
		err = fmt.Errorf("no stack runs in %s", dir)
	}
	if err != nil {
		return nil, err
	}
	s := &system{status: st, own: map[string]int{"this tool": os.Getpid()}}
	for _, p := range st.Parts {
		switch p.Name {
		case "kafka":
			s.kafka = p.Address
		case "jobmanager":
			s.flink = p.Address
		}
	}
	return s, nil
}

// edge starts an edge and a bridge to it, and returns when the edge accepts clients.
func (s *system) edge(ctx context.Context) (stop func() error, err error) {
	page, err := freePort()
	if err != nil {
		return nil, err
	}
	if s.mqtt, err = freePort(); err != nil {
		return nil, err
	}
	const password = "TICKCAST_BRIDGE_PASSWORD"
	dir, err := os.MkdirTemp("", "tickcast-bench-edge-")
	if err != nil {
		return nil, err
	}
	var running []*exec.Cmd
	stop = func() error {
		var errs []error
		for i := len(running) - 1; i >= 0; i-- {
			_ = running[i].Process.Signal(syscall.SIGTERM) // it may have ended
			if err := running[i].Wait(); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", strings.Join(running[i].Args, " "), err))
			}
		}
		return errors.Join(append(errs, os.RemoveAll(dir))...)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	for _, role := range []struct{ name, config string }{
		{"broker", fmt.Sprintf("http: {listen: %q}\nbroker:\n  tcp: %q\n  websocket: \"\"\n  await_publisher: true\n  publishers: [{user: bridge, password_env: %s}]\n  admin: {listen: \"\"}\n", page, s.mqtt, password)},
		{"bridge", fmt.Sprintf("bridge:\n  kafka: {brokers: %q}\n  remote: {url: %q, username: bridge, password_env: %s}\n", s.kafka, "mqtt://"+s.mqtt, password)},
	} {
		path := filepath.Join(dir, role.name)
		if err := os.WriteFile(path+".yaml", []byte(role.config), 0o644); err != nil {
			return nil, errors.Join(err, stop())
		}
		log, err := os.Create(path + ".log")
		if err != nil {
			return nil, errors.Join(err, stop())
		}
		cmd := exec.Command(self, role.name, "-c", path+".yaml")
		cmd.Stdout, cmd.Stderr = log, log
		cmd.Env = append(os.Environ(), password+"=bench")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM} // Ctrl-C is for this tool, which stops them in their order
		err = cmd.Start()
		log.Close()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start %s: %w", role.name, err), stop())
		}
		running = append(running, cmd)
		s.own[role.name] = cmd.Process.Pid
	}
	for begun := time.Now(); ; {
		res, err := http.Get("http://" + page + "/health/ready")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return stop, nil
			}
		}
		if err := ctx.Err(); err != nil {
			return nil, errors.Join(err, stop())
		}
		if time.Since(begun) > time.Minute {
			return nil, errors.Join(fmt.Errorf("the edge is not ready within a minute: %v; the bridge's log says: %s", err, tail(filepath.Join(dir, "bridge.log"))), stop())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// tail is the end of a log.
func tail(path string) []byte {
	const most = 500
	b, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	return b[max(0, len(b)-most):]
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("take a port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}
