package market

import (
	"math/big"
	"math/bits"
	"strconv"
)

// Int128 is a signed 128-bit integer in two's complement: sums of quantities and of price times quantity, which leave 64 bits behind within a day.
// Its unit is the caller's (10^-scale). The zero value is 0.
type Int128 struct {
	Hi int64
	Lo uint64
}

// Int128From widens a 64-bit integer.
func Int128From(v int64) Int128 { return Int128{Hi: v >> 63, Lo: uint64(v)} }

// Add returns a + b.
func (a Int128) Add(b Int128) Int128 {
	lo, carry := bits.Add64(a.Lo, b.Lo, 0)
	hi, _ := bits.Add64(uint64(a.Hi), uint64(b.Hi), carry)
	return Int128{Hi: int64(hi), Lo: lo}
}

// Sub returns a - b.
func (a Int128) Sub(b Int128) Int128 {
	lo, borrow := bits.Sub64(a.Lo, b.Lo, 0)
	hi, _ := bits.Sub64(uint64(a.Hi), uint64(b.Hi), borrow)
	return Int128{Hi: int64(hi), Lo: lo}
}

// AddInt returns a + v.
func (a Int128) AddInt(v int64) Int128 { return a.Add(Int128From(v)) }

// Mul returns x * y exactly; both must not be negative.
func Mul(x, y int64) Int128 {
	hi, lo := bits.Mul64(uint64(x), uint64(y))
	return Int128{Hi: int64(hi), Lo: lo}
}

// Sign is -1, 0 or 1.
func (a Int128) Sign() int {
	switch {
	case a.Hi < 0:
		return -1
	case a.Hi == 0 && a.Lo == 0:
		return 0
	}
	return 1
}

// Big returns the value as a big integer, for slow exact work.
func (a Int128) Big() *big.Int {
	v := new(big.Int).Lsh(big.NewInt(a.Hi), 64)
	return v.Add(v, new(big.Int).SetUint64(a.Lo))
}

// AppendDecimal appends a in units of 10^-scale with exactly scale decimals; scale is at most 2*MaxScale.
func (a Int128) AppendDecimal(dst []byte, scale int) []byte {
	if a.Hi == 0 && a.Lo <= 1<<63-1 && scale <= 18 {
		return AppendDecimal(dst, int64(a.Lo), scale)
	}
	if a.Hi < 0 {
		dst = append(dst, '-')
		a = Int128{}.Sub(a)
	}
	// 128 bits are at most 39 digits: three groups of 19, 19 and 1, the lowest first.
	const e19 = 10_000_000_000_000_000_000
	hi := uint64(a.Hi)
	q1, r := hi/e19, hi%e19
	q0, low := bits.Div64(r, a.Lo, e19)
	q2, mid := bits.Div64(q1%e19, q0, e19)
	var digits [57]byte
	d := digits[:0]
	d = appendPadded(d, q2, 19)
	d = appendPadded(d, mid, 19)
	d = appendPadded(d, low, 19)
	first := 0
	for first < len(d)-scale-1 && d[first] == '0' {
		first++
	}
	dst = append(dst, d[first:len(d)-scale]...)
	if scale > 0 {
		dst = append(dst, '.')
		dst = append(dst, d[len(d)-scale:]...)
	}
	return dst
}

func (a Int128) String() string {
	if a.Hi == 0 && a.Lo <= 1<<63-1 {
		return strconv.FormatUint(a.Lo, 10)
	}
	return a.Big().String()
}

// ParseInt128 reads a plain decimal (as ParseDecimal does) in units of 10^-scale. Decimals beyond the scale must be zeros.
func ParseInt128[T text](s T, scale int) (Int128, error) {
	v, lost, err := parseInt128(s, scale)
	if err == nil && lost {
		return Int128{}, ErrOffScale
	}
	return v, err
}

// ParseInt128Rounded is ParseInt128, but rounds decimals beyond the scale half up: for totals that a venue made when its step was finer than today's.
func ParseInt128Rounded[T text](s T, scale int) (Int128, error) {
	v, _, err := parseInt128(s, scale)
	return v, err
}

func parseInt128[T text](s T, scale int) (v Int128, inexact bool, err error) {
	if len(s) == 0 || len(s) > 60 || s[0] == '.' || s[len(s)-1] == '.' {
		return v, false, ErrDecimal
	}
	point, decimals, up := false, 0, false
	mul10 := func(d uint64) bool {
		if v.Hi >= 1<<59 { // ten times the value would leave 127 bits
			return false
		}
		hi, lo := bits.Mul64(v.Lo, 10)
		lo, carry := bits.Add64(lo, d, 0)
		v = Int128{Hi: v.Hi*10 + int64(hi) + int64(carry), Lo: lo}
		return true
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '.' {
			if point {
				return v, false, ErrDecimal
			}
			point = true
			continue
		}
		d := c - '0'
		if d > 9 {
			return v, false, ErrDecimal
		}
		if point {
			decimals++
			if decimals > scale {
				inexact = inexact || d != 0
				if decimals == scale+1 {
					up = d >= 5
				}
				continue
			}
		}
		if !mul10(uint64(d)) {
			return v, false, ErrTooLarge
		}
	}
	for ; decimals < scale; decimals++ {
		if !mul10(0) {
			return v, false, ErrTooLarge
		}
	}
	if up {
		v = v.AddInt(1)
	}
	return v, inexact, nil
}
