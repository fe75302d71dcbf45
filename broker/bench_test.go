package broker

import (
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/catalog"
)

// sink is a socket that takes everything.
type sink struct{ net.Conn }

func (sink) Write(p []byte) (int, error)      { return len(p), nil }
func (sink) SetWriteDeadline(time.Time) error { return nil }
func (sink) SetReadDeadline(time.Time) error  { return nil }
func (sink) Close() error                     { return nil }

// BenchmarkPublish is the cost of one state message to n subscribers, from Publish to the bytes that go to the socket, without the socket.
func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		for _, v5 := range []bool{false, true} {
			b.Run(fmt.Sprintf("subscribers=%d/v5=%v", n, v5), func(b *testing.B) {
				cfg := DefaultConfig()
				cfg.TCP, cfg.WebSocket, cfg.Admin.Listen = "127.0.0.1:0", "", ""
				broker, err := newBroker(cfg, testClassOf, slog.New(slog.DiscardHandler))
				if err != nil {
					b.Fatal(err)
				}
				defer broker.endpoints[0].Close()
				conns := make([]*conn, n)
				for i := range conns {
					c := newConn(sink{}, packets.Code{}, &broker.cfg, &broker.stats, broker.pumps[0])
					c.v5 = v5
					s := &session{id: fmt.Sprint(i)}
					s.attach(c, 64)
					c.session.Store(s)
					broker.hub.subscribe(s, c, subscription{filter: "candle/#"})
					s.setHold(c, false)
					conns[i] = c
				}
				const topics = 50
				names := make([]string, topics)
				for i := range names {
					names[i] = fmt.Sprint("candle/1m/S", i)
				}
				payload := make([]byte, 400)
				seq := int64(0)
				b.ReportAllocs()
				b.ResetTimer()
				for i := 0; i < b.N; {
					for k := 0; k < topics && i < b.N; k, i = k+1, i+1 {
						seq++
						broker.Publish(Message{Topic: names[k], Class: catalog.State, Version: ver(1, 0, seq), Payload: payload})
					}
					for _, c := range conns {
						c.sendAll()
					}
				}
				b.StopTimer()
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/delivery")
				if sent := broker.Stats().Sent; sent != uint64(b.N*n) {
					b.Fatalf("%d sent, want %d", sent, b.N*n)
				}
			})
		}
	}
}
