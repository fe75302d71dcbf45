//go:build linux

package edgebench

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process is the broker's, seen through /proc.
type process struct{ pid int }

// findListener returns the process that listens on the port, found by its socket's inode [proc(5): /proc/net/tcp, /proc/[pid]/fd].
func findListener(at netip.AddrPort) (process, error) {
	var inodes []string
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := os.ReadFile(table)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return process{}, fmt.Errorf("find the broker's process: %w", err)
		}
		inodes = append(inodes, listening(b, at.Port())...)
	}
	if len(inodes) == 0 {
		return process{}, fmt.Errorf("find the broker's process: nobody listens on port %d", at.Port())
	}
	fds, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return process{}, fmt.Errorf("find the broker's process: %w", err)
	}
	for _, fd := range fds {
		link, err := os.Readlink(fd)
		if err != nil {
			continue // another user's, or gone
		}
		inode := strings.TrimSuffix(strings.TrimPrefix(link, "socket:["), "]")
		if slices.Contains(inodes, inode) {
			pid, err := strconv.Atoi(strings.Split(fd, "/")[2])
			return process{pid}, err
		}
	}
	return process{}, fmt.Errorf("find the broker's process: that on port %d is another user's: give its --pid", at.Port())
}

// listening returns the inodes of the sockets that listen on a port, from a table such as /proc/net/tcp.
func listening(table []byte, port uint16) (inodes []string) {
	const localAddress, state, inode, listen = 1, 3, 9, "0A"
	for line := range bytes.Lines(table) {
		f := strings.Fields(string(line))
		if len(f) <= inode || f[state] != listen {
			continue
		}
		_, hexPort, _ := strings.Cut(f[localAddress], ":")
		if b, err := hex.DecodeString(hexPort); err == nil && len(b) == 2 && uint16(b[0])<<8|uint16(b[1]) == port {
			inodes = append(inodes, f[inode])
		}
	}
	return inodes
}

// inKernel returns how many bytes for each client wait in the kernel, on both sides of the connection [proc(5): /proc/net/tcp, tx_queue].
func (e *endpoint) inKernel(clients []*client) ([]int, error) {
	unsent := map[uint16]int{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := os.ReadFile(table)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("what waits in the kernel: %w", err)
		}
		sendQueues(b, e.at.Port(), unsent)
	}
	waiting := make([]int, len(clients))
	for i, c := range clients {
		unread, err := unix.IoctlGetInt(c.fd, unix.SIOCINQ)
		if err != nil {
			return nil, fmt.Errorf("what waits in the kernel: %w", err)
		}
		own, err := unix.Getsockname(c.fd)
		if err != nil {
			return nil, fmt.Errorf("what waits in the kernel: %w", err)
		}
		var port int
		switch a := own.(type) {
		case *unix.SockaddrInet4:
			port = a.Port
		case *unix.SockaddrInet6:
			port = a.Port
		}
		waiting[i] = len(c.rest) + unread + unsent[uint16(port)] // it has read what came with SUBACK
	}
	return waiting, nil
}

// sendQueues adds what waits in connections from a port, by the port of the other side.
func sendQueues(table []byte, from uint16, waiting map[uint16]int) {
	const localAddress, remoteAddress, queues = 1, 2, 4
	port := func(address string) uint16 {
		_, digits, _ := strings.Cut(address, ":")
		n, _ := strconv.ParseUint(digits, 16, 16)
		return uint16(n)
	}
	for line := range bytes.Lines(table) {
		f := strings.Fields(string(line))
		if len(f) <= queues || port(f[localAddress]) != from {
			continue
		}
		digits, _, _ := strings.Cut(f[queues], ":")
		if n, err := strconv.ParseUint(digits, 16, 32); err == nil {
			waiting[port(f[remoteAddress])] += int(n)
		}
	}
}

// CPU is processor time.
type CPU struct {
	User   float64 `json:"user_s"`
	System float64 `json:"system_s"`
	Total  float64 `json:"total_s"` // exact; the parts are in steps of 10 ms
}

func (c CPU) since(o CPU) CPU { return CPU{c.User - o.User, c.System - o.System, c.Total - o.Total} }

func (c CPU) plus(o CPU) CPU { return CPU{c.User + o.User, c.System + o.System, c.Total + o.Total} }

// cpu returns what the process has used: the parts from /proc, the sum from its CPU clock, which is the same in ns. A broker that is quick uses a few
// hundredths of a second in a run.
func (p process) cpu() (CPU, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return CPU{}, fmt.Errorf("read the broker's CPU time: %w", err)
	}
	c, err := parseStat(b)
	if err != nil {
		return c, err
	}
	clock := int32(^p.pid)<<3 | 2 // as clock_getcpuclockid(3) makes it
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return c, fmt.Errorf("read the broker's CPU clock: %w", err)
	}
	c.Total = time.Duration(t.Nano()).Seconds()
	return c, nil
}

// parseStat reads utime and stime of /proc/[pid]/stat. The command before them may contain anything.
func parseStat(stat []byte) (c CPU, err error) {
	const ticksPerSecond = 100 // USER_HZ, the same on each architecture that Go has
	const utime, stime = 11, 12
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(f) <= stime {
		return c, errors.New("read the broker's CPU time: /proc/[pid]/stat is too short")
	}
	u, err1 := strconv.ParseUint(f[utime], 10, 64)
	s, err2 := strconv.ParseUint(f[stime], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return c, fmt.Errorf("read the broker's CPU time: %w", err)
	}
	return CPU{User: float64(u) / ticksPerSecond, System: float64(s) / ticksPerSecond}, nil
}

// resident returns the process's resident memory in bytes.
func (p process) resident() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return 0, fmt.Errorf("read the broker's memory: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("read the broker's memory: no VmRSS in /proc/[pid]/status")
}

// ownCPU is what this tool has used.
func ownCPU() CPU {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return CPU{}
	}
	seconds := func(t unix.Timeval) float64 { return time.Duration(t.Nano()).Seconds() }
	c := CPU{User: seconds(r.Utime), System: seconds(r.Stime)}
	c.Total = c.User + c.System
	return c
}

// allowFiles raises the limit of open files so that n connections fit.
func allowFiles(n int) error {
	const others = 64
	want := uint64(n + others)
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	if l.Cur >= want {
		return nil
	}
	l.Cur = want
	l.Max = max(l.Max, want) // a privileged user may raise it too
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("%d connections need %d open files: raise the limit (ulimit -n): %w", n, want, err)
	}
	return nil
}
