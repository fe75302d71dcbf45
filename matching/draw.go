package matching

import "math/bits"

// splitmix is a random source whose whole state is one number (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). All draws are made
// of integers: floats may be rounded differently by another processor's fused operations.
type splitmix uint64

func (s *splitmix) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below draws from 0 to n-1; n must be above 0.
func (s *splitmix) below(n int64) int64 {
	hi, _ := bits.Mul64(s.next(), uint64(n))
	return int64(hi)
}

// one is 1 in the fixed-point numbers here: 16 bits behind the point.
const one = 1 << 16

// exponential draws from the exponential distribution of this mean.
func (s *splitmix) exponential(mean int64) int64 {
	const ln2 = 45426 // ln 2 in fixed point
	x := s.next() | 1
	minusLn := (64*one - log2(x)) * ln2 >> 16
	return mulDiv(mean, minusLn, one)
}

// normal draws from about the standard normal distribution, in fixed point: the sum of twelve uniform numbers, at most 6 in size.
func (s *splitmix) normal() int64 {
	var sum int64
	for range 3 {
		x := s.next()
		sum += int64(x&0xffff) + int64(x>>16&0xffff) + int64(x>>32&0xffff) + int64(x>>48)
	}
	return sum - 6*one
}

// logNormal draws a size with this median, whose logarithm has the standard deviation 1.4: most are usual, some are hundreds of times as large.
func (s *splitmix) logNormal(median int64) int64 {
	const width = 132371 // 1.4 / ln 2 in fixed point: from powers of e to powers of 2
	z := s.normal() * width >> 16
	whole, f := z>>16, z&(one-1)
	m := one + f*(43025+(22511*f>>16))>>16 // 2^f in [1, 2), within 0.3 %
	if whole < 0 {
		return mulDiv(median, m, one<<-whole)
	}
	return mulDiv(median, m<<whole, one)
}

// log2 is the logarithm of x, which is above 0, in fixed point, within 0.01.
func log2(x uint64) int64 {
	n := bits.Len64(x) - 1
	f := int64(x << (63 - n) << 1 >> 48) // the digits behind the leading one
	return int64(n)<<16 + f + (f*(one-f)>>16)*22525>>16
}

// mulDiv returns a*b/c, rounded towards zero, with a product of 128 bits; b is not negative, c above 0, and the result fits.
func mulDiv(a, b, c int64) int64 {
	neg := a < 0
	if neg {
		a = -a
	}
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	q, _ := bits.Div64(hi, lo, uint64(c))
	if neg {
		return -int64(q)
	}
	return int64(q)
}

// isqrt is the whole part of the square root.
func isqrt(x int64) int64 {
	if x <= 0 {
		return 0
	}
	r := int64(1) << ((bits.Len64(uint64(x)) + 1) / 2)
	for {
		n := (r + x/r) / 2
		if n >= r {
			return r
		}
		r = n
	}
}
