//go:build !linux

package broker

import (
	"net"
	"syscall"
)

// rawSocket returns nil: here every connection is written to by a goroutine, for as long as it has something to send.
func rawSocket(net.Conn) syscall.RawConn { return nil }

func takesMore(uintptr) bool { return true }

func sendNow(int, []byte) (int, error) { return 0, syscall.EINVAL }
