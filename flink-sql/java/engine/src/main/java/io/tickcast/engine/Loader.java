package io.tickcast.engine;

import io.tickcast.market.Int128;
import io.tickcast.market.Period;
import io.tickcast.market.Quality;
import io.tickcast.market.Spec;
import io.tickcast.market.Unit;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Reads what Saver wrote. A piece that cannot be what was saved is an IllegalStateException. */
public final class Loader {
    private final byte[] b;
    private final int encoding;
    private int i;

    /** @param newest the newest encoding that the reader knows; it must know all older ones too */
    public Loader(byte[] piece, int newest) {
        b = piece;
        long e = integer();
        check(e >= 1 && e <= newest, "encoding " + e + ", this program knows 1 to " + newest);
        encoding = (int) e;
    }

    /** The number of the encoding that the piece was written in. */
    public int encoding() {
        return encoding;
    }

    public static void check(boolean ok, String what) {
        if (!ok) {
            throw new IllegalStateException("state: " + what);
        }
    }

    /** Says that all was read. */
    public void finish() {
        check(i == b.length, (b.length - i) + " bytes too many");
    }

    public long integer() {
        long u = unsigned();
        return u >>> 1 ^ -(u & 1);
    }

    private long unsigned() {
        long u = 0;
        for (int shift = 0; ; shift += 7) {
            check(i < b.length && shift < 70, "ends too early");
            byte c = b[i++];
            u |= (long) (c & 0x7f) << shift;
            if (c >= 0) {
                return u;
            }
        }
    }

    public boolean bool() {
        return integer() != 0;
    }

    /** Reads a number of things, at most so many. */
    public int count(int most) {
        long n = integer();
        check(n >= 0 && n <= most, n + " entries, at most " + most);
        return (int) n;
    }

    public byte[] bytes() {
        int n = count(b.length - i);
        i += n;
        return Arrays.copyOfRange(b, i - n, i);
    }

    public String text() {
        return new String(bytes(), StandardCharsets.ISO_8859_1);
    }

    public void wide(Int128 v) {
        long hi = integer();
        v.set(hi, unsigned());
    }

    public Quality quality() {
        Quality q = Quality.of(integer());
        check(q != null, "impossible quality");
        return q;
    }

    public Period period() {
        return Period.of(count(Period.COUNT - 1));
    }

    public Unit unit() {
        int scale = count(1 << 10);
        return new Unit(scale, integer());
    }

    public Spec spec() {
        Unit tick = unit();
        Unit step = unit();
        List<Period> periods = new ArrayList<>();
        for (int n = count(1 << 20); n > 0; n--) {
            periods.add(period());
        }
        List<Unit> books = new ArrayList<>();
        for (int n = count(1 << 20); n > 0; n--) {
            books.add(unit());
        }
        int depth = count(1 << 20);
        return new Spec(tick, step, periods, books, depth, integer(), bool());
    }
}
