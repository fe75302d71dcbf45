package io.tickcast.market;

import java.nio.charset.StandardCharsets;

/** A tick, step or resolution as the catalogue writes it: "0.01" is one unit at scale 2, "0.5" five units at scale 1. */
public record Unit(int scale, long size) {
    /** Reads a unit; trailing zeros do not count as decimals. */
    public static Unit parse(String s) throws Refused {
        byte[] b = s.getBytes(StandardCharsets.UTF_8);
        long m;
        try {
            m = Decimals.mantissa(b, 0, b.length);
        } catch (Refused e) {
            throw e.in('"' + s + '"');
        }
        int scale = Decimals.decimals(b, 0, b.length);
        if (m == 0) {
            throw new Refused('"' + s + "\": must be above zero");
        }
        for (; scale > 0 && m % 10 == 0; scale--) {
            m /= 10;
        }
        if (scale > Decimals.MAX_SCALE) {
            throw new Refused('"' + s + "\": more than " + Decimals.MAX_SCALE + " decimals");
        }
        return new Unit(scale, m);
    }

    @Override
    public String toString() {
        Buffer b = new Buffer();
        b.decimal(size, scale);
        return b.toString();
    }
}
