package stack

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// answer is one line of the supervisor's answer to a Change: something to say, or the end.
type answer struct {
	Say   string `json:"say,omitempty"`
	Done  bool   `json:"done,omitempty"`
	Error string `json:"error,omitempty"`
}

// controlSocket is where the supervisor takes orders of its owner. The path goes through an open folder, because a socket's is at most 107 bytes long (unix(7)).
func controlSocket(dataDir string) (path string, dir *os.File, err error) {
	if dir, err = os.Open(dataDir); err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/control.sock", dir.Fd()), dir, nil
}

// control takes orders until ctx ends. The data folder's lock is held: a socket that is there already is of a supervisor that has crashed.
func (s *Stack) control(ctx context.Context) error {
	path, dir, err := controlSocket(s.dataDir)
	if err != nil {
		return fmt.Errorf("open the control socket: %w", err)
	}
	defer dir.Close()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("open the control socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		return fmt.Errorf("open the control socket: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var calls sync.WaitGroup
	defer calls.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("control socket: %w", err)
		}
		calls.Go(func() { s.serve(ctx, c) })
	}
}

// serve takes one order. Whoever gave it may leave: what has begun is brought to its end.
func (s *Stack) serve(ctx context.Context, c net.Conn) {
	defer c.Close()
	var mu sync.Mutex
	write := func(a answer) {
		mu.Lock()
		defer mu.Unlock()
		_ = c.SetWriteDeadline(time.Now().Add(time.Second)) // who gave the order may have left, and finds the outcome in the supervisor's output
		_ = json.NewEncoder(c).Encode(a)
	}
	var change Change
	_ = c.SetReadDeadline(time.Now().Add(checkLimit))
	err := json.NewDecoder(io.LimitReader(c, 1<<20)).Decode(&change)
	if err != nil {
		err = fmt.Errorf("unreadable order: %w", err)
	} else {
		err = s.upgrade(ctx, change, func(what string) { write(answer{Say: what}) })
	}
	end := answer{Done: true}
	if err != nil {
		end.Error = err.Error()
		s.say("upgrade", "", "failed: "+err.Error())
	}
	write(end)
}

// Upgrade has the stack of a data folder bring its jobs into another form, and tells what it does on out.
func Upgrade(ctx context.Context, dataDir string, change Change, out io.Writer) error {
	if change.Functions != "" {
		var err error
		if change.Functions, err = filepath.Abs(change.Functions); err != nil {
			return fmt.Errorf("functions: %w", err)
		}
	}
	_, running, err := ReadStatus(dataDir)
	if err == nil && !running {
		err = fmt.Errorf("no stack runs in %s", dataDir)
	}
	if err != nil {
		return err
	}
	path, dir, err := controlSocket(dataDir)
	if err != nil {
		return fmt.Errorf("reach the supervisor: %w", err)
	}
	defer dir.Close()
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return fmt.Errorf("reach the supervisor: %w", err)
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if err := json.NewEncoder(c).Encode(change); err != nil {
		return fmt.Errorf("reach the supervisor: %w", err)
	}
	for lines := bufio.NewScanner(c); lines.Scan(); {
		var a answer
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			return fmt.Errorf("the supervisor's answer: %w", err)
		}
		if a.Done {
			if a.Error != "" {
				return errors.New(a.Error)
			}
			return nil
		}
		fmt.Fprintln(out, a.Say)
	}
	if ctx.Err() != nil {
		return errors.New("left while the upgrade goes on; the supervisor's output and `tickcast stack status` say what comes of it")
	}
	return errors.New("the supervisor has ended before the upgrade did; the next `tickcast stack up` goes on from the newest state")
}
