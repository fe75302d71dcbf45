package io.tickcast.market;

/** What a log record means. */
public enum Kind {
    /** One aggregate trade. */
    TRADE("trade"),
    /** Replaces a trade by its aggregate id. */
    CORRECTION("correction"),
    /** Takes back a trade by its aggregate id. */
    BUST("bust"),
    /** A closed candle from before the log began. */
    SEED("seed"),
    /** The contract's catalogue entry. */
    CONTRACT("contract"),
    /** A writer takes over. */
    OPEN("open"),
    /** Ids that are known to be missing for good. */
    GAP("gap"),
    /** The feed's quality from here on. */
    QUALITY("quality"),
    /** Every record with event time before its own is already written. */
    CLOCK("clock"),
    /** The whole order book. */
    SNAPSHOT("snapshot"),
    /** Changes of the order book. */
    DIFF("diff");

    private static final Kind[] ALL = values();

    private final String text;
    private final byte[] ascii;

    Kind(String text) {
        this.text = text;
        this.ascii = Buffer.ascii(text);
    }

    static Kind parse(byte[] b, int from, int to) throws Refused {
        for (Kind k : ALL) {
            if (Scanner.same(k.ascii, b, from, to)) {
                return k;
            }
        }
        throw new Refused("unknown kind " + Scanner.quote(b, from, to));
    }

    @Override
    public String toString() {
        return text;
    }
}
