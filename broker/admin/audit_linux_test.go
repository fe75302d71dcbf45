package admin

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A disk that is full after half a line: the file must not tell of a change that was not made, and goes on where it was. A limit on the size of files stands for the
// disk; it holds for the whole process, so the test runs in one of its own.
func TestAuditOnAFullDiskHasNoHalfLine(t *testing.T) {
	const inChild = "TICKCAST_TEST_FULL_DISK"
	if os.Getenv(inChild) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
		cmd.Env = append(os.Environ(), inChild+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	a, err := openAudit(path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := record(a, "first"); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	full := was
	full.Cur = uint64(len(whole) + 10)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if record(a, "second") == nil {
			t.Error("recorded on a full disk")
		}
		if b, _ := os.ReadFile(path); string(b) != string(whole) {
			t.Errorf("the file has\n%s", b)
		}
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	if err := record(a, "third"); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if b, _ := os.ReadFile(path); strings.Count(string(b), "\n") != 4 || !strings.Contains(string(b), `{"change":2,`) || strings.Contains(string(b), "second") {
		t.Errorf("the file has\n%s", b)
	}
	if err := a.close(); err != nil {
		t.Error(err)
	}
}
