package stack

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// identity is a process beyond its number, which the system gives to another one later: with the time of its start, in clock ticks since the machine's boot (proc(5), /proc/PID/stat
// field 22), and that boot.
type identity struct {
	PID   int    `json:"pid"`
	Ticks uint64 `json:"start_ticks"`
	Boot  string `json:"boot"`
}

func identify(pid int) (identity, error) {
	ticks, _, err := procStat(pid)
	if err != nil {
		return identity{}, fmt.Errorf("identify process %d: %w", pid, err)
	}
	boot, err := bootID()
	return identity{PID: pid, Ticks: ticks, Boot: boot}, err
}

// alive says whether the process still runs: this one, not another of its number.
func (id identity) alive() bool {
	if id.PID <= 0 {
		return false
	}
	boot, err := bootID()
	if err != nil || boot != id.Boot {
		return false
	}
	ticks, state, err := procStat(id.PID)
	return err == nil && ticks == id.Ticks && state != "Z" // a zombie holds nothing any more
}

func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the machine's boot: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

func procStat(pid int) (startTicks uint64, state string, err error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, "", err
	}
	// the second field is the program's name in parentheses, which may hold anything
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 20 {
		return 0, "", errors.New("unreadable /proc/PID/stat")
	}
	startTicks, err = strconv.ParseUint(fields[19], 10, 64)
	return startTicks, fields[0], err
}

// residentKiB is the memory that a process holds, and that of the processes that it started.
func residentKiB(pid int) int64 {
	var sum int64
	if b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status"); err == nil {
		_, rest, _ := strings.Cut(string(b), "VmRSS:")
		if fields := strings.Fields(rest); len(fields) > 0 {
			sum, _ = strconv.ParseInt(fields[0], 10, 64) // 0: a kernel without the figure
		}
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return sum
	}
	for _, c := range strings.Fields(string(children)) {
		if n, err := strconv.Atoi(c); err == nil {
			sum += residentKiB(n)
		}
	}
	return sum
}
