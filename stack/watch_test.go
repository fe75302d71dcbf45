package stack

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A part that hangs after it was ready is told of, once, and so is that it answers again.
func TestAPartThatHangsIsToldOf(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := &Stack{dataDir: dir, out: &out}
		var err error
		if s.journal, err = newJournal(dir, []*part{{name: "a"}}); err != nil {
			t.Fatal(err)
		}
		log := filepath.Join(dir, "a.log")
		if err := os.WriteFile(log, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		var hangs atomic.Bool
		ctx, cancel := context.WithCancel(t.Context())
		go s.watch(ctx, &program{name: "a", check: func(context.Context) error {
			if hangs.Load() {
				return errors.New("time is over")
			}
			return nil
		}}, log)
		for _, step := range []struct {
			hangs bool
			d     time.Duration
			lines int
			state string
		}{
			{false, time.Minute, 0, stateWaiting},
			{true, (silences - 1) * watchEvery, 0, stateWaiting}, // it may have much to do
			{false, watchEvery, 0, stateWaiting},
			{true, 10 * watchEvery, 1, stateSilent},
			{false, watchEvery, 2, stateReady},
		} {
			hangs.Store(step.hangs)
			time.Sleep(step.d)
			synctest.Wait()
			if n := strings.Count(out.String(), "\n"); n != step.lines || s.journal.st.Parts[0].State != step.state {
				t.Errorf("%+v: %d lines, state %s\n%s", step, n, s.journal.st.Parts[0].State, out.String())
			}
		}
		cancel()
	})
}

func TestALogIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	w, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	write := func(text string) {
		if _, err := w.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	read := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return string(b)
	}
	write("0123456789")
	if err := shorten(path, 10, 4); err != nil || read(path) != "0123456789" {
		t.Errorf("%v; a log that is not too long is %q", err, read(path))
	}
	write("a")
	if err := shorten(path, 10, 4); err != nil || read(path) != "" || read(path+".1") != "789a" {
		t.Errorf("%v; %q is left and %q kept", err, read(path), read(path+".1"))
	}
	if write("b"); read(path) != "b" {
		t.Errorf("its writer goes on with %q", read(path))
	}
}
