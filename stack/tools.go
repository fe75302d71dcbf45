package stack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// tools are the programs of the system that the stack runs.
type tools struct {
	java, mvn, redis string
	javaHash         string // of what it says of its version
	postgresBin      string // folder: Debian keeps the servers' programs out of the search path
}

// javaAtLeast is what Kafka 4's server needs (KIP-1013); Flink 2.3 would do with 11.
const javaAtLeast = 17

var javaVersion = regexp.MustCompile(`version "(?:1\.)?(\d+)`)

// findTools finds the programs, with or without those of Redis and PostgreSQL, or says which are missing and in which Debian packages they are.
func findTools(ctx context.Context, java string, stores bool) (t tools, err error) {
	var missing, packages []string
	find := func(program, pkg string) string {
		path, err := exec.LookPath(program)
		if err != nil {
			missing = append(missing, program)
			packages = append(packages, pkg)
		}
		return path
	}
	if t.java, err = exec.LookPath(java); err != nil {
		if java != DefaultConfig().Java {
			return t, fmt.Errorf("java: %w", err)
		}
		find(java, "openjdk-17-jre-headless")
	} else if t.java, err = filepath.Abs(t.java); err != nil { // the parts run in other folders
		return t, fmt.Errorf("java: %w", err)
	}
	t.mvn = find("mvn", "maven")
	if stores {
		t.redis = find("redis-server", "redis-server")
		if t.postgresBin = newestPostgres(); t.postgresBin == "" {
			missing, packages = append(missing, "postgres"), append(packages, "postgresql")
		}
	}
	if len(missing) > 0 {
		return t, fmt.Errorf("these programs are missing: %s; on Debian or Ubuntu: apt-get install %s (`make stack` does that where it may)", strings.Join(missing, ", "), strings.Join(packages, " "))
	}
	out, err := exec.CommandContext(ctx, t.java, "-version").CombinedOutput()
	if err != nil {
		return t, fmt.Errorf("java: run %s -version: %w", t.java, err)
	}
	hash := sha256.Sum256(out)
	t.javaHash = hex.EncodeToString(hash[:6])
	m := javaVersion.FindSubmatch(out)
	if m == nil {
		return t, fmt.Errorf("java: %s does not say its version: %.80q", t.java, out)
	}
	if v, err := strconv.Atoi(string(m[1])); err != nil || v < javaAtLeast {
		return t, fmt.Errorf("java: %s is version %s, want %d or later", t.java, m[1], javaAtLeast)
	}
	return t, nil
}

// newestPostgres is the folder of the newest PostgreSQL server: where Debian puts them, or in the search path. Empty if there is none.
func newestPostgres() string {
	servers, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err == nil && len(servers) > 0 {
		version := func(path string) int {
			v, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
			return map[bool]int{true: v}[err == nil]
		}
		return filepath.Dir(slices.MaxFunc(servers, func(a, b string) int { return version(a) - version(b) }))
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path)
	}
	return ""
}

// run runs a program to its end and wraps what it said into the error.
func run(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true // Ctrl-C at the terminal must not end it half way
	out, err := cmd.CombinedOutput()
	if err != nil {
		said := strings.TrimSpace(string(out))
		return errors.Join(fmt.Errorf("%s: %w", filepath.Base(cmd.Path), err), errors.New(said[max(0, len(said)-500):]))
	}
	return nil
}

// runWith runs a program to its end, or kills it when ctx or this process ends, and returns what it said. A SQL client that outlived us would submit a job that the next start submits, too.
func runWith(ctx context.Context, cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	defer endWithUs(cmd)()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() }) // it may just have ended
	err := cmd.Wait()
	stop()
	keepClasses(cmd, 0)
	return out.Bytes(), err
}
