package stack

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The folder in which a stack was started may be gone hours later, when a part has to be started again: Java does not start in such a place.
func TestPartsRunInTheDataFolder(t *testing.T) {
	dir, gone := t.TempDir(), t.TempDir()
	t.Chdir(gone)
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	s := &Stack{dataDir: dir, out: &strings.Builder{}}
	p := program{name: "a", patience: time.Second, command: func() (*exec.Cmd, error) { return exec.Command("/bin/sh", "-c", "touch here; exec sleep 60"), nil },
		check: func(context.Context) error { _, err := os.Stat(filepath.Join(dir, "here")); return err }}
	var err error
	if s.journal, err = newJournal(dir, []*part{s.part(p)}); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ready := false
	if err := s.runProgram(ctx, &p, func() { ready = true; cancel() }); err != nil || !ready {
		t.Errorf("ready %t, error %v", ready, errors.Unwrap(err))
	}
}
