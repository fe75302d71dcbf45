package broker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// masked is a frame as clients send it [RFC 6455, 5.2].
func masked(first byte, payload []byte) []byte {
	key := [4]byte{1, 2, 3, 4}
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	b = append(b, key[:]...)
	for i, c := range payload {
		b = append(b, c^key[i%4])
	}
	return b
}

// framed puts bytes into binary messages of n bytes, 0: into one; every other one in two frames with a PING in between.
func framed(in []byte, n int) (out []byte) {
	if n == 0 {
		n = len(in)
	}
	for i := 0; len(in) > 0; i++ {
		part := in[:min(n, len(in))]
		in = in[len(part):]
		if i%2 == 0 {
			out = append(out, masked(wsFinal|wsBinary, part)...)
			continue
		}
		half := len(part) / 2
		out = append(out, masked(wsBinary, part[:half])...)
		out = append(out, masked(wsFinal|9, []byte("ping"))...)
		out = append(out, masked(wsFinal, part[half:])...)
	}
	return out
}

// unframed reads a client's frames as the standard has it [RFC 6455, 5]: the bytes of its binary messages up to the first thing that is not allowed, the
// payloads of its PINGs, and whether all is in order to the last byte.
func unframed(in []byte) (data []byte, pings []string, fine bool) {
	within := false // a message that is not complete
	for len(in) > 0 {
		if len(in) < 2 {
			return data, pings, false
		}
		final, opcode, n := in[0]&0x80 != 0, in[0]&0x0f, uint64(in[1]&0x7f)
		control := opcode >= 8
		if in[0]&0x70 != 0 || in[1]&0x80 == 0 || control && (!final || n > 125) {
			return data, pings, false
		}
		in = in[2:]
		size := map[uint64]int{126: 2, 127: 8}[n]
		if len(in) < size+4 {
			return data, pings, false
		}
		if size > 0 {
			n = binary.BigEndian.Uint64(append(make([]byte, 8-size), in[:size]...))
		}
		key := in[size : size+4]
		in = in[size+4:]
		whole := uint64(len(in)) >= n
		payload := bytes.Clone(in[:min(n, uint64(len(in)))])
		in = in[len(payload):]
		for i := range payload {
			payload[i] ^= key[i%4]
		}
		switch {
		case !control && (opcode == wsBinary) == within, !control && opcode != 0 && opcode != wsBinary, control && opcode != 9 && opcode != wsPong:
			return data, pings, false // a close frame ends it as well
		case control && !whole:
			return data, pings, false
		case opcode == 9:
			pings = append(pings, string(payload))
		case !control:
			data = append(data, payload...)
			within = !final
		}
		if !whole {
			return data, pings, false
		}
	}
	return data, pings, !within
}

// scripted is a socket on which a client's bytes arrive in pieces.
type scripted struct {
	net.Conn // nil: nothing else is asked of it
	in       io.Reader
	from     net.Addr
}

func (s *scripted) Read(p []byte) (int, error)       { return s.in.Read(p) }
func (s *scripted) Write(p []byte) (int, error)      { return len(p), nil }
func (s *scripted) Close() error                     { return nil }
func (s *scripted) RemoteAddr() net.Addr             { return s.from }
func (s *scripted) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8083} }
func (s *scripted) SetDeadline(time.Time) error      { return nil }
func (s *scripted) SetReadDeadline(time.Time) error  { return nil }
func (s *scripted) SetWriteDeadline(time.Time) error { return nil }

// hijacked is an answer whose connection is taken over.
type hijacked struct {
	*httptest.ResponseRecorder
	c net.Conn
}

func (h *hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.c, bufio.NewReadWriter(bufio.NewReader(h.c), bufio.NewWriter(h.c)), nil
}

