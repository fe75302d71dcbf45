package io.tickcast.market;

/** How far a value can be trusted. */
public enum Quality {
    /** Complete and current. */
    OK("ok"),
    /** Taken over from the source's own candles instead of computed from trades. */
    FILLED("filled"),
    /** Known to miss trades that could not be fetched. */
    DEGRADED("degraded"),
    /** The feed is down or silent: nothing newer is known. */
    STALE("stale"),
    /** Kept, but statistically odd. */
    SUSPECT("suspect");

    private static final Quality[] ALL = values();

    private final byte[] ascii;

    Quality(String text) {
        ascii = Buffer.ascii(text);
    }

    /** The quality of a saved ordinal, or null. */
    public static Quality of(long ordinal) {
        return ordinal < 0 || ordinal >= ALL.length ? null : ALL[(int) ordinal];
    }

    static Quality parse(byte[] b, int from, int to) throws Refused {
        for (Quality q : ALL) {
            if (Scanner.same(q.ascii, b, from, to)) {
                return q;
            }
        }
        throw new Refused("unknown quality " + Scanner.quote(b, from, to));
    }

    byte[] ascii() {
        return ascii;
    }
}
