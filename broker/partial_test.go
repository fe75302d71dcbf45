package broker

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// stingy is a socket whose kernel buffer has room for some bytes, then for none until there is room again, and from then on for a few at a time.
type stingy struct {
	room   int  // bytes, before it is full for the first time
	later  int  // bytes each time that it has room again
	stalls bool // it is full for longer than a moment, the first time
	full   bool // until again
	again  chan struct{}
	took   bytes.Buffer
}

func (s *stingy) Control(func(uintptr)) error   { return nil }
func (s *stingy) Read(func(uintptr) bool) error { return nil }

// Write implements syscall.RawConn as the runtime does: f is called again when the socket may take more, until it says that it is through.
func (s *stingy) Write(f func(uintptr) bool) error {
	for s.full || !f(0) {
		if s.stalls {
			s.stalls, s.full = false, true
			return os.ErrDeadlineExceeded
		}
		<-s.again
		s.full = false
	}
	return nil
}

// send is sendNow. Who finds no room finds some the next time.
func (s *stingy) send(_ int, b []byte) (int, error) {
	if s.room == 0 {
		s.room = s.later
		return 0, syscall.EAGAIN
	}
	n := min(s.room, len(b))
	s.took.Write(b[:n])
	s.room -= n
	return n, nil
}

// sendCut has a connection send two lots of messages of each class, the second while the socket, which took room bytes of the first, takes nothing. It returns
// what the socket took. newest: state whose sending has not begun when the socket is full is put in line again.
func sendCut(t *testing.T, webSocket, v5, newest bool, room, later int) []byte {
	t.Helper()
	cfg, stats, p := DefaultConfig(), new(counters), newPump()
	h := &hub{index: newIndex(), stats: stats, maxEvents: 100, pumps: []*pump{p}, end: func(*session) { t.Error("a queue overflowed") }}
	join := func(socket *stingy) *conn {
		c := newConn(&tape{}, packets.Code{}, &cfg, stats, p)
		if newest {
			c.find = h.index.find
		}
		c.out.raw, c.out.write, c.out.now, c.out.webSocket, c.v5 = socket, c.out.writeRest, socket.send, webSocket, v5
		s := &session{id: "c"}
		s.finals.limit = 100
		s.attach(c, 64)
		c.session.Store(s)
		h.subscribe(s, c, subscription{filter: "candle/#", qos: 1, id: 300})
		h.subscribe(s, c, subscription{filter: "trade/#"})
		s.setHold(c, false)
		return c
	}
	socket := &stingy{room: room, later: later, stalls: newest, again: make(chan struct{})}
	c := join(socket)
	join(&stingy{room: 1 << 30}) // its batches are made in the same memory
	lot := func(from int64) {
		for i := from; i < from+3; i++ {
			for _, topic := range []string{"candle/1m/A", "candle/1m/A/closed", "trade/T"} {
				class, _ := testClassOf(topic)
				h.publish(&Message{Topic: topic, Class: class, Version: ver(1, i, i), Payload: fmt.Appendf(nil, "%d %s", i, bytes.Repeat([]byte("x"), int(i)*7))})
			}
		}
		_, _ = c.Write([]byte{packets.Pingresp << 4, 0})
		if webSocket {
			c.answer(controlFrame(wsPong, fmt.Sprint("pong", from)))
		}
	}
	buf := make([]byte, frameRoom, 4<<10)
	serve := func() {
		for line := p.take(); line != nil; line = p.take() {
			for _, c := range line {
				c.turn(&buf, 0)
			}
		}
	}
	lot(1)
	serve()
	lot(4)
	for deadline := time.Now().Add(patience); ; {
		serve()
		select {
		case socket.again <- struct{}{}:
			continue
		default:
		}
		if !c.lent.Load() && !c.pending.Load() && c.idle() {
			return socket.took.Bytes()
		}
		if time.Now().After(deadline) {
			t.Fatalf("cut at %d: nothing is sent any more", room)
		}
		runtime.Gosched()
	}
}

// Wherever a socket is full within what is sent, and however little it takes then, the client reads whole packets, in order; the same bytes, but for state that
// was not begun yet.
func TestASocketMayBeFullAtAnyByte(t *testing.T) {
	t.Parallel()
	for _, webSocket := range []bool{false, true} {
		for _, v5 := range []bool{false, true} {
			t.Run(fmt.Sprintf("WebSocket %v, MQTT 5 %v", webSocket, v5), func(t *testing.T) {
				t.Parallel()
				const plenty = 1 << 30
				want := sendCut(t, webSocket, v5, false, plenty, plenty)
				checkCut(t, want, webSocket, v5, "3", "6")
				for room := range len(want) {
					later := []int{plenty, 100}[room%2]
					if room == 0 {
						later = 1 // and so at each byte after it
					}
					if got := sendCut(t, webSocket, v5, false, room, later); !bytes.Equal(got, want) {
						t.Fatalf("full after %d bytes, then %d at a time: %d bytes instead of %d, or others", room, later, len(got), len(want))
					}
					got := sendCut(t, webSocket, v5, true, room, later)
					if bytes.Equal(got, want) {
						continue
					}
					if webSocket {
						t.Fatalf("full after %d bytes: a frame has other bytes than it was to have", room)
					}
					checkCut(t, got, webSocket, v5, "6")
				}
			})
		}
	}
}

// checkCut says whether a stream is whole packets, in whole frames, with the messages of both lots in their order and these of the state topic.
func checkCut(t *testing.T, stream []byte, webSocket, v5 bool, state ...string) {
	t.Helper()
	pongs := 0
	if webSocket {
		var packets []byte
		for b := stream; len(b) > 0; {
			head, n := 2, int(b[1])
			if n == 126 {
				head, n = 4, int(b[2])<<8|int(b[3])
			}
			if b[0] == wsFinal|wsPong {
				pongs++
			} else {
				packets = append(packets, b[head:head+n]...)
			}
			b = b[head+n:]
		}
		if pongs != 2 {
			t.Errorf("%d PONGs", pongs)
		}
		stream = packets
	}
	version := byte(4)
	if v5 {
		version = 5
	}
	got := map[string][]string{}
	for br := newPacketReader(stream); ; {
		pk, err := readPacket(br, version)
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		text, _, _ := bytes.Cut(pk.Payload, []byte(" "))
		got[pk.TopicName] = append(got[pk.TopicName], string(text))
	}
	for topic, want := range map[string][]string{
		"candle/1m/A": state, "candle/1m/A/closed": {"1", "2", "3", "4", "5", "6"}, "trade/T": {"1", "2", "3", "4", "5", "6"}, "": {"", ""},
	} {
		if !slices.Equal(got[topic], want) {
			t.Errorf("%q: %v, want %v", topic, got[topic], want)
		}
	}
}
