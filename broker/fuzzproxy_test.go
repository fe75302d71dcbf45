package broker

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

const proxySignature = "\r\n\r\n\x00\r\nQUIT\n"

// proxyHeader is a header of version 2 (HAProxy's proxy-protocol.txt, 2.2).
func proxyHeader(command, family byte, body ...byte) []byte {
	b := append([]byte(proxySignature), command, family)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(body))), body...)
}

// clientIn reads a header of version 2 that names a TCP client: who that is, and what follows. It knows of nothing else.
func clientIn(in []byte) (from netip.Addr, rest []byte, ok bool) {
	if len(in) < 16 || string(in[:12]) != proxySignature || in[12] != 0x21 {
		return from, nil, false
	}
	n := int(binary.BigEndian.Uint16(in[14:16]))
	body, size := in[16:], map[byte]int{0x11: 4, 0x21: 16}[in[13]]
	if size == 0 || len(body) < n || n < 2*size+4 {
		return from, nil, false
	}
	from, _ = netip.AddrFromSlice(body[:size])
	return originOf(from), body[n:], true
}

// FuzzProxyHeader: behind a load balancer a client is whom the header names, and what follows the header is what it sends, however both are cut (version 1, a
// line of text, must come in one piece); without a header nobody is served.
func FuzzProxyHeader(f *testing.F) {
	four := []byte{192, 0, 2, 1, 127, 0, 0, 1, 0x12, 0x34, 7, 0x5b}
	six := append(append(netip.MustParseAddr("2001:db8::1").AsSlice(), netip.MustParseAddr("::ffff:1.2.3.4").AsSlice()...), 1, 2, 3, 4)
	for _, in := range [][]byte{
		proxyHeader(0x21, 0x11, four...), proxyHeader(0x21, 0x21, six...), proxyHeader(0x21, 0x11, append(bytes.Clone(four), 4, 0, 1, 0)...),
		proxyHeader(0x20, 0), proxyHeader(0x21, 0), proxyHeader(0x21, 0x12, four...), proxyHeader(0x21, 0x31, make([]byte, 216)...), proxyHeader(0x21, 0x11, four[:8]...),
		proxyHeader(0x22, 0x11, four...), proxyHeader(0x31, 0x11, four...), append([]byte(proxySignature), 0x21, 0x11, 0xff, 0xff), []byte(proxySignature),
		[]byte("PROXY TCP4 192.0.2.1 127.0.0.1 4660 1883\r\n"), []byte("PROXY UNKNOWN\r\n"), []byte("PROXY TCP4 192.0.2.1"), bytes.Repeat([]byte("PROXY "), 40), fuzzPreludes[1],
	} {
		f.Add(byte(0), in, fuzzPreludes[2])
		f.Add(byte(5), in, []byte(nil))
	}
	balancer := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}
	type seen struct {
		from netip.Addr
		ok   bool
		data string
	}
	f.Fuzz(func(t *testing.T, cut byte, header, rest []byte) {
		in := append(bytes.Clone(header), rest...)
		read := func(in io.Reader) (s seen) {
			c := behindProxy(&scripted{in: in, from: balancer}, time.Second)
			if s.from, s.ok = clientOf(c); s.ok {
				b, _ := io.ReadAll(c) // a header that ends the connection later has been one without it
				s.data = string(b)
			}
			return s
		}
		timely(t, func() {
			got, again := read(bytes.NewReader(in)), read(inPieces(in, int(cut%32)))
			if got != again && bytes.HasPrefix(in, []byte(proxySignature)) {
				t.Fatalf("%+v, cut otherwise %+v", got, again)
			}
			from, data, named := clientIn(in)
			switch {
			case named && got != seen{from, true, string(data)}:
				t.Fatalf("%+v, want %v and %d bytes", got, from, len(data))
			case got.ok && !bytes.HasPrefix(in, []byte("PROXY ")) && !bytes.HasPrefix(in, []byte(proxySignature)):
				t.Fatalf("served without a header: %+v", got)
			case got.ok && !bytes.HasSuffix(in, []byte(got.data)):
				t.Fatalf("%d bytes that were not sent", len(got.data))
			}
		})
	})
}
