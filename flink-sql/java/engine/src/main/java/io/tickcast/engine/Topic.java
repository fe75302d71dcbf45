package io.tickcast.engine;

/** Where outputs go. The names are those of topics.yaml, which a test compares. */
public enum Topic {
    /** In-progress candles. */
    CANDLES("push.candles"),
    /** Closed candles, the newest one last. */
    CLOSED("push.closed"),
    /** Every closed candle and revision. */
    LEDGER("ledger.candles"),
    TICKERS("push.tickers"),
    /** Records that came too late, as they were. */
    LATE("market.late"),
    BBO("push.bbo"),
    BOOKS("push.books");

    private final String topic;

    Topic(String topic) {
        this.topic = topic;
    }

    @Override
    public String toString() {
        return topic;
    }
}
