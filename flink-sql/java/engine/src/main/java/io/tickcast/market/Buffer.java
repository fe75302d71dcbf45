package io.tickcast.market;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Bytes in the making: what is written is built in place and copied once. */
public final class Buffer {
    private static final long E18 = 1_000_000_000_000_000_000L;

    private byte[] b = new byte[512];
    private int n;
    private final byte[] digits = new byte[64];

    /** Text of letters that are one byte each. */
    public static byte[] ascii(String s) {
        return s.getBytes(StandardCharsets.ISO_8859_1);
    }

    public Buffer clear() {
        n = 0;
        return this;
    }

    public byte[] copy() {
        return Arrays.copyOf(b, n);
    }

    private void room(int more) {
        if (n + more > b.length) {
            b = Arrays.copyOf(b, Math.max(2 * b.length, n + more));
        }
    }

    public Buffer bytes(byte[] s) {
        room(s.length);
        System.arraycopy(s, 0, b, n, s.length);
        n += s.length;
        return this;
    }

    public Buffer one(char c) {
        room(1);
        b[n++] = (byte) c;
        return this;
    }

    public Buffer integer(long v) {
        return decimal(v, 0);
    }

    public Buffer bool(boolean v) {
        return bytes(v ? TRUE : FALSE);
    }

    private static final byte[] TRUE = ascii("true");
    private static final byte[] FALSE = ascii("false");

    /** Appends m in units of 10^-scale with exactly scale decimals. */
    public Buffer decimal(long m, int scale) {
        int i = digits.length;
        if (m < 0) { // the first digit by unsigned division: the least number has no opposite
            long u = -m;
            long q = Long.divideUnsigned(u, 10);
            int last = (int) (u - 10 * q);
            one('-');
            if (scale == 0) {
                digits[--i] = (byte) ('0' + last);
                return q == 0 ? digits(i) : digits(put(q, 0, i));
            }
            digits[--i] = (byte) ('0' + last);
            if (scale == 1) {
                digits[--i] = '.';
                return digits(put(q, 0, i));
            }
            return digits(put(q, scale - 1, i));
        }
        return digits(put(m, scale, i));
    }

    /** Puts u, not negative, with so many decimals before index i. */
    private int put(long u, int scale, int i) {
        if (scale > 0) {
            for (; scale > 0; scale--) {
                long q = u / 10;
                digits[--i] = (byte) ('0' + (int) (u - 10 * q));
                u = q;
            }
            digits[--i] = '.';
        }
        do {
            long q = u / 10;
            digits[--i] = (byte) ('0' + (int) (u - 10 * q));
            u = q;
        } while (u > 0);
        return i;
    }

    private Buffer digits(int from) {
        int len = digits.length - from;
        room(len);
        System.arraycopy(digits, from, b, n, len);
        n += len;
        return this;
    }

    /** Appends v in units of 10^-scale with exactly scale decimals; scale is at most twice the greatest of a price. */
    public Buffer decimal(Int128 v, int scale) {
        if (v.hi == 0 && v.lo >= 0 && scale <= 18) {
            return decimal(v.lo, scale);
        }
        long hi = v.hi;
        long lo = v.lo;
        if (hi < 0) {
            one('-');
            lo = -lo;
            hi = ~hi + (lo == 0 ? 1 : 0);
        }
        // groups of 18 digits, the lowest first
        long top = Long.divideUnsigned(hi, E18);
        long middle = Int128.divide(Long.remainderUnsigned(hi, E18), lo, E18);
        long low = lo - middle * E18;
        long high = Int128.divide(top, middle, E18);
        middle -= high * E18;
        int i = digits.length;
        for (int k = 0; k < 54; k++) {
            if (k == scale && scale > 0) {
                digits[--i] = '.';
            }
            if (k == 18) {
                low = middle;
            } else if (k == 36) {
                low = high;
            }
            digits[--i] = (byte) ('0' + (int) (low % 10));
            low /= 10;
        }
        int first = i;
        while (digits[first] == '0' && digits[first + 1] != '.' && first < digits.length - 1) {
            first++;
        }
        return digits(first);
    }

    @Override
    public String toString() {
        return new String(b, 0, n, StandardCharsets.ISO_8859_1);
    }
}
