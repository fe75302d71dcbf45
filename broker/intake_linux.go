package broker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// intake waits for what the clients of many connections send. It is a goroutine over an epoll instance of its own, which the runtime's poller watches like
// any other descriptor: no thread waits for it.
type intake struct {
	file    *os.File // the epoll instance
	raw     syscall.RawConn
	arrived func(c *conn) // takes over its reading side
	late    func(c *conn) // the same, of a client that has said nothing for too long

	mu    sync.Mutex
	seats []*seat
	free  []int32
}

// seat is a connection's place in an intake.
type seat struct {
	index, turn int32         // turn: of its use, by which events of an earlier one are known
	c           *conn         // by the intake's mu; nil: free
	due         atomic.Uint32 // coarseMS by which the client must have said something; 0: never
}

func newIntake(arrived, late func(*conn)) (*intake, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // or os would not have the runtime watch it
		_ = unix.Close(fd)
		return nil, fmt.Errorf("epoll instance: %w", err)
	}
	in := &intake{file: os.NewFile(uintptr(fd), "epoll"), arrived: arrived, late: late}
	if in.raw, err = in.file.SyscallConn(); err != nil {
		_ = in.file.Close()
		return nil, fmt.Errorf("epoll instance: %w", err)
	}
	return in, nil
}

// add has the intake wait for a connection, whose reading side the caller has.
func (in *intake) add(c *conn) error {
	in.mu.Lock()
	var p *seat
	if n := len(in.free); n > 0 {
		p = in.seats[in.free[n-1]]
		in.free = in.free[:n-1]
	} else {
		p = &seat{index: int32(len(in.seats))}
		in.seats = append(in.seats, p)
	}
	p.c = c
	p.due.Store(0)
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET, Fd: p.index, Pad: p.turn}
	in.mu.Unlock()
	c.intake, c.seat = in, p
	err := in.control(c, unix.EPOLL_CTL_ADD, &event)
	if err != nil {
		in.vacate(c)
		c.intake, c.seat = nil, nil
	}
	return err
}

// remove ends it; the caller has the reading side.
func (in *intake) remove(c *conn) {
	_ = in.control(c, unix.EPOLL_CTL_DEL, nil) // closed by now, perhaps
	in.vacate(c)
}

func (in *intake) control(c *conn, op int, event *unix.EpollEvent) (err error) {
	outer := in.raw.Control(func(epoll uintptr) {
		inner := c.out.raw.Control(func(fd uintptr) { err = unix.EpollCtl(int(epoll), op, int(fd), event) })
		err = errors.Join(err, inner)
	})
	return errors.Join(err, outer)
}

func (in *intake) vacate(c *conn) {
	in.mu.Lock()
	defer in.mu.Unlock()
	p := c.seat
	p.c = nil
	p.turn++
	in.free = append(in.free, p.index)
}

// expect sets by when the client must have said something; zero: never.
func (p *seat) expect(t time.Time) {
	due := uint32(0)
	if !t.IsZero() {
		due = max(coarseMS(t), 1)
	}
	p.due.Store(due)
}

// Run waits until ctx ends. Connections must be gone by then.
func (in *intake) Run(ctx context.Context) error {
	const interval = 200 * time.Millisecond // between two looks at who is late
	defer in.file.Close()
	events := make([]unix.EpollEvent, 256)
	var n int
	var err error
	wait := func(fd uintptr) bool {
		n, err = waitNow(int(fd), events)
		return n > 0 || err != nil && err != syscall.EINTR
	}
	var ready, late []*conn
	next := time.Now()
	for ctx.Err() == nil {
		if now := time.Now(); !now.Before(next) {
			late = in.overdue(late[:0], now)
			for _, c := range late {
				in.late(c)
			}
			clear(late)
			next = now.Add(interval)
			_ = in.file.SetReadDeadline(next)
		}
		switch waited := in.raw.Read(wait); {
		case errors.Is(waited, os.ErrDeadlineExceeded):
			next = time.Time{}
			continue
		case waited != nil:
			return fmt.Errorf("wait for clients: %w", waited)
		case err != nil:
			return fmt.Errorf("epoll_wait: %w", err)
		}
		ready = in.ready(ready[:0], events[:n])
		in.turns(ready)
		clear(ready)
	}
	return nil
}

// turns gives each connection its turn. Where many are ready, other goroutines help: for the scheduler one goroutine has one share of a processor, whatever
// the number of clients that it works for.
func (in *intake) turns(cs []*conn) {
	const share = 16
	for len(cs) > share {
		others := slices.Clone(cs[:share])
		cs = cs[share:]
		go func() {
			for _, c := range others {
				in.arrived(c)
			}
		}()
	}
	for _, c := range cs {
		in.arrived(c)
	}
}

// ready takes the reading sides of those whose clients have sent something.
func (in *intake) ready(cs []*conn, events []unix.EpollEvent) []*conn {
	in.mu.Lock()
	defer in.mu.Unlock()
	for i := range events {
		e := &events[i]
		p := in.seats[e.Fd]
		if p.c == nil || p.turn != e.Pad {
			continue
		}
		if e.Events&^unix.EPOLLIN != 0 {
			p.c.half.Store(true)
		}
		if p.c.arrived() {
			cs = append(cs, p.c)
		}
	}
	return cs
}

// overdue takes the reading sides of those whose clients have said nothing for too long.
func (in *intake) overdue(cs []*conn, now time.Time) []*conn {
	in.mu.Lock()
	defer in.mu.Unlock()
	ms := coarseMS(now)
	for _, p := range in.seats {
		if due := p.due.Load(); due != 0 && int32(ms-due) >= 0 && p.c != nil && p.c.unpark() {
			cs = append(cs, p.c)
		}
	}
	return cs
}

// receiveNow reads from a socket without ever waiting; like sendNow.
func receiveNow(fd int, b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), syscall.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// waitNow returns what is ready; like sendNow.
func waitNow(epoll int, events []unix.EpollEvent) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
