package broker

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// tuneSocket keeps the kernel's queue small, since what lies there cannot be replaced by newer values (Linux would grow it to megabytes, seconds of old
// prices on a slow link), and makes the kernel give up on a peer that acknowledges nothing.
func tuneSocket(c *net.TCPConn, sendBuffer, unsentLowWater int, userTimeout time.Duration) error {
	if err := c.SetWriteBuffer(sendBuffer); err != nil {
		return err
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var setErr error
	err = raw.Control(func(fd uintptr) {
		setErr = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLowWater)
		if setErr == nil {
			setErr = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds()))
		}
	})
	if err != nil {
		return err
	}
	return setErr
}
