package io.tickcast.engine.candle;

import io.tickcast.engine.Loader;
import io.tickcast.engine.Saver;
import java.util.Arrays;

/** A part of the kept trades in the order of the log, with the bounds that let a search pass over it. A quantity of 0 is of a trade that was taken back. */
final class TickChunk {
    static final int LENGTH = 256;
    private static final int ENCODING = 1;

    private long[] eventMs = new long[8];
    private long[] prices = new long[8];
    private long[] qtys = new long[8];
    private long[] aggIds = new long[8];
    private long[] firstIds = new long[8];
    private long[] lastIds = new long[8];
    private boolean[] makers = new boolean[8];
    private int n;

    long minMs = Long.MAX_VALUE;
    long maxMs = -1;
    private long minId = Long.MAX_VALUE;
    private long maxId = Long.MIN_VALUE;
    boolean saved; // the store has it as it is

    boolean full() {
        return n == LENGTH;
    }

    void add(Tick t) {
        if (n == prices.length) {
            int room = Math.min(4 * n, LENGTH);
            eventMs = Arrays.copyOf(eventMs, room);
            prices = Arrays.copyOf(prices, room);
            qtys = Arrays.copyOf(qtys, room);
            aggIds = Arrays.copyOf(aggIds, room);
            firstIds = Arrays.copyOf(firstIds, room);
            lastIds = Arrays.copyOf(lastIds, room);
            makers = Arrays.copyOf(makers, room);
        }
        set(n++, t);
        minId = Math.min(minId, t.aggId);
        maxId = Math.max(maxId, t.aggId);
    }

    /** Replaces a trade by one of the same id. */
    void set(int i, Tick t) {
        eventMs[i] = t.eventMs;
        prices[i] = t.price;
        qtys[i] = t.qty;
        aggIds[i] = t.aggId;
        firstIds[i] = t.firstId;
        lastIds[i] = t.lastId;
        makers[i] = t.buyerMaker;
        minMs = Math.min(minMs, t.eventMs);
        maxMs = Math.max(maxMs, t.eventMs);
        saved = false;
    }

    void takeBack(int i) {
        qtys[i] = 0;
        saved = false;
    }

    long eventMs(int i) {
        return eventMs[i];
    }

    /** The newest trade of that id which is not older than keepMs and was not taken back, or -1. */
    int find(long aggId, long keepMs) {
        if (aggId < minId || aggId > maxId) {
            return -1;
        }
        for (int i = n - 1; i >= 0; i--) {
            if (aggIds[i] == aggId && qtys[i] != 0 && eventMs[i] >= keepMs) {
                return i;
            }
        }
        return -1;
    }

    /** Adds all trades with fromMs <= time < toMs to b. */
    void fold(Bar b, long fromMs, long toMs, Tick scratch) {
        if (maxMs < fromMs || minMs >= toMs) {
            return;
        }
        for (int i = 0; i < n; i++) {
            if (eventMs[i] >= fromMs && eventMs[i] < toMs && qtys[i] != 0) {
                get(i, scratch);
                scratch.multiply();
                b.add(scratch);
            }
        }
    }

    private void get(int i, Tick t) {
        t.eventMs = eventMs[i];
        t.price = prices[i];
        t.qty = qtys[i];
        t.aggId = aggIds[i];
        t.firstId = firstIds[i];
        t.lastId = lastIds[i];
        t.buyerMaker = makers[i];
    }

    void rescale(long price, long qty) {
        for (int i = 0; i < n; i++) {
            prices[i] *= price;
            qtys[i] *= qty;
        }
        saved = false;
    }

    byte[] save() {
        Saver w = new Saver(ENCODING);
        w.integer(n).integer(minMs).integer(maxMs);
        Tick before = new Tick();
        Tick t = new Tick();
        for (int i = 0; i < n; i++) {
            get(i, t);
            w.integer(t.eventMs - before.eventMs).integer(t.price - before.price).integer(t.qty).integer(t.aggId - before.aggId);
            w.integer(t.firstId - before.lastId).integer(t.lastId - t.firstId).bool(t.buyerMaker);
            get(i, before);
        }
        return w.copy();
    }

    static TickChunk load(byte[] piece) {
        Loader r = new Loader(piece, ENCODING);
        TickChunk c = new TickChunk();
        int n = r.count(LENGTH);
        long min = r.integer();
        long max = r.integer();
        Tick t = new Tick();
        for (int i = 0; i < n; i++) {
            t.eventMs += r.integer();
            t.price += r.integer();
            t.qty = r.integer();
            t.aggId += r.integer();
            t.firstId = t.lastId + r.integer();
            t.lastId = t.firstId + r.integer();
            t.buyerMaker = r.bool();
            c.add(t);
        }
        r.finish();
        c.minMs = min; // of an amended trade the time before counts too
        c.maxMs = max;
        c.saved = true;
        return c;
    }
}
