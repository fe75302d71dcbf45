package broker

import (
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawSocket returns the way to the descriptor of a TCP connection that nothing is laid over; nil for any other.
func rawSocket(c net.Conn) syscall.RawConn {
	tcp, ok := beneath(c).(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// takesMore says whether a socket takes something, or is broken.
func takesMore(fd uintptr) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 0)
	return n > 0 || err != nil && err != unix.EINTR
}

// sendNow sends on a socket without ever waiting. The runtime is not told of the call, as of one that may block: it takes some microseconds, and telling it
// costs a tenth of that.
func sendNow(fd int, b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
