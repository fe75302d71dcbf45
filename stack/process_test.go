package stack

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The folder in which a stack was started may be gone hours later, when a part has to be started again: Java does not start in such a place.
func TestPartsRunInTheDataFolder(t *testing.T) {
	gone := t.TempDir()
	t.Chdir(gone)
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ready := false
	if _, err := runShell(ctx, t, "touch here; exec sleep 60", func(_ context.Context, dir string) error { _, err := os.Stat(filepath.Join(dir, "here")); return err },
		func() { ready = true; cancel() }); err != nil || !ready {
		t.Errorf("ready %t, error %v", ready, err)
	}
}

// What died while it was asked is started again without delay.
func TestAQuestionDoesNotOutlastThePart(t *testing.T) {
	t.Parallel()
	var begun time.Time
	_, err := runShell(t.Context(), t, "sleep 0.2; echo why; exit 7", func(ctx context.Context, _ string) error { begun = time.Now(); <-ctx.Done(); return ctx.Err() }, func() { t.Error("it was ready") })
	if took := time.Since(begun); err == nil || !strings.Contains(err.Error(), "exit status 7") || !strings.Contains(err.Error(), "says: why") || took >= checkLimit {
		t.Errorf("after %s: %v", took, err)
	}
}

func TestAPartThatIsNotReadyInTimeSaysWhatItAnsweredLast(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := 0
	log, err := runShell(ctx, t, "exec sleep 60", func(ctx context.Context, _ string) error {
		if asked++; asked == 1 {
			return errors.New("its door is shut")
		}
		cancel()
		return context.Cause(ctx)
	}, func() { t.Error("it was ready") })
	if err == nil || err.Error() != "its door is shut; its log is "+log {
		t.Errorf("error %v", err)
	}
}

// runShell runs a part that is a shell's script, in a data folder of its own, and returns the part's log.
func runShell(ctx context.Context, t *testing.T, script string, check func(ctx context.Context, dir string) error, up func()) (log string, err error) {
	t.Helper()
	dir := t.TempDir()
	s := &Stack{dataDir: dir, out: &strings.Builder{}}
	p := program{name: "a", patience: time.Second, stop: syscall.SIGTERM, command: func() (*exec.Cmd, error) { return exec.Command("/bin/sh", "-c", script), nil },
		check: func(ctx context.Context) error { return check(ctx, dir) }}
	if s.journal, err = newJournal(dir, []*part{s.part(p)}); err != nil {
		t.Fatal(err)
	}
	log = s.logFile(p.name)
	if err := os.Mkdir(filepath.Dir(log), 0o755); err != nil {
		t.Fatal(err)
	}
	return log, s.runProgram(ctx, &p, up)
}
