package market

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// Decoder reads log records. It remembers the contract and source names it has seen (bounded), so that decoding a trade allocates nothing.
// A decoder belongs to one goroutine; the zero value is ready.
type Decoder struct {
	names map[string]string
}

const maxNames = 100_000

var errTruncated = errors.New("record ends too early")

func (d *Decoder) intern(b []byte) string {
	if s, ok := d.names[string(b)]; ok {
		return s
	}
	s := string(b)
	if d.names == nil {
		d.names = map[string]string{}
	}
	if len(d.names) < maxNames {
		d.names[s] = s
	}
	return s
}

// scanner walks over one flat JSON object. Our writers escape nothing on the paths that count; a value with an escape is left to encoding/json.
type scanner struct {
	b      []byte
	i      int
	within bool // the object has begun
}

func (s *scanner) blanks() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\n' || s.b[s.i] == '\t' || s.b[s.i] == '\r') {
		s.i++
	}
}

func (s *scanner) expect(c byte) error {
	s.blanks()
	if s.i >= len(s.b) {
		return errTruncated
	}
	if s.b[s.i] != c {
		return fmt.Errorf("byte %d: found %q, want %q", s.i, s.b[s.i], c)
	}
	s.i++
	return nil
}

// text reads a quoted string without escapes.
func (s *scanner) text() ([]byte, error) {
	if err := s.expect('"'); err != nil {
		return nil, err
	}
	from := s.i
	for ; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return s.b[from : s.i-1], nil
		case c == '\\' || c < ' ':
			return nil, fmt.Errorf("byte %d: escape or control character", s.i)
		}
	}
	return nil, errTruncated
}

func (s *scanner) integer() (int64, error) {
	s.blanks()
	neg := s.i < len(s.b) && s.b[s.i] == '-'
	if neg {
		s.i++
	}
	from := s.i
	var u uint64
	for ; s.i < len(s.b); s.i++ {
		d := s.b[s.i] - '0'
		if d > 9 {
			break
		}
		if u > (math.MaxInt64-9)/10 {
			return 0, fmt.Errorf("byte %d: integer too large", from)
		}
		u = u*10 + uint64(d)
	}
	if s.i == from {
		return 0, fmt.Errorf("byte %d: want an integer", from)
	}
	if s.i < len(s.b) && (s.b[s.i] == '.' || s.b[s.i] == 'e' || s.b[s.i] == 'E') {
		return 0, fmt.Errorf("byte %d: want an integer", s.i)
	}
	if neg {
		return -int64(u), nil
	}
	return int64(u), nil
}

func (s *scanner) boolean() (bool, error) {
	s.blanks()
	rest := s.b[s.i:]
	if len(rest) >= 4 && string(rest[:4]) == "true" {
		s.i += 4
		return true, nil
	}
	if len(rest) >= 5 && string(rest[:5]) == "false" {
		s.i += 5
		return false, nil
	}
	return false, fmt.Errorf("byte %d: want true or false", s.i)
}

// raw takes one value of any kind.
func (s *scanner) raw() (json.RawMessage, error) {
	s.blanks()
	depth, quoted, from := 0, false, s.i
	for ; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; {
		case quoted:
			if c == '\\' {
				s.i++
			} else if c == '"' {
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '[' || c == '{':
			depth++
		case depth > 0 && (c == ']' || c == '}'):
			depth--
		case depth == 0 && (c == ',' || c == '}'):
			if s.i == from {
				return nil, fmt.Errorf("byte %d: value is missing", from)
			}
			return s.b[from:s.i], nil
		}
	}
	return nil, errTruncated
}

// key reads the next key of a flat object, and the colon after it; nil at the object's end. Its value is to be read before the next call.
func (s *scanner) key() ([]byte, error) {
	if !s.within {
		s.within = true
		if err := s.expect('{'); err != nil {
			return nil, err
		}
	} else {
		s.blanks()
		if s.i >= len(s.b) {
			return nil, errTruncated
		}
		if s.b[s.i] == '}' {
			return nil, nil
		}
		if err := s.expect(','); err != nil {
			return nil, err
		}
	}
	key, err := s.text()
	if err != nil {
		return nil, err
	}
	return key, s.expect(':')
}
