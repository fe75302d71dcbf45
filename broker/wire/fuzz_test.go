package wire

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"
	"time"
)

// timely fails if one input takes over a second, three times: a machine that does other work may hold a single run up.
func timely(t *testing.T, run func()) {
	t.Helper()
	for range 3 {
		start := time.Now()
		if run(); time.Since(start) < time.Second {
			return
		}
	}
	t.Fatal("takes over a second")
}

// pieces gives bytes out n at a time.
type pieces struct {
	b []byte
	n int
}

func (p *pieces) Read(to []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := copy(to[:min(p.n, len(to))], p.b)
	p.b = p.b[n:]
	return n, nil
}

// FuzzReader: however the bytes are cut, the same packets come through, whole and within the limits; after the first that is not valid comes none; and what is
// answered to it fits the version of the protocol. What a reader holds is never more than a packet and what it keeps anyway.
func FuzzReader(f *testing.F) {
	for _, version := range []byte{4, 5} {
		first := connectOf(version)
		f.Add(byte(0), first)
		f.Add(byte(9), append(bytes.Clone(first), pk(0x82, "\x00\x01", props("\x0b\x01", "\x26"+str("rate")+str("2")), str("candle/#"), "\x01")...))
		f.Add(byte(1), append(bytes.Clone(first), pk(0x33, str("t"), "\x00\x01", props("\x23\x00\x01", "\x26"+str("ver")+str("00")), "payload")...))
		f.Add(byte(2), append(bytes.Clone(first), 0x40, 2, 0, 1, 0x62, 2, 0, 1, 0xc0, 0, 0xe0, 0))
		f.Add(byte(2), append(bytes.Clone(first), pk(0xa2, "\x00\x01", props(), str("a"))...))
	}
	f.Add(byte(3), connect(5, 0xf6, props("\x11\x00\x00\x00\x05", "\x21\x00\x05", "\x27\x00\x00\x01\x00"), str("id"), props("\x18\x00\x00\x00\x05"), str("w"), str("gone"), str("user"), str("secret")))
	f.Fuzz(func(t *testing.T, cut byte, in []byte) {
		timely(t, func() { checkReader(t, cut, in) })
	})
}

func checkReader(t *testing.T, cut byte, in []byte) {
	whole, end := readAll(bytes.NewReader(in), testLimits)
	r := NewReader(&pieces{in, 1 + int(cut)}, testLimits)
	var again []Packet
	var endAgain error
	for endAgain == nil {
		var p Packet
		if p, endAgain = r.Next(); endAgain != nil {
			break
		}
		if p.Type == Publish {
			checkPublication(t, r, &p)
		}
		p.Raw, p.Body = bytes.Clone(p.Raw), bytes.Clone(p.Body)
		again = append(again, p)
		if len(p.Raw) > testLimits.PacketBytes || len(r.buf) > testLimits.PacketBytes+keptBuffer {
			t.Fatalf("a packet of %d bytes, %d held", len(p.Raw), len(r.buf))
		}
	}
	if !reflect.DeepEqual(whole, again) || !reflect.DeepEqual(end, endAgain) {
		t.Fatalf("%d packets, then %v; cut otherwise %d, then %v", len(whole), end, len(again), endAgain)
	}
	if _, err := r.Next(); err != endAgain && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("%v, and then %v", endAgain, err)
	}
	var broken *Error
	if !errors.As(end, &broken) {
		return
	}
	answer, connected, five := broken.Answer(), len(whole) > 0, r.Connect().Version == 5
	switch want := []byte{byte(Disconnect) << 4, 2, broken.Code, 0}; {
	case connected && five && !bytes.Equal(answer, want), connected && !five && answer != nil,
		!connected && answer != nil && (answer[0] != byte(Connack)<<4 || len(answer) != int(answer[1])+2 || answer[3] == 0):
		t.Fatalf("%v is answered by % x", broken, answer)
	}
}

// checkPublication: what a PUBLISH is taken apart into is what it consists of.
func checkPublication(t *testing.T, r *Reader, p *Packet) {
	out := r.Publication(p)
	if n := 2 + len(out.Topic) + len(out.Payload); !bytes.HasPrefix(p.Body[2:], out.Topic) || !bytes.HasSuffix(p.Body, out.Payload) || n > len(p.Body) {
		t.Fatalf("topic of %d and payload of %d bytes in % x", len(out.Topic), len(out.Payload), p.Raw)
	}
	value, ok := out.User("rate")
	if ok && !bytes.Contains(p.Body, append([]byte("\x26\x00\x04rate"), byte(len(value)>>8), byte(len(value)))) {
		t.Fatalf("a user property that is not there: %q", value)
	}
	if alias := out.HasAlias(); alias && r.Connect().Version < 5 || !alias && len(out.Topic) == 0 {
		t.Fatalf("alias %v, topic %q", alias, out.Topic)
	}
}
