package broker

import (
	"encoding/binary"
	"net"
	"syscall"
)

// frameRoom is what a WebSocket header takes at most: servers do not mask [RFC 6455, 5.2].
const frameRoom = 10

const (
	wsFinal  = 0x80
	wsBinary = 0x2
	wsClose  = 0x8
	wsPong   = 0xA
)

// outlet is the sending side of a socket, below mochi and gorilla.
type outlet struct {
	net.Conn
	raw       syscall.RawConn                     // nil: a write may block, as TLS must
	fd        int                                 // of raw
	now       func(fd int, b []byte) (int, error) // sends without waiting
	webSocket bool                                // batches are sent as binary messages
	write     func(fd uintptr) bool
	took      func() // called by finish whenever the socket has taken something; nil: nobody wants to know
	rest      []byte // what write has to send
	err       error  // of write
}

// open finds the way to the socket that is under c.
func (o *outlet) open(c net.Conn) {
	o.Conn = c
	if ws, ok := c.(*webSocketConn); ok {
		o.Conn, o.webSocket = ws.NetConn(), true
	}
	if o.raw = rawSocket(o.Conn); o.raw != nil {
		o.write, o.now = o.writeRest, sendNow
		_ = o.raw.Control(func(fd uintptr) { o.fd = int(fd) })
	}
}

// writeRest is called by the runtime's poller, each time that the socket may take more; false makes it wait.
func (o *outlet) writeRest(fd uintptr) bool {
	for len(o.rest) > 0 {
		n, err := o.now(int(fd), o.rest)
		switch err {
		case nil:
			o.rest = o.rest[n:]
			if o.took != nil {
				o.took()
			}
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			o.err = err
			return true
		}
	}
	return true
}

// try sends what the socket takes at once. It goes past the runtime, which would see to it that the descriptor is not closed meanwhile: a socket is closed when
// its sending side is through (Broker.end).
func (o *outlet) try(b []byte) (n int, err error) {
	for n < len(b) {
		k, err := o.now(o.fd, b[n:])
		switch err {
		case nil:
			n += k
		case syscall.EINTR:
		case syscall.EAGAIN:
			return n, nil
		default:
			return n, err
		}
	}
	return n, nil
}

// finish sends all of b and waits for the socket, until the write deadline. With nothing to send it waits until the socket takes something.
func (o *outlet) finish(b []byte) (n int, err error) {
	switch {
	case o.raw == nil:
		return o.writePieces(b)
	case len(b) == 0:
		return 0, o.raw.Write(takesMore)
	}
	o.rest, o.err = b, nil
	err = o.raw.Write(o.write)
	n = len(b) - len(o.rest)
	o.rest = nil
	if err == nil {
		err = o.err
	}
	return n, err
}

// writePieces writes where it cannot be seen how much of a write the socket has taken.
func (o *outlet) writePieces(b []byte) (n int, err error) {
	const piece = 4 << 10
	for n < len(b) {
		k, err := o.Conn.Write(b[n:min(n+piece, len(b))])
		if n += k; err != nil {
			return n, err
		}
		if o.took != nil {
			o.took()
		}
	}
	return n, nil
}

// seal makes a batch what goes on the wire. MQTT packets begin at frameRoom: the header of a WebSocket message goes before them.
func (o *outlet) seal(b []byte) []byte {
	n := len(b) - frameRoom
	if !o.webSocket || n == 0 {
		return b[frameRoom:]
	}
	var start int
	switch {
	case n < 126:
		start = frameRoom - 2
		b[start+1] = byte(n)
	case n < 1<<16:
		start = frameRoom - 4
		b[start+1] = 126
		binary.BigEndian.PutUint16(b[start+2:], uint16(n))
	default:
		start = frameRoom - 10
		b[start+1] = 127
		binary.BigEndian.PutUint64(b[start+2:], uint64(n))
	}
	b[start] = wsFinal | wsBinary
	return b[start:]
}

// controlFrame is a WebSocket frame of at most 125 bytes.
func controlFrame(opcode byte, payload string) []byte {
	return append([]byte{wsFinal | opcode, byte(len(payload))}, payload...)
}

// closeFrame says that all went well: what did not, MQTT has told.
var closeFrame = controlFrame(wsClose, "\x03\xe8")
