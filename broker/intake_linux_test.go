package broker

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// epolls counts this process's epoll instances. Other tests' may come and go: not for parallel tests.
func epolls(t *testing.T) (n int) {
	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, _ := os.Readlink(fd); to == "anon_inode:[eventpoll]" {
			n++
		}
	}
	return n
}

func TestBrokerThatNeverRunsLeavesNoEpollInstance(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // the runtime's own is there from here on
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	before := epolls(t)
	for _, tcp := range []string{"127.0.0.1:0", "192.0.2.1:1"} { // which is not here: New fails
		cfg := DefaultConfig()
		cfg.TCP, cfg.WebSocket, cfg.Admin.Listen = tcp, "", ""
		b, err := newBroker(cfg, testClassOf, slog.New(slog.DiscardHandler))
		if (err == nil) != (tcp == "127.0.0.1:0") {
			t.Fatalf("%s: %v", tcp, err)
		}
		if after := epolls(t); after > before {
			t.Errorf("%s: %d epoll instances, %d before", tcp, after, before)
		}
		if b != nil {
			b.unbind()
		}
	}
}
