package broker

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tickcast/tickcast/catalog"
)

// When a client that took nothing reads again, there is in front of the newest values only what the kernel had, and the rest of the message that it had the
// beginning of.
func TestWhoReadsAgainGetsTheNewestValuesBehindWhatTheKernelHad(t *testing.T) {
	t.Parallel()
	const topics = 12
	p := startPump(t)
	h := &hub{index: newIndex(), stats: new(counters), maxEvents: 100, pumps: []*pump{p}}
	server, client := tcpPair(t)
	c, s := pumped(t, h, p, server)
	c.find = h.index.find
	h.subscribe(s, c, subscription{filter: "candle/#"})
	h.subscribe(s, c, subscription{filter: "trade/#"})
	s.setHold(c, false)
	round := func(n int64) {
		for i := range topics {
			body := fmt.Sprint(n, " ", strings.Repeat("x", 1000))
			h.publish(&Message{Topic: fmt.Sprint("candle/1m/S", i), Class: catalog.State, Version: ver(1, 0, n), Payload: []byte(body)})
		}
		h.publish(&Message{Topic: "trade/A", Class: catalog.Event, Version: ver(1, 0, n), Payload: []byte(fmt.Sprint(n, " "))})
		h.start()
	}
	stalled := func() bool { return c.waiting.Load() }
	last := int64(0)
	for end := time.Now().Add(patience); !stalled(); time.Sleep(time.Millisecond) {
		if last++; time.Now().After(end) {
			t.Fatal("the socket takes everything")
		}
		round(last)
	}
	time.Sleep(100 * time.Millisecond) // a stall by now, and the kernel has moved what it can
	last++
	round(last)
	raw, err := server.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var unread, unsent int
	_ = raw.Control(func(fd uintptr) { unsent, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	if err != nil {
		t.Fatal(err)
	}
	if raw, err = client.SyscallConn(); err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) { unread, err = unix.IoctlGetInt(int(fd), unix.SIOCINQ) })
	if err != nil {
		t.Fatal(err)
	}

	in := bufio.NewReaderSize(client, 1)
	read, trades, newest := 0, int64(0), 0
	_ = client.SetReadDeadline(time.Now().Add(patience))
	for newest < topics || trades < last {
		head, err := in.Peek(5)
		if err != nil {
			t.Fatalf("%v after %d trades of %d, %d newest values", err, trades, last, newest)
		}
		began := read
		frame := make([]byte, packetBytes(head))
		for n := 0; n < len(frame) && err == nil; {
			var k int
			k, err = in.Read(frame[n:])
			n += k
		}
		if err != nil {
			t.Fatal(err)
		}
		read += len(frame)
		_, size := binary.Uvarint(frame[1:])
		body := frame[1+size:]
		name := string(body[2 : 2+binary.BigEndian.Uint16(body)])
		var n int64
		_, _ = fmt.Sscan(string(body[2+len(name):]), &n)
		switch {
		case name == "trade/A":
			if trades++; n != trades {
				t.Fatalf("trade %d instead of %d", n, trades)
			}
		case n == last:
			newest++
		case began >= unread+unsent:
			t.Errorf("%s has value %d behind what the kernel had, %d of %d bytes; the newest is %d", name, n, began, unread+unsent, last)
		}
	}
}