// FuzzFrames: of a WebSocket's frames come the bytes of its binary messages, as a reader of the test's own has them and however the network cuts them; each
// PING has its PONG; and at the first frame that is not allowed it ends.
func FuzzFrames(f *testing.F) {
	for _, in := range [][]byte{
		framed([]byte("some packets, some of them cut"), 7), framed(bytes.Repeat([]byte("x"), 300), 0), framed(bytes.Repeat([]byte("x"), 1<<16), 0),
		{0x82, 0x82, 1, 2, 3, 4, 0xc1, 2}, {0x88, 0x80, 0, 0, 0, 0}, {0x81, 0xfe, 0xff, 0xff, 0, 0, 0, 0}, {0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4},
		{0x80, 0x80, 0, 0, 0, 0}, {0x02, 0x80, 0, 0, 0, 0, 0x82, 0x80, 0, 0, 0, 0}, {0x09, 0x80, 0, 0, 0, 0}, {0xc2, 0x80, 0, 0, 0, 0}, {0x82, 1, 0}, {0x83, 0x80, 0, 0, 0, 0},
	} {
		f.Add(byte(0), in)
		f.Add(byte(3), in)
	}
	cfg := DefaultConfig()
	conns := make(chan net.Conn, 1)
	h := webSocketServer(&cfg, func(c net.Conn, _ packets.Code) { conns <- c }, func(string) {}).Handler
	read := func(in io.Reader) (data []byte, pongs []byte) {
		r := httptest.NewRequest("GET", "http://edge/mqtt", nil)
		for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-Websocket-Version": "13", "Sec-Websocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
			"Sec-Websocket-Protocol": subprotocol} {
			r.Header.Set(k, v)
		}
		wire := &scripted{in: in}
		h.ServeHTTP(&hijacked{httptest.NewRecorder(), wire}, r.WithContext(context.WithValue(r.Context(), socketKey{}, &socket{Conn: wire})))
		c := (<-conns).(*webSocketConn)
		c.answerWith(func(frame []byte) { pongs = append(pongs, frame...) })
		buf := make([]byte, smallRead)
		for {
			n, err := c.Read(buf)
			if data = append(data, buf[:n]...); err != nil {
				return data, pongs
			}
		}
	}
	f.Fuzz(func(t *testing.T, cut byte, in []byte) {
		timely(t, func() {
			want, pings, fine := unframed(in)
			got, pongs := read(bytes.NewReader(in))
			again, pongsAgain := read(inPieces(in, int(cut%32)))
			if fine && !bytes.Equal(got, want) || !bytes.HasPrefix(want, got) || !bytes.HasPrefix(want, again) {
				t.Fatalf("fine %v: %d bytes, want %d", fine, len(got), len(want))
			}
			var answers []byte
			for _, p := range pings {
				answers = append(answers, controlFrame(wsPong, p)...)
			}
			if !bytes.Equal(again, got) && fine || !bytes.Equal(pongs, answers) && fine || !bytes.HasPrefix(answers, pongs) || !bytes.HasPrefix(answers, pongsAgain) {
				t.Fatalf("%d bytes, cut otherwise %d; PONGs % x and % x, want % x", len(got), len(again), pongs, pongsAgain, answers)
			}
		})
	})
}

// smallRead is less than a message of the seeds.
const smallRead = 64

// FuzzWebSocket: whatever a client sends through a WebSocket, the edge ends that connection and nothing else. The input is what its frames hold, cut into
// messages, or else the frames themselves.
func FuzzWebSocket(f *testing.F) {
	addPackets(f, func(prelude byte, in []byte) { f.Add(prelude, byte(0), in) })
	const raw = 128
	f.Add(byte(2), byte(raw), []byte{0x82, 0x82, 1, 2, 3, 4, 0xc1, 2})
	f.Add(byte(2), byte(raw), []byte{0x88, 0x80, 0, 0, 0, 0})
	f.Add(byte(2), byte(raw), []byte{0x81, 0xfe, 0xff, 0xff, 0, 0, 0, 0})
	b := newFuzzBroker(f, nil)
	f.Fuzz(func(t *testing.T, prelude, cut byte, in []byte) {
		p := fuzzPreludes[int(prelude)%len(fuzzPreludes)]
		frames := append(framed(p, 0), in...)
		if cut < raw {
			frames = framed(append(bytes.Clone(p), in...), int(cut))
		}
		data, _, _ := unframed(frames)
		version, _ := b.expect(data)
		b.judge(t, func() error {
			ws, _, err := dialWebSocket(b.Broker, nil, subprotocol)
			if err != nil {
				return fmt.Errorf("upgrade: %w", err)
			}
			defer ws.Close()
			// That a verdict comes before a close frame is FuzzConnection's: here it may be the frames that end it.
			return b.exchange(&receiving{ws.NetConn(), webSocketConn{Conn: ws}}, version, nil, func() {
				sendPieces(ws.NetConn(), frames, 0)
				_ = ws.NetConn().(*net.TCPConn).CloseWrite()
			})
		})
	})
}

// receiving reads what messages hold, from a WebSocket that is written to below.
type receiving struct {
	net.Conn
	messages webSocketConn
}

func (r *receiving) Read(p []byte) (int, error) { return r.messages.Read(p) }
