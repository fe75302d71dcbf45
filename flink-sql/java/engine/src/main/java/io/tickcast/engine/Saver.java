package io.tickcast.engine;

import io.tickcast.market.Int128;
import io.tickcast.market.Period;
import io.tickcast.market.Quality;
import io.tickcast.market.Spec;
import io.tickcast.market.Unit;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Writes a piece of state: its encoding's number first, then integers of variable length, small ones short whatever their sign. */
public final class Saver {
    private byte[] b = new byte[256];
    private int n;

    public Saver(int encoding) {
        integer(encoding);
    }

    public byte[] copy() {
        return Arrays.copyOf(b, n);
    }

    private void room(int more) {
        if (n + more > b.length) {
            b = Arrays.copyOf(b, Math.max(2 * b.length, n + more));
        }
    }

    public Saver integer(long v) {
        unsigned(v << 1 ^ v >> 63);
        return this;
    }

    private void unsigned(long u) {
        room(10);
        for (; (u & ~0x7fL) != 0; u >>>= 7) {
            b[n++] = (byte) (u | 0x80);
        }
        b[n++] = (byte) u;
    }

    public Saver bool(boolean v) {
        return integer(v ? 1 : 0);
    }

    public Saver bytes(byte[] v) {
        integer(v.length);
        room(v.length);
        System.arraycopy(v, 0, b, n, v.length);
        n += v.length;
        return this;
    }

    /** Text of letters that are one byte each. */
    public Saver text(String s) {
        return bytes(s.getBytes(StandardCharsets.ISO_8859_1));
    }

    public Saver wide(Int128 v) {
        integer(v.hi());
        unsigned(v.lo());
        return this;
    }

    public Saver quality(Quality q) {
        return integer(q.ordinal());
    }

    public Saver unit(Unit u) {
        return integer(u.scale()).integer(u.size());
    }

    public Saver spec(Spec s) {
        unit(s.tick()).unit(s.step()).integer(s.periods().size());
        for (Period p : s.periods()) {
            integer(p.ordinal());
        }
        integer(s.books().size());
        for (Unit u : s.books()) {
            unit(u);
        }
        return integer(s.depth()).integer(s.seeds()).bool(s.delisted());
    }
}
