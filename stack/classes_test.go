package stack

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The first JVM that ends in order leaves an archive of its classes, and the next one uses it; one that is killed leaves nothing.
func TestClassesAreShared(t *testing.T) {
	t.Parallel()
	tools, err := findTools(context.Background(), "java", false)
	if err != nil {
		if os.Getenv("TICKCAST_REQUIRE") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	s := &Stack{tools: tools}
	jars := filepath.Join(dir, "jars")
	program := func(more ...string) *exec.Cmd {
		return exec.Command(tools.java, append(append(s.sharedClasses(jars, "tool"), more...), "sun.security.tools.keytool.Main", "-help")...)
	}

	waiting := program()
	waiting.Args = append(waiting.Args[:len(waiting.Args)-1], "-importpass", "-keystore", filepath.Join(dir, "none")) // asks for a password
	in, err := waiting.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := waiting.Start(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, func() { _ = waiting.Process.Signal(syscall.SIGKILL) })
	_ = waiting.Wait() // killed
	keepClasses(waiting, time.Hour)
	if files := archives(t, dir); len(files) > 0 {
		t.Errorf("a JVM that was killed left %v", files)
	}
	failing := program()
	failing.Args[len(failing.Args)-1] = "-nonsense"
	if err := failing.Run(); err == nil {
		t.Fatal("did not fail")
	}
	keepClasses(failing, time.Second)
	if files := archives(t, dir); len(files) > 0 {
		t.Errorf("a JVM that ended early left %v", files)
	}

	first := program()
	if out, err := first.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	keepClasses(first, 0)
	if files := archives(t, dir); len(files) != 1 || !strings.HasSuffix(files[0], "jars.tool."+tools.javaHash+".jsa") {
		t.Fatalf("archives %v", files)
	}
	out, err := program("-Xshare:on", "-Xlog:class+load=info").CombinedOutput() // on: it is an error if it is not used
	if err != nil || !strings.Contains(string(out), "source: shared objects file (top)") {
		t.Errorf("the second JVM does not use it: %v\n%.500s", err, out)
	}
}

func archives(t *testing.T, dir string) []string {
	files, err := filepath.Glob(filepath.Join(dir, "*.jsa*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}
