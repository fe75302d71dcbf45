package io.tickcast.engine.orderbook;

/** The best of both sides, with real prices. */
final class Top extends Change {
    long bid;
    long bidQty; // 0: the side is empty
    long ask;
    long askQty;

    /** Brings it up to date with the book; says whether that changed it. */
    boolean look(Side bids, Side asks) {
        long b = 0;
        long bq = 0;
        long a = 0;
        long aq = 0;
        if (bids.size() > 0) {
            b = bids.price(0);
            bq = bids.qty(0);
        }
        if (asks.size() > 0) {
            a = -asks.price(0);
            aq = asks.qty(0);
        }
        boolean changed = b != bid || bq != bidQty || a != ask || aq != askQty;
        bid = b;
        bidQty = bq;
        ask = a;
        askQty = aq;
        return changed;
    }
}
