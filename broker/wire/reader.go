package wire

import (
	"errors"
	"io"
	"sync"
)

const (
	smallBuffer = 512     // of a connection that sends little, which nearly all do
	keptBuffer  = 4 << 10 // more is given back when everything was read
)

// Reader splits a client's bytes into packets. It is for one goroutine.
type Reader struct {
	src io.Reader
	v   validator
	buf []byte
	// buf[from:to] has been read and not been given out; the packet that was given out last ends at from.
	from, to int
	broken   *Error
	done     bool // the client has said DISCONNECT
}

// NewReader reads from src, whose errors it passes on.
func NewReader(src io.Reader, limits Limits) *Reader {
	return &Reader{src: src, v: validator{limits: limits}}
}

// Connect returns what the CONNECT said, once Next has given it out.
func (r *Reader) Connect() *ConnectInfo { return &r.v.info }

// Broken says whether a packet broke a rule.
func (r *Reader) Broken() bool { return r.broken != nil }

// AliasTopic returns the topic of a Topic Alias that a PUBLISH has used.
func (r *Reader) AliasTopic(alias uint16) string { return r.v.aliases[alias-1] }

// Next waits for one packet. An *Error is final: the connection is to be ended with its answer. After a DISCONNECT comes io.EOF, whatever else was sent.
func (r *Reader) Next() (Packet, error) {
	if r.broken != nil {
		return Packet{}, r.broken
	}
	if r.done {
		return Packet{}, io.EOF
	}
	for {
		total, err := r.v.header(r.buf[r.from:r.to])
		if err != nil {
			return Packet{}, r.fail(err)
		}
		if total > 0 && r.to-r.from >= total {
			return r.take(total)
		}
		if err := r.fill(total); err != nil {
			return Packet{}, err
		}
	}
}

func (r *Reader) take(total int) (Packet, error) {
	raw := r.buf[r.from : r.from+total : r.from+total]
	r.from += total
	_, size, _ := varint(raw[1:])
	p, err := r.v.packet(raw, raw[1+size:])
	if err != nil {
		return Packet{}, r.fail(err)
	}
	r.done = p.Type == Disconnect
	return p, nil
}

func (r *Reader) fail(err *Error) *Error {
	e := *err
	e.version, e.connected = r.v.version, r.v.connected
	r.broken, r.buf, r.from, r.to = &e, nil, 0, 0
	return r.broken
}

// fill reads more of the packet that begins at from and is total bytes long, 0: not known yet. The buffer grows with what has arrived, not with what was
// announced.
func (r *Reader) fill(total int) error {
	if r.from == r.to {
		r.from, r.to = 0, 0
		if len(r.buf) > keptBuffer {
			r.buf = nil
		}
	}
	if r.from > 0 && (r.to == len(r.buf) || r.from+total > len(r.buf)) {
		r.to = copy(r.buf, r.buf[r.from:r.to])
		r.from = 0
	}
	if r.to == len(r.buf) {
		size := max(smallBuffer, 2*len(r.buf))
		if total > 0 {
			size = min(size, max(total, keptBuffer))
		}
		grown, old := buffer(size), r.buf
		r.to = copy(grown, old[r.from:r.to])
		r.from, r.buf = 0, grown
		giveBack(old)
	}
	n, err := r.src.Read(r.buf[r.to:])
	r.to += n
	switch {
	case n > 0:
		return nil // what comes with an error comes again
	case err == nil:
		return errNoProgress
	case errors.Is(err, io.EOF) && r.to > r.from:
		return io.ErrUnexpectedEOF
	}
	return err
}

// small holds buffers that nothing is in.
var small = sync.Pool{New: func() any { return new([smallBuffer]byte) }}

func buffer(size int) []byte {
	if size == smallBuffer {
		return small.Get().(*[smallBuffer]byte)[:]
	}
	return make([]byte, size)
}

func giveBack(b []byte) {
	if len(b) == smallBuffer {
		small.Put((*[smallBuffer]byte)(b))
	}
}

// Rest gives the buffer back if nothing is in it: for when src has nothing more to read. Packets that were given out are no longer valid.
func (r *Reader) Rest() {
	if r.from < r.to {
		return
	}
	giveBack(r.buf)
	r.buf, r.from, r.to = nil, 0, 0
}

var errNoProgress = errors.New("read nothing, without an error")
