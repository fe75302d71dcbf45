package io.tickcast.market;

import static io.tickcast.market.RecordDecoder.*;

/** What is missing or impossible in a record that was read to its end. */
final class RecordCheck {
    private static final int ENVELOPE = VERSION | KIND | CONTRACT | SOURCE | WRITER | EPOCH | SEQ | EVENT | QUALITY;
    private static final int TRADE = PRICE | QTY | MAKER | AGG | FIRST | LAST;

    private RecordCheck() {}

    private static int needed(Kind k) {
        return switch (k) {
            case TRADE, CORRECTION -> TRADE;
            case BUST -> AGG;
            case SEED -> PERIOD | OPEN_TIME | BARS | VOLUMES;
            case CONTRACT -> TICK | STEP | SEEDS;
            case GAP -> FROM | TO;
            case SNAPSHOT, DIFF -> UPDATES | LEVELS;
            case OPEN, QUALITY, CLOCK -> 0;
        };
    }

    static void check(Record r, int seen) throws Refused {
        if ((seen & ENVELOPE) != ENVELOPE) {
            throw new Refused(r.kind + " record: envelope is incomplete");
        }
        int needed = needed(r.kind);
        if ((seen & needed) != needed) {
            throw new Refused(r.kind + " record: a field is missing");
        }
        id(r.contract);
        if (r.epoch < 0 || r.seq < 0 || r.eventMs < 0 || r.writer < 0) {
            throw new Refused(r.kind + " record: negative epoch, seq, time or writer");
        }
        if (r.priceScale > Decimals.MAX_SCALE || r.qtyScale > Decimals.MAX_SCALE) {
            throw new Refused(r.kind + " record: more than " + Decimals.MAX_SCALE + " decimals");
        }
        switch (r.kind) {
            case TRADE, CORRECTION -> {
                if (r.price <= 0 || r.qty <= 0 || r.lastId < r.firstId) {
                    throw new Refused(r.kind + " record: price, quantity or ids are impossible");
                }
            }
            case SEED -> seed(r);
            case CONTRACT -> {
                if (r.spec.seeds() < 0 || r.spec.depth() < 0 || r.spec.depth() > Levels.MAX) {
                    throw new Refused("contract record: number of seeds or depth is impossible");
                }
            }
            case SNAPSHOT, DIFF -> book(r);
            default -> {}
        }
    }

    /** Whether an id may be part of a topic name: 1 to 32 of A-Z, 0-9, '.', '-', '_', beginning with a letter or digit. */
    private static void id(String id) throws Refused {
        if (id.isEmpty() || id.length() > 32) {
            throw new Refused("contract id \"" + id + "\": must have 1 to 32 characters");
        }
        for (int i = 0; i < id.length(); i++) {
            char c = id.charAt(i);
            boolean letter = c >= 'A' && c <= 'Z' || c >= '0' && c <= '9';
            if (!letter && (i == 0 || c != '.' && c != '-' && c != '_')) {
                throw new Refused("contract id \"" + id + "\": only A-Z, 0-9 and, not at its beginning, '.', '-', '_'");
            }
        }
    }

    private static void seed(Record r) throws Refused {
        Candle c = r.seed;
        c.firstId = r.firstId;
        r.firstId = 0;
        c.closed = true;
        c.fill = c.trades == 0;
        if (r.priceScale < 0 || r.qtyScale < 0 || c.low <= 0 || c.open < c.low || c.open > c.high || c.close < c.low || c.close > c.high || c.high < c.low || c.trades < 0
                || c.period.openMs(c.openMs) != c.openMs) {
            throw new Refused("seed record: prices, count or open time are impossible");
        }
    }

    private static void book(Record r) throws Refused {
        if (r.bookFirstId < 0 || r.bookLastId < r.bookFirstId) {
            throw new Refused(r.kind + " record: update ids " + r.bookFirstId + " to " + r.bookLastId + " are impossible");
        }
        boolean snapshot = r.kind == Kind.SNAPSHOT;
        levels(r, r.bids, snapshot);
        levels(r, r.asks, snapshot);
        if (!snapshot) {
            return;
        }
        for (int i = 1; i < r.bids.size(); i++) {
            if (r.bids.price(i) >= r.bids.price(i - 1)) {
                throw new Refused(r.kind + " record: bids are not in order");
            }
        }
        for (int i = 1; i < r.asks.size(); i++) {
            if (r.asks.price(i) <= r.asks.price(i - 1)) {
                throw new Refused(r.kind + " record: asks are not in order");
            }
        }
        if (r.bids.size() > 0 && r.asks.size() > 0 && r.bids.price(0) >= r.asks.price(0)) {
            throw new Refused(r.kind + " record: the book is crossed");
        }
    }

    private static void levels(Record r, Levels ls, boolean snapshot) throws Refused {
        for (int i = 0; i < ls.size(); i++) {
            if (ls.price(i) <= 0 || ls.qty(i) < 0 || ls.qty(i) == 0 && snapshot) {
                throw new Refused(r.kind + " record: a level's price or quantity is impossible");
            }
        }
    }
}
