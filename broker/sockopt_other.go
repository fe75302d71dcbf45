//go:build !linux

package broker

import (
	"net"
	"time"
)

// tuneSocket sets what every system has; see sockopt_linux.go.
func tuneSocket(c *net.TCPConn, sendBuffer, _ int, _ time.Duration) error {
	return c.SetWriteBuffer(sendBuffer)
}
