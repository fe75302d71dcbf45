// Package market holds the nouns that every role shares: decimals, periods, contracts, trades, candles, and the records of a contract's log.
// It imports the standard library only and does no I/O.
package market

import (
	"errors"
	"fmt"
	"math"
)

// Errors of the decimal parsers. They carry no input: the caller knows what it parsed and may not want to print it.
var (
	ErrDecimal  = errors.New("not a plain decimal number")
	ErrTooLarge = errors.New("decimal number too large")
	ErrOffScale = errors.New("decimal number has more digits than its scale")
)

// MaxScale is the greatest number of decimals of a price or quantity; quote amounts have at most twice as many.
const MaxScale = 12

var pow10 = [19]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

// Pow10 returns 10^n for n in 0..18.
func Pow10(n int) int64 { return pow10[n] }

type text interface{ ~string | ~[]byte }

// ParseDecimal reads digits with at most one point, such as "7139.89", as mantissa 713989 and scale 2.
// No sign, exponent, blank or group mark is taken: outside data that has one is wrong.
func ParseDecimal[T text](s T) (mantissa int64, scale int, err error) {
	n := len(s)
	if n == 0 || n > 40 {
		return 0, 0, ErrDecimal
	}
	var m uint64
	point := -1
	for i := 0; i < n; i++ {
		c := s[i]
		if c == '.' {
			if point >= 0 || i == 0 || i == n-1 {
				return 0, 0, ErrDecimal
			}
			point = i
			continue
		}
		d := c - '0'
		if d > 9 {
			return 0, 0, ErrDecimal
		}
		if m > (math.MaxInt64-9)/10 {
			return 0, 0, ErrTooLarge
		}
		m = m*10 + uint64(d)
	}
	if point >= 0 {
		scale = n - 1 - point
	}
	return int64(m), scale, nil
}

// ParseScaled reads a decimal as an integer in units of 10^-scale. Further decimals must be zeros: "7139.89000000" at scale 2 is 713989.
func ParseScaled[T text](s T, scale int) (int64, error) {
	for len(s) > 0 && s[len(s)-1] == '0' { // zeros beyond the scale, which could overflow the mantissa
		p := len(s) - 1 - scale
		if p < 1 || !pointBefore(s, p) {
			break
		}
		s = s[:len(s)-1]
	}
	m, has, err := ParseDecimal(s)
	if err != nil {
		return 0, err
	}
	return Rescale(m, has, scale)
}

// pointBefore says whether a point stands in s[:p].
func pointBefore[T text](s T, p int) bool {
	for i := p - 1; i >= 0; i-- {
		if s[i] == '.' {
			return true
		}
	}
	return false
}

// Rescale changes an integer of unit 10^-from into one of unit 10^-to, exactly or not at all.
func Rescale(m int64, from, to int) (int64, error) {
	for ; from > to; from-- {
		if m%10 != 0 {
			return 0, ErrOffScale
		}
		m /= 10
	}
	for ; from < to; from++ {
		if m > math.MaxInt64/10 || m < math.MinInt64/10 {
			return 0, ErrTooLarge
		}
		m *= 10
	}
	return m, nil
}

// AppendDecimal appends m in units of 10^-scale with exactly scale decimals.
func AppendDecimal(dst []byte, m int64, scale int) []byte {
	u := uint64(m)
	if m < 0 {
		dst = append(dst, '-')
		u = -u
	}
	var b [40]byte
	i := len(b)
	if scale > 0 {
		for ; scale >= 2; scale -= 2 {
			q := u / 100
			i -= 2
			copy(b[i:i+2], pairs[2*(u-100*q):])
			u = q
		}
		if scale > 0 {
			i--
			b[i] = byte('0' + u%10)
			u /= 10
		}
		i--
		b[i] = '.'
	}
	for u >= 100 {
		q := u / 100
		i -= 2
		copy(b[i:i+2], pairs[2*(u-100*q):])
		u = q
	}
	if u >= 10 {
		i -= 2
		copy(b[i:i+2], pairs[2*u:])
	} else {
		i--
		b[i] = byte('0' + u)
	}
	return append(dst, b[i:]...)
}

// pairs are the numbers 00 to 99: two digits at a time are written, candles have a dozen long numbers each.
const pairs = "00010203040506070809" + "10111213141516171819" + "20212223242526272829" + "30313233343536373839" + "40414243444546474849" +
	"50515253545556575859" + "60616263646566676869" + "70717273747576777879" + "80818283848586878889" + "90919293949596979899"

// appendPadded appends u as exactly n digits.
func appendPadded(dst []byte, u uint64, n int) []byte {
	at := len(dst)
	for i := 0; i < n; i++ {
		dst = append(dst, '0')
	}
	for i := at + n - 1; u > 0 && i >= at; i-- {
		dst[i] = byte('0' + u%10)
		u /= 10
	}
	return dst
}

// FormatDecimal is AppendDecimal as a string.
func FormatDecimal(m int64, scale int) string { return string(AppendDecimal(nil, m, scale)) }

// Unit is a tick or a step as the catalogue writes it: "0.01" is one unit at scale 2, "0.5" five units at scale 1.
type Unit struct {
	Scale int   // decimals
	Size  int64 // in units of 10^-Scale, above 0
}

// ParseUnit reads a tick or step; trailing zeros do not count as decimals.
func ParseUnit(s string) (Unit, error) {
	m, scale, err := ParseDecimal(s)
	if err != nil {
		return Unit{}, fmt.Errorf("%q: %w", s, err)
	}
	if m == 0 {
		return Unit{}, fmt.Errorf("%q: must be above zero", s)
	}
	for scale > 0 && m%10 == 0 {
		m /= 10
		scale--
	}
	if scale > MaxScale {
		return Unit{}, fmt.Errorf("%q: more than %d decimals", s, MaxScale)
	}
	return Unit{Scale: scale, Size: m}, nil
}

func (u Unit) String() string { return FormatDecimal(u.Size, u.Scale) }
