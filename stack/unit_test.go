package stack

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAPortThatIsTakenIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	any := func() Config {
		cfg := DefaultConfig()
		for _, p := range cfg.ports() {
			*p.port = 0
		}
		return cfg
	}
	cfg := any()
	cfg.Redis.Port = l.Addr().(*net.TCPAddr).Port
	if err := cfg.takePorts(); err == nil || !strings.HasPrefix(err.Error(), "redis.port: ") || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("error %v", err)
	}
	redis := cfg.Redis.Port
	cfg = any()
	cfg.Only, cfg.Redis.Port = OnlyFlink, redis
	if err := cfg.takePorts(); err != nil {
		t.Errorf("the port of what does not run: %v", err)
	}
	cfg.Only, cfg.Ports = "", PortsAuto
	if err := cfg.takePorts(); err != nil {
		t.Fatal(err)
	}
	cfg.Ports = PortsFixed
	if err := cfg.Validate(); err != nil {
		t.Errorf("ports that were chosen: %v", err)
	}
}

// Kafka alone is for who has no Maven artifacts of Flink, and no jar with its functions.
func TestKafkaAloneNeedsNothingOfFlink(t *testing.T) {
	cfg := DefaultConfig()
	cfg.DataDir, cfg.CacheDir, cfg.Ports, cfg.Only, cfg.Flink.Functions = t.TempDir(), t.TempDir(), PortsAuto, OnlyKafka, "/nowhere/functions.jar"
	if _, err := findTools(t.Context(), cfg.Java, false); err != nil {
		if os.Getenv("TICKCAST_REQUIRE") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	jars, _, err := jarFolder(cfg.CacheDir, "kafka")
	if err == nil {
		err = os.Mkdir(jars, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(t.Context(), cfg, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer s.lock.Close()
	var names []string
	for _, p := range s.parts {
		names = append(names, p.name)
	}
	if got := strings.Join(names, " "); got != partKafka+" "+partTopics {
		t.Errorf("it runs %s", got)
	}
	if files, err := os.ReadDir(cfg.CacheDir); err != nil || len(files) != 1 {
		t.Errorf("fetched: %v, %v", files, err)
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	ctx := context.Background()
	t.Run("java of the configuration", func(t *testing.T) {
		if _, err := findTools(ctx, "/nowhere/java", true); err == nil || !strings.Contains(err.Error(), "java: ") || !strings.Contains(err.Error(), "/nowhere/java") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("programs and their packages", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		_, err := findTools(ctx, "java", true)
		for _, want := range []string{"java", "mvn", "redis-server", "apt-get install openjdk-17-jre-headless maven redis-server"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v does not say %s", err, want)
			}
		}
	})
	t.Run("only what is to run", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		if _, err := findTools(ctx, "java", false); err == nil || strings.Contains(err.Error(), "redis") || strings.Contains(err.Error(), "postgres") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("java that is too old", func(t *testing.T) {
		dir := t.TempDir()
		for _, program := range []string{"java", "mvn", "redis-server", "postgres"} {
			text := "#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n"
			if err := os.WriteFile(filepath.Join(dir, program), []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("PATH", dir+":/bin:/usr/bin")
		if _, err := findTools(ctx, "java", true); err == nil || !strings.Contains(err.Error(), dir+"/java is version 11, want 17 or later") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("functions", func(t *testing.T) {
		cfg := DefaultConfig()
		cfg.DataDir, cfg.Flink.Functions = t.TempDir(), "/nowhere/functions.jar"
		if _, err := New(ctx, cfg, io.Discard); err == nil || !strings.Contains(err.Error(), "flink.functions: ") || !strings.Contains(err.Error(), "/nowhere/functions.jar") {
			t.Errorf("error %v", err)
		}
	})
}

// A process that has ended, and another one that has its number, are both not the one that was recorded.
func TestAProcessIsKnownByMoreThanItsNumber(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	id, err := identify(cmd.Process.Pid)
	if err != nil || !id.alive() {
		t.Fatalf("identity %+v, alive %t, error %v", id, id.alive(), err)
	}
	other := id
	other.Ticks--
	if other.alive() {
		t.Error("a process that began at another time is taken for it")
	}
	other = id
	other.Boot = "00000000-0000-0000-0000-000000000000"
	if other.alive() {
		t.Error("a process of another boot is taken for it")
	}
}

// What a crash has left is ended: stopped if it lets itself be stopped, killed with its group if not; and a process that only has the number of one of them is left alone.
func TestLeftoversAreEndedAndStrangersAreNot(t *testing.T) {
	dir := t.TempDir()
	start := func(script string) (*exec.Cmd, identity, chan error) {
		cmd := exec.Command("sh", "-c", script)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		id, err := identify(cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		return cmd, id, ended
	}
	_, willing, willingEnded := start("sleep 60")
	stranger, strangerID, strangerEnded := start("sleep 60")
	strangerID.Ticks--
	_, unwilling, unwillingEnded := start("sleep 61 & wait")
	defer stranger.Process.Kill()

	j := &journal{path: stateFile(dir), st: Status{Parts: []PartStatus{
		{Name: "willing", Process: willing, StopSignal: syscall.SIGTERM},
		{Name: "stranger", Process: strangerID, StopSignal: syscall.SIGTERM},
		{Name: "unwilling", Process: unwilling}, // without a signal: it is killed at once
	}}}
	if err := j.write(); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := cleanLeftovers(dir, &out); err != nil {
		t.Fatal(err)
	}
	for name, ended := range map[string]chan error{"willing": willingEnded, "unwilling": unwillingEnded} {
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Errorf("%s still runs", name)
		}
	}
	select {
	case <-strangerEnded:
		t.Error("a stranger was ended")
	default:
	}
	if said := out.String(); !strings.Contains(said, ": stopped") || !strings.Contains(said, ": killed") || strings.Contains(said, "stranger") {
		t.Errorf("it said:\n%s", said)
	}
	if err := exec.Command("pgrep", "-g", strconv.Itoa(unwilling.PID), "-r", "R,S,D").Run(); err == nil {
		t.Error("the group of the process that was killed still has members")
	}
}

// A job goes on from its newest whole state, whichever run wrote it; once it has written one, those of the runs before are removed.
func TestAJobsStates(t *testing.T) {
	s := &Stack{dataDir: t.TempDir()}
	checkpoints, savepoints := s.stateDir("candles", "checkpoints"), s.stateDir("candles", "savepoints")
	at := time.Now().Add(-time.Hour)
	add := func(path string, whole bool) string {
		at = at.Add(time.Minute)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if !whole {
			return path
		}
		if err := os.WriteFile(filepath.Join(path, "_metadata"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(path, "_metadata"), at, at); err != nil {
			t.Fatal(err)
		}
		return path
	}
	newest := func(want string) {
		t.Helper()
		if got, err := newestState(checkpoints, savepoints); err != nil || got != want {
			t.Errorf("newest state %q, error %v, want %q", got, err, want)
		}
	}
	newest("")
	add(filepath.Join(checkpoints, "run1", "chk-9"), true)
	want := add(filepath.Join(checkpoints, "run2", "chk-1"), true)
	add(filepath.Join(checkpoints, "run2", "chk-2"), false) // being written when it died
	newest(want)
	want = add(filepath.Join(savepoints, "savepoint-1"), true)
	newest(want)
	if err := s.prune("candles", "run3"); err != nil {
		t.Fatal(err)
	}
	newest(want) // run3 has none yet
	want = add(filepath.Join(checkpoints, "run3", "chk-1"), true)
	if err := s.prune("candles", "run3"); err != nil {
		t.Fatal(err)
	}
	newest(want)
	left, err := filepath.Glob(filepath.Join(s.stateDir("candles", "*"), "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("left are %v, error %v", left, err)
	}
	begun := add(filepath.Join(savepoints, "savepoint-2"), false) // being written, for an upgrade that has given it up
	late := add(filepath.Join(savepoints, "savepoint-3"), true)   // its job has ended with it
	if err := s.prune("candles", "run3"); err != nil {
		t.Fatal(err)
	}
	newest(late)
	if _, err := os.Stat(begun); err != nil {
		t.Error(err)
	}
}
