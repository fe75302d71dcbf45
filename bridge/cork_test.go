package bridge

import (
	"net"
	"testing"

	"github.com/eclipse/paho.golang/packets"
)

// countedConn counts writes.
type countedConn struct {
	net.Conn
	writes int
}

func (c *countedConn) Write(p []byte) (int, error) {
	c.writes++
	return c.Conn.Write(p)
}

func TestHeldPacketsAreOneWrite(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	counted := &countedConn{Conn: here}
	c := &corked{Conn: counted}
	const each = 5
	topics := make(chan string, 2*each)
	go func() {
		defer close(topics)
		for {
			p, err := packets.ReadPacket(there)
			if err != nil {
				return
			}
			topics <- p.Content.(*packets.Publish).Topic
		}
	}()
	send := func(topic string) {
		if _, err := (&packets.Publish{Topic: topic, Payload: make([]byte, 300), Properties: &packets.Properties{}}).WriteTo(c); err != nil {
			t.Fatal(err)
		}
	}
	for range each {
		send("at once")
	}
	if counted.writes != each {
		t.Errorf("%d packets took %d writes", each, counted.writes)
	}
	c.hold(true)
	for range each {
		send("held")
	}
	if n := counted.writes - each; n != 0 {
		t.Errorf("%d writes while held", n)
	}
	c.hold(false)
	if n := counted.writes - each; n != 1 {
		t.Errorf("%d packets that were held took %d writes", each, n)
	}
	here.Close()
	got := map[string]int{}
	for topic := range topics {
		got[topic]++
	}
	if got["at once"] != each || got["held"] != each {
		t.Errorf("arrived: %v", got)
	}
}

func TestAHeldConnectionIsBounded(t *testing.T) {
	here, there := net.Pipe()
	there.Close()
	counted := &countedConn{Conn: here}
	c := &corked{Conn: counted}
	c.hold(true)
	p := &packets.Publish{Topic: "t", Payload: make([]byte, mostCorked), Properties: &packets.Properties{}}
	if _, err := p.WriteTo(c); err != nil {
		t.Fatal(err)
	}
	if counted.writes != 1 || len(c.buf) != 0 {
		t.Errorf("%d writes, %d bytes are still held", counted.writes, len(c.buf))
	}
	if _, err := p.WriteTo(c); err == nil {
		t.Error("the error of the write before is not told")
	}
}
