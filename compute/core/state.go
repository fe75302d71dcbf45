package core

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tickcast/tickcast/market"
)

// Saver writes a state: integers in the variable form of encoding/binary.
type Saver struct{ B []byte }

// Int appends integers.
func (w *Saver) Int(vs ...int64) {
	for _, v := range vs {
		w.B = binary.AppendVarint(w.B, v)
	}
}

// Bool appends truths.
func (w *Saver) Bool(vs ...bool) {
	for _, v := range vs {
		if v {
			w.B = append(w.B, 1)
		} else {
			w.B = append(w.B, 0)
		}
	}
}

// Bytes appends bytes with their number.
func (w *Saver) Bytes(b []byte) {
	w.Int(int64(len(b)))
	w.B = append(w.B, b...)
}

// Wide appends sums.
func (w *Saver) Wide(vs ...market.Int128) {
	for _, v := range vs {
		w.Int(v.Hi)
		w.B = binary.AppendUvarint(w.B, v.Lo)
	}
}

// Spec appends a contract's entry as the log has it.
func (w *Saver) Spec(s *market.Spec) {
	if s.Contract.ID == "" {
		w.Bytes(nil)
		return
	}
	r := market.Record{Kind: market.KindContract, Contract: s.Contract.ID, Source: s.Contract.Source, Spec: *s}
	w.Bytes(r.AppendJSON(nil))
}

// Loader reads what Saver wrote. After the first error it returns zeros.
type Loader struct {
	B   []byte // what is left
	Err error
}

var errShort = errors.New("state ends too early")

// Fail sets the error if there is none, and ends the reading.
func (r *Loader) Fail(err error) {
	if r.Err == nil {
		r.Err = err
	}
	r.B = nil
}

// Int reads an integer.
func (r *Loader) Int() int64 {
	v, n := binary.Varint(r.B)
	if n <= 0 {
		r.Fail(errShort)
		return 0
	}
	r.B = r.B[n:]
	return v
}

func (r *Loader) uint() uint64 {
	v, n := binary.Uvarint(r.B)
	if n <= 0 {
		r.Fail(errShort)
		return 0
	}
	r.B = r.B[n:]
	return v
}

// Bool reads a truth.
func (r *Loader) Bool() bool {
	if len(r.B) == 0 {
		r.Fail(errShort)
		return false
	}
	v := r.B[0] != 0
	r.B = r.B[1:]
	return v
}

// Count reads a number of things, at most so many.
func (r *Loader) Count(most int) int {
	n := r.Int()
	if n < 0 || n > int64(most) {
		r.Fail(fmt.Errorf("state: %d entries, at most %d", n, most))
		return 0
	}
	return int(n)
}

// Bytes reads bytes; they are the input's.
func (r *Loader) Bytes() []byte {
	n := r.Count(1 << 30)
	if n > len(r.B) {
		r.Fail(errShort)
		return nil
	}
	b := r.B[:n]
	r.B = r.B[n:]
	return b
}

// Wide reads a sum.
func (r *Loader) Wide() market.Int128 { return market.Int128{Hi: r.Int(), Lo: r.uint()} }

// Spec reads a contract's entry.
func (r *Loader) Spec() (s market.Spec) {
	b := r.Bytes()
	if len(b) == 0 {
		return s
	}
	var d market.Decoder
	var rec market.Record
	if err := d.Decode(b, &rec); err != nil {
		r.Fail(fmt.Errorf("state: %w", err))
	}
	return rec.Spec
}

// Quality reads a quality.
func (r *Loader) Quality() market.Quality {
	q := r.Int()
	if q < 0 || q > int64(market.QualitySuspect) {
		r.Fail(errors.New("state: impossible quality"))
		return 0
	}
	return market.Quality(q)
}
