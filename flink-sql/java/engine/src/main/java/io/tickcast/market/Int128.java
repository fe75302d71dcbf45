package io.tickcast.market;

import java.math.BigInteger;

/**
 * A signed 128-bit integer in two's complement: sums of quantities and of price times quantity, which leave 64 bits behind within a day. Its unit is the owner's (10^-scale).
 * It changes in place, so that a trade allocates nothing.
 */
public final class Int128 {
    long hi;
    long lo; // unsigned

    public Int128() {}

    public Int128(long hi, long lo) {
        this.hi = hi;
        this.lo = lo;
    }

    public long hi() {
        return hi;
    }

    public long lo() {
        return lo;
    }

    public void set(long hi, long lo) {
        this.hi = hi;
        this.lo = lo;
    }

    public void set(Int128 o) {
        set(o.hi, o.lo);
    }

    /** Sets x * y; both must not be negative. */
    public void setProduct(long x, long y) {
        set(unsignedHigh(x, y), x * y);
    }

    public void add(Int128 o) {
        add(o.hi, o.lo);
    }

    public void add(long v) {
        add(v >> 63, v);
    }

    private void add(long h, long l) {
        lo += l;
        hi += h;
        if (Long.compareUnsigned(lo, l) < 0) {
            hi++;
        }
    }

    /** Multiplies by f; neither may be negative. */
    public void times(long f) {
        set(hi * f + unsignedHigh(lo, f), lo * f);
    }

    public int sign() {
        return hi < 0 ? -1 : (hi | lo) == 0 ? 0 : 1;
    }

    /** The value as a big integer, for slow exact work. */
    public BigInteger big() {
        return BigInteger.valueOf(hi).shiftLeft(64).add(unsigned(lo));
    }

    /** The upper half of an unsigned product. */
    static long unsignedHigh(long x, long y) {
        return Math.multiplyHigh(x, y) + ((x >> 63) & y) + ((y >> 63) & x);
    }

    /** An unsigned 64-bit integer as a big one. */
    static BigInteger unsigned(long v) {
        BigInteger b = BigInteger.valueOf(v & Long.MAX_VALUE);
        return v < 0 ? b.setBit(63) : b;
    }

    /** hi:lo / d, unsigned; hi must be below d. (Knuth, volume 2, algorithm D, with two digits of 32 bits.) */
    static long divide(long hi, long lo, long d) {
        if (hi == 0) {
            return Long.divideUnsigned(lo, d);
        }
        int shift = Long.numberOfLeadingZeros(d);
        d <<= shift;
        if (shift > 0) {
            hi = hi << shift | lo >>> -shift;
            lo <<= shift;
        }
        long d1 = d >>> 32;
        long d0 = d & 0xffffffffL;
        long l1 = lo >>> 32;
        long q1 = digit(hi, d1, d0, l1);
        long rest = (hi << 32 | l1) - q1 * d;
        long q0 = digit(rest, d1, d0, lo & 0xffffffffL);
        return (q1 << 32) + q0;
    }

    private static long digit(long hi, long d1, long d0, long next) {
        long q = Long.divideUnsigned(hi, d1);
        long r = hi - q * d1;
        while (q >>> 32 != 0 || Long.compareUnsigned(q * d0, r << 32 | next) > 0) {
            q--;
            r += d1;
            if (r >>> 32 != 0) {
                break;
            }
        }
        return q;
    }

    @Override
    public boolean equals(Object o) {
        return o instanceof Int128 v && v.hi == hi && v.lo == lo;
    }

    @Override
    public int hashCode() {
        return Long.hashCode(hi * 31 + lo);
    }

    @Override
    public String toString() {
        return big().toString();
    }
}
