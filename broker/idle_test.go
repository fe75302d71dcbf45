package broker

import (
	"fmt"
	"net"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// live is what is in use on the heap.
func live() int {
	var m runtime.MemStats
	runtime.GC() // twice: pools give up what they hold at the second
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// stacks is what the process has of them. Each garbage collection halves those that have become too large.
func stacks() int {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.StackInuse)
}

// A client that says nothing costs neither a stack (TCP) or at most a small one (WebSocket; twice as large with the race detector), nor buffers: there are thousands. A goroutine that mochi's work
// was done in keeps 16 KiB. The clients' ends are in this process and counted with the edge's, about half a KiB each.
func TestIdleConnectionsAreCheap(t *testing.T) {
	const n = 500
	hello := []byte("\x10\x0f\x00\x04MQTT\x04\x02\x00\x00\x00\x03")
	id := func(i int) []byte { return append(hello[:len(hello):len(hello)], fmt.Sprintf("%03d", i)...) }
	subscribe := []byte("\x82\x10\x00\x01\x00\x0bcandle/1m/A\x00")
	answers := len("\x20\x02\x00\x00") + len("\x90\x03\x00\x01\x00")
	for _, tt := range []struct {
		over        string
		goroutines  int
		heap, stack int // most bytes
		dial        func(b *Broker) (send func([]byte) error, receive func() (int, error), closing func() error)
	}{
		{"TCP", 0, 8 << 10, 1 << 10, func(b *Broker) (func([]byte) error, func() (int, error), func() error) {
			c, err := net.Dial("tcp", b.Addrs().TCP)
			if err != nil {
				t.Fatal(err)
			}
			return func(p []byte) error { _, err := c.Write(p); return err },
				func() (int, error) { var p [16]byte; return c.Read(p[:]) }, c.Close
		}},
		{"WebSocket", 1, 11 << 10, 9 << 10, func(b *Broker) (func([]byte) error, func() (int, error), func() error) {
			d := websocket.Dialer{Subprotocols: []string{subprotocol}, ReadBufferSize: 1, WriteBufferSize: 64}
			ws, _, err := d.Dial("ws://"+b.Addrs().WebSocket+"/mqtt", nil)
			if err != nil {
				t.Fatal(err)
			}
			return func(p []byte) error { return ws.WriteMessage(websocket.BinaryMessage, p) },
				func() (int, error) { _, p, err := ws.ReadMessage(); return len(p), err }, ws.Close
		}},
	} {
		t.Run(tt.over, func(t *testing.T) {
			b := startBroker(t, nil)
			_, _, closing := tt.dial(b) // what the first one brings about stays
			defer closing()
			heapBefore, stacksBefore, goroutines := live(), stacks(), runtime.NumGoroutine()
			defer debug.SetGCPercent(debug.SetGCPercent(-1))
			for i := range n {
				send, receive, closing := tt.dial(b)
				defer closing()
				err := send(id(i))
				if err == nil {
					err = send(subscribe)
				}
				for got := 0; err == nil && got < answers; {
					var k int
					k, err = receive()
					got += k
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			for end := time.Now().Add(patience); runtime.NumGoroutine() > goroutines+tt.goroutines*n && time.Now().Before(end); {
				time.Sleep(10 * time.Millisecond) // those that worked are about to end
			}
			stack := (stacks() - stacksBefore) / n
			heap := (live() - heapBefore) / n
			t.Logf("a connection: %d bytes of heap, %d of stacks, %.2f goroutines", heap, stack, float64(runtime.NumGoroutine()-goroutines)/n)
			if heap > tt.heap || stack > tt.stack {
				t.Errorf("a connection: %d bytes of heap, %d of stacks, want at most %d and %d", heap, stack, tt.heap, tt.stack)
			}
			if s := b.Stats(); s.Sessions < n || s.Subscriptions != n {
				t.Errorf("%d sessions, %d subscriptions", s.Sessions, s.Subscriptions)
			}
		})
	}
}
