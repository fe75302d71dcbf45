package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// procTicks is what /proc/PID/stat counts CPU time in: USER_HZ, 100 on every Linux that Go runs on.
const procTicks = 100

// cpu is the time that the process has spent on processors.
func (p *process) cpu(t testing.TB) time.Duration {
	t.Helper()
	b, err := os.ReadFile(p.proc("stat"))
	if err != nil {
		t.Fatal(err)
	}
	return cpuOf(t, b)
}

// cpuOf reads a stat file of proc.
func cpuOf(t testing.TB, b []byte) time.Duration {
	t.Helper()
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:])) // the name before it may hold anything
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * time.Second / procTicks
}

func (p *process) proc(name string) string {
	return filepath.Join("/proc", strconv.Itoa(p.Cmd.Process.Pid), name)
}

// status reads numbers of /proc/PID/status, such as VmRSS (in KiB) and Threads.
func (p *process) status(t testing.TB, keys ...string) []float64 {
	t.Helper()
	b, err := os.ReadFile(p.proc("status"))
	if err != nil {
		t.Fatal(err)
	}
	return numbersAfter(t, string(b), ":", keys)
}

// files is how many file descriptors are open: those of log segments that the embedded Kafka has on disk, and all others. A segment is opened when somebody reads it
// after it is full, which depends on how far readers were behind; one that is open though it was removed is among the others.
func (p *process) files(t testing.TB) (segments, others float64) {
	t.Helper()
	entries, err := os.ReadDir(p.proc("fd"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		to, err := os.Readlink(filepath.Join(p.proc("fd"), e.Name()))
		if err == nil && strings.Contains(to, "/kafka/partitions/") && !strings.HasSuffix(to, " (deleted)") {
			segments++
		} else {
			others++
		}
	}
	return segments, others
}

// goroutines counts them.
func (p *process) goroutines(t testing.TB) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(strings.TrimPrefix(firstLine(t, p.profiles()+"goroutine?debug=1"), "goroutine profile: total "), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// heap is what lives in the Go heap after a collection, bytes.
func (p *process) heap(t testing.TB) float64 {
	t.Helper()
	var in bool
	var live float64
	readLines(t, p.profiles()+"heap?debug=1&gc=1", func(line string) bool {
		in = in || strings.HasPrefix(line, "# runtime.MemStats")
		if in && strings.HasPrefix(line, "# HeapAlloc = ") {
			live = numbersAfter(t, line, " =", []string{"# HeapAlloc"})[0]
			return false
		}
		return true
	})
	return live
}

// profiles is where a process that was started with --pprof answers.
func (p *process) profiles() string { return p.Find(`msg=profiles url=(\S+)`)[1] }

func firstLine(t testing.TB, url string) (first string) {
	t.Helper()
	readLines(t, url, func(line string) bool { first = line; return false })
	return first
}

// readLines gives each line of an answer to fn until it returns false.
func readLines(t testing.TB, url string, fn func(line string) bool) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", url, res.Status)
	}
	s := bufio.NewScanner(res.Body)
	s.Buffer(nil, 1<<20)
	for s.Scan() && fn(s.Text()) {
	}
	if err := s.Err(); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
}

// numbersAfter finds "key<sep> number" for each key.
func numbersAfter(t testing.TB, text, sep string, keys []string) []float64 {
	t.Helper()
	var out []float64
	for _, key := range keys {
		_, rest, found := strings.Cut(text, key+sep)
		fields := strings.Fields(rest)
		if !found || len(fields) == 0 {
			t.Fatalf("no %s in %q", key, text)
		}
		n, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		out = append(out, n)
	}
	return out
}

// folderBytes is how much the files below each entry of a folder hold.
func folderBytes(t testing.TB, dir string) map[string]float64 {
	t.Helper()
	sizes := map[string]float64{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone meanwhile
		}
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		top, _, _ := strings.Cut(rel, string(filepath.Separator))
		for _, part := range []string{"-wal", "-shm", ".new"} { // belong to the file beside them
			top = strings.TrimSuffix(top, part)
		}
		sizes[top] += float64(info.Size())
		return nil
	})
	if err != nil {
		t.Fatal(fmt.Errorf("size of %s: %w", dir, err))
	}
	return sizes
}
