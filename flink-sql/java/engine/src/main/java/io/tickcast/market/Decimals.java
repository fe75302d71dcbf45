package io.tickcast.market;

/** Decimal numbers as integers in units of 10^-scale. There is no float on any path of a price. */
public final class Decimals {
    /** The greatest number of decimals of a price or quantity; quote amounts have at most twice as many. */
    public static final int MAX_SCALE = 12;

    static final String NOT_PLAIN = "not a plain decimal number";
    static final String TOO_LARGE = "decimal number too large";
    static final String OFF_SCALE = "decimal number has more digits than its scale";

    static final long LAST_BEFORE_OVERFLOW = (Long.MAX_VALUE - 9) / 10;

    private static final long[] POW10 = new long[19];

    static {
        POW10[0] = 1;
        for (int i = 1; i < POW10.length; i++) {
            POW10[i] = 10 * POW10[i - 1];
        }
    }

    private Decimals() {}

    /** 10^n for n in 0..18. */
    public static long pow10(int n) {
        return POW10[n];
    }

    /**
     * Reads digits with at most one point, such as 7139.89, as mantissa 713989; decimals() of the same bytes is the scale. No sign, exponent, blank or group mark is taken: outside data
     * that has one is wrong.
     */
    static long mantissa(byte[] b, int from, int to) throws Refused {
        int n = to - from;
        if (n == 0 || n > 40) {
            throw new Refused(NOT_PLAIN);
        }
        long m = 0;
        boolean point = false;
        for (int i = from; i < to; i++) {
            int d = b[i] - '0';
            if (b[i] == '.') {
                if (point || i == from || i == to - 1) {
                    throw new Refused(NOT_PLAIN);
                }
                point = true;
                continue;
            }
            if (d < 0 || d > 9) {
                throw new Refused(NOT_PLAIN);
            }
            if (m > LAST_BEFORE_OVERFLOW) {
                throw new Refused(TOO_LARGE);
            }
            m = m * 10 + d;
        }
        return m;
    }

    /** How many bytes follow the last point; 0 without one. */
    static int decimals(byte[] b, int from, int to) {
        for (int i = to - 1; i >= from; i--) {
            if (b[i] == '.') {
                return to - 1 - i;
            }
        }
        return 0;
    }

    /** Changes an integer of unit 10^-from into one of unit 10^-to, exactly or not at all. */
    public static long rescale(long m, int from, int to) throws Refused {
        for (; from > to; from--) {
            if (m % 10 != 0) {
                throw new Refused(OFF_SCALE);
            }
            m /= 10;
        }
        for (; from < to; from++) {
            if (m > Long.MAX_VALUE / 10 || m < Long.MIN_VALUE / 10) {
                throw new Refused(TOO_LARGE);
            }
            m *= 10;
        }
        return m;
    }

    /** Reads a plain decimal into v, in units of 10^-scale. Decimals beyond the scale must be zeros. */
    static void parse(byte[] b, int from, int to, int scale, Int128 v) throws Refused {
        int n = to - from;
        if (n == 0 || n > 60 || b[from] == '.' || b[to - 1] == '.') {
            throw new Refused(NOT_PLAIN);
        }
        boolean point = false;
        boolean inexact = false;
        int decimals = 0;
        v.set(0, 0);
        for (int i = from; i < to; i++) {
            if (b[i] == '.') {
                if (point) {
                    throw new Refused(NOT_PLAIN);
                }
                point = true;
                continue;
            }
            int d = b[i] - '0';
            if (d < 0 || d > 9) {
                throw new Refused(NOT_PLAIN);
            }
            if (point && ++decimals > scale) {
                inexact |= d != 0;
                continue;
            }
            append(v, d);
        }
        for (; decimals < scale; decimals++) {
            append(v, 0);
        }
        if (inexact) {
            throw new Refused(OFF_SCALE);
        }
    }

    private static void append(Int128 v, int digit) throws Refused {
        if (v.hi >= 1L << 59) { // ten times the value would leave 127 bits
            throw new Refused(TOO_LARGE);
        }
        v.times(10);
        v.add(digit);
    }
}
