package wire

import (
	"bytes"
	"unicode/utf8"
)

// cursor takes fields off a packet's body. After the first that does not fit it gives zeros, and ok is false.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if c.bad || n > len(c.b) {
		c.bad = true
		return nil
	}
	taken := c.b[:n]
	c.b = c.b[n:]
	return taken
}

func (c *cursor) byte() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint16() uint16 {
	if b := c.take(2); b != nil {
		return uint16(b[0])<<8 | uint16(b[1])
	}
	return 0
}

func (c *cursor) uint32() uint32 { return uint32(c.uint16())<<16 | uint32(c.uint16()) }

// field takes what has a length of two bytes before it [1.5.4, 1.5.6].
func (c *cursor) field() []byte { return c.take(int(c.uint16())) }

// varint takes a Variable Byte Integer [1.5.5]. One that is longer than it need be is malformed [MQTT-1.5.5-1].
func (c *cursor) varint() int {
	n, size, ok := varint(c.b)
	if !ok || size == 0 || size > 1 && c.b[size-1] == 0 {
		c.bad = true
		return 0
	}
	c.take(size)
	return n
}

// varint decodes; size is 0 if bytes are missing, ok is false if there is no end within four.
func varint(b []byte) (n, size int, ok bool) {
	const longest = 4
	for i := range min(len(b), longest) {
		n |= int(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return n, i + 1, true
		}
	}
	return 0, 0, len(b) < longest
}

// validText says whether a string is what MQTT calls a UTF-8 Encoded String [MQTT-1.5.4-1, MQTT-1.5.4-2].
func validText(b []byte) bool { return utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 }

func hasWildcard(b []byte) bool { return bytes.IndexByte(b, '+') >= 0 || bytes.IndexByte(b, '#') >= 0 }
