//go:build linux

package edgebench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// upgradeRequest asks for MQTT over WebSocket [RFC 6455, 4.1; MQTT 5, 6.0].
func upgradeRequest(host, path string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", path, host)
}

// upgraded says how long the answer to the request is; 0: it is not all there yet.
func upgraded(answer []byte) (size int, err error) {
	end := bytes.Index(answer, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, nil
	}
	if line, _, _ := bytes.Cut(answer, []byte("\r\n")); !bytes.Contains(line, []byte(" 101 ")) {
		return 0, fmt.Errorf("upgrade to WebSocket: the broker answered %q", line)
	}
	return end + 4, nil
}

const (
	opBinary = 0x2
	opClose  = 0x8
	finBit   = 0x80
	maskBit  = 0x80
)

// appendFrame appends one masked frame. The mask is zero: what it protects from, proxies that mistake the content for HTTP, is not here.
func appendFrame(dst []byte, op byte, content []byte) []byte {
	dst = append(dst, finBit|op)
	switch n := len(content); {
	case n < 126:
		dst = append(dst, maskBit|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, maskBit|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, maskBit|127), uint64(n))
	}
	return append(append(dst, 0, 0, 0, 0), content...)
}

var (
	errClosed = errors.New("the broker closed the connection")
	errFrame  = errors.New("malformed WebSocket frame from the broker")
)

// deframer takes the content of WebSocket frames out of a stream that may be cut anywhere.
type deframer struct {
	left   int    // bytes of the current frame's content that are still to come
	header []byte // beginning of a header
}

// strip moves the content of the frames in b to its beginning and returns it.
func (d *deframer) strip(b []byte) ([]byte, error) {
	content := b[:0]
	for {
		n := min(d.left, len(b))
		content = append(content, b[:n]...) // moves towards the beginning, never over what is still to be read
		d.left -= n
		if b = b[n:]; len(b) == 0 {
			return content, nil
		}
		op, length, width, err := d.parseHeader(b)
		if err != nil {
			return nil, err
		}
		if width == 0 {
			return content, nil
		}
		b = b[width:]
		switch {
		case op < opClose:
			d.left = length
		case op == opClose:
			return nil, errClosed
		case length > len(b): // control frames are short; one that is cut in two is not worth code
			return nil, errFrame
		default: // a ping or pong; no run is so long that a broker would miss an answer
			b = b[length:]
		}
	}
}

// parseHeader reads a frame's header, of which earlier calls may have had a part. width is how much of b it took; 0: all, and it goes on.
func (d *deframer) parseHeader(b []byte) (op byte, length, width int, err error) {
	had := len(d.header)
	d.header = append(d.header, b[:min(len(b), 10-had)]...) // the longest header of a server's frame
	h := d.header
	size := 2
	if len(h) >= 2 {
		switch length = int(h[1]); {
		case h[1] >= maskBit:
			return 0, 0, 0, errFrame
		case length == 126:
			size = 4
		case length == 127:
			size = 10
		}
	}
	if len(h) < size {
		return 0, 0, 0, nil
	}
	switch size {
	case 4:
		length = int(binary.BigEndian.Uint16(h[2:]))
	case 10:
		length = int(binary.BigEndian.Uint64(h[2:]))
	}
	if length < 0 || length > 1<<30 {
		return 0, 0, 0, errFrame
	}
	d.header = d.header[:0]
	return h[0] & 0xf, length, size - had, nil
}
