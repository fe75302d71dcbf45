package stack

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The first JVM that ends in order leaves an archive of its classes, and the next one uses it.
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

func TestArchivesThatAreKept(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, script string // of a process that stands for a JVM
		option       string
		empty        bool // the archive that it made
		ran          time.Duration
		kept         bool
	}{
		{"made by a tool that succeeded", "exit 0", makeArchive, false, 0, true},
		{"made by a tool that failed", "exit 1", makeArchive, false, time.Second, false},
		{"made by a server that was stopped", "exit 143", makeArchive, false, wholeAfter, true},
		{"made by a server that was stopped before it was up", "exit 143", makeArchive, false, wholeAfter - 1, false},
		{"of a server that was killed while it made it", "kill -KILL $$", makeArchive, false, time.Hour, false},
		{"not made", "exit 0", makeArchive, true, 0, false},
		{"used by one that was killed", "kill -KILL $$", useArchive, false, time.Second, true},
		{"used by one that failed", "exit 1", useArchive, false, time.Second, true},
		{"used by one that crashed", "kill -ABRT $$", useArchive, false, time.Second, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			archive := filepath.Join(dir, "jars.tool.0123.jsa")
			file := archive
			if tt.option == makeArchive {
				file += ".456"
			}
			content := "classes"
			if tt.empty {
				content = ""
			}
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("sh", "-c", tt.script, tt.option+file)
			cmd.Dir = dir // a core file goes there
			_ = cmd.Run() // how it ends is the row
			keepClasses(cmd, tt.ran)
			if left := archives(t, dir); len(left) > 1 || slices.Contains(left, archive) != tt.kept || !tt.kept && len(left) > 0 {
				t.Errorf("files %v", left)
			}
		})
	}
}

func TestUnfinishedArchivesAreRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := &Stack{tools: tools{javaHash: "0123"}}
	old, young := filepath.Join(dir, "jars.tool.0123.jsa.1"), filepath.Join(dir, "jars.tool.0123.jsa.2")
	for _, f := range []string{old, young} {
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-2*unfinishedAfter)); err != nil {
		t.Fatal(err)
	}
	s.sharedClasses(filepath.Join(dir, "jars"), "tool")
	if left := archives(t, dir); len(left) != 2 || slices.Contains(left, old) || !slices.Contains(left, young) {
		t.Errorf("files %v", left)
	}
	whole := filepath.Join(dir, "jars.tool.0123.jsa")
	if err := os.Rename(young, whole); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(old, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-2*unfinishedAfter)); err != nil {
		t.Fatal(err)
	}
	s.sharedClasses(filepath.Join(dir, "jars"), "tool")
	if left := archives(t, dir); slices.Contains(left, old) || !slices.Contains(left, whole) {
		t.Errorf("beside a whole one: files %v", left)
	}
}

func archives(t *testing.T, dir string) []string {
	files, err := filepath.Glob(filepath.Join(dir, "*.jsa*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}
