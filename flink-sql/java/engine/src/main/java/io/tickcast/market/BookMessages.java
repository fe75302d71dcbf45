package io.tickcast.market;

/** What follows the envelope in messages about order books. */
public final class BookMessages {
    private static final byte[] BID = Buffer.ascii(",\"b\":");
    private static final byte[] BID_QTY = Buffer.ascii(",\"B\":");
    private static final byte[] ASK = Buffer.ascii(",\"a\":");
    private static final byte[] ASK_QTY = Buffer.ascii(",\"A\":");
    private static final byte[] U = Buffer.ascii(",\"u\":");
    private static final byte[] RES = Buffer.ascii(",\"res\":\"");
    private static final byte[] NULL = Buffer.ascii("null");

    private BookMessages() {}

    /** Appends the best bid and offer. A side whose quantity is 0 has no orders, and is null. */
    public static void appendBest(Buffer w, long bid, long bidQty, long ask, long askQty, long updateId, int priceScale, int qtyScale) {
        side(w, BID, BID_QTY, bid, bidQty, priceScale, qtyScale);
        side(w, ASK, ASK_QTY, ask, askQty, priceScale, qtyScale);
        w.bytes(U).integer(updateId).one('}');
    }

    private static void side(Buffer w, byte[] price, byte[] qty, long p, long q, int priceScale, int qtyScale) {
        if (q == 0) {
            w.bytes(price).bytes(NULL).bytes(qty).bytes(NULL);
            return;
        }
        w.bytes(price).one('"').decimal(p, priceScale).one('"').bytes(qty).one('"').decimal(q, qtyScale).one('"');
    }

    /** Appends an order book at one resolution, best levels first. */
    public static void appendBook(Buffer w, Unit resolution, long updateId, Levels bids, Levels asks, int priceScale, int qtyScale) {
        w.bytes(RES).decimal(resolution.size(), resolution.scale()).one('"').bytes(U).integer(updateId);
        bids.appendJson(w.bytes(BID), priceScale, qtyScale);
        asks.appendJson(w.bytes(ASK), priceScale, qtyScale);
        w.one('}');
    }
}
