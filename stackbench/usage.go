//go:build linux

package stackbench

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Usage is the processor time of a process, or of several of one kind.
type Usage struct {
	Name    string
	Seconds float64
}

// processes are the parts of the stack that are shown, TaskManagers together.
func (s *system) processes() map[string][]int {
	pids := map[string][]int{}
	for _, p := range s.status.Parts {
		name, _, _ := strings.Cut(p.Name, "-")
		if p.Alive() && slices.Contains([]string{"kafka", "jobmanager", "taskmanager"}, name) {
			pids[name] = append(pids[name], p.Process.PID)
		}
	}
	for name, pid := range s.own {
		pids[name] = []int{pid}
	}
	return pids
}

// usage is what each has used since its start, sorted by name.
func (s *system) usage() ([]Usage, error) {
	pids := s.processes()
	var all []Usage
	for _, name := range slices.Sorted(maps.Keys(pids)) {
		u := Usage{Name: name}
		for _, pid := range pids[name] {
			n, err := cpuSeconds(pid)
			if err != nil {
				return nil, fmt.Errorf("processor time of %s: %w", name, err)
			}
			u.Seconds += n
		}
		all = append(all, u)
	}
	return all, nil
}

// since is the difference of two lists of the same processes.
func since(now, before []Usage) []Usage {
	d := slices.Clone(now)
	for i := range d {
		d[i].Seconds -= before[i].Seconds
	}
	return d
}

// cpuSeconds is utime and stime of /proc/PID/stat, fields 14 and 15 [proc(5)]. The command before them may contain anything.
func cpuSeconds(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	const ticksPerSecond = 100 // USER_HZ, the same on each architecture that Go has
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat is too short", pid)
	}
	user, err := strconv.ParseUint(f[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseUint(f[12], 10, 64)
	return float64(user+system) / ticksPerSecond, err
}

// load1 is the machine's load average of the last minute, to judge figures by.
func load1() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	f, _, _ := strings.Cut(string(b), " ")
	return f
}

// processorTime is the machine's, in ticks since its start.
type processorTime struct{ all, stolen int64 }

// machineTime reads the first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal (proc_stat(5)).
func machineTime() (t processorTime) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return t
	}
	line, _, _ := strings.Cut(string(b), "\n")
	for i, f := range strings.Fields(line) {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil || i > 8 { // the name; what guests used is in user already
			continue
		}
		t.all += n
		if i == 8 {
			t.stolen = n
		}
	}
	return t
}

// stolenSince is the share of the time since before that the hypervisor gave to others.
func (t processorTime) stolenSince(before processorTime) float64 {
	return float64(t.stolen-before.stolen) / float64(max(t.all-before.all, 1))
}
