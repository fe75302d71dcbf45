package io.tickcast.market;

/** One record of a contract's log, used again for each. The fields above the blank line are in every kind, the others only where noted. */
public final class Record {
    public Kind kind;
    public String contract = "";
    public String source = ""; // one letter per byte: it is written as it was read
    public boolean simulated;
    public long writer; // id of the writing process; a later one is greater
    public long epoch; // time (ms) at which the counting of seq began
    public long seq;
    public long eventMs;
    public Quality quality;

    public int priceScale; // trade, correction, seed, snapshot, diff: decimals of the prices, as written; -1 where there is none
    public int qtyScale;
    public long price; // trade, correction
    public long qty;
    public boolean buyerMaker;
    public long aggId; // trade, correction, bust: the source's id, without holes
    public long firstId; // trade, correction: the single trades it covers
    public long lastId;
    public final Candle seed = new Candle();
    public Spec spec; // contract
    public long gapFrom; // gap
    public long gapTo;
    public long bookFirstId; // snapshot, diff: update ids of the source
    public long bookLastId;
    public final Levels bids = new Levels(); // snapshot: best first; diff: in no order
    public final Levels asks = new Levels();

    private static final Candle NO_SEED = new Candle();

    void clear() {
        kind = Kind.TRADE;
        contract = source = "";
        simulated = false;
        writer = epoch = seq = eventMs = 0;
        quality = Quality.OK;
        priceScale = qtyScale = -1;
        price = qty = aggId = firstId = lastId = 0;
        buyerMaker = false;
        seed.set(NO_SEED);
        spec = null;
        gapFrom = gapTo = bookFirstId = bookLastId = 0;
        bids.truncate(0);
        asks.truncate(0);
    }
}
