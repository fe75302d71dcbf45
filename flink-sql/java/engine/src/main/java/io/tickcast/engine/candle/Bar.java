package io.tickcast.engine.candle;

import io.tickcast.market.Candle;
import io.tickcast.market.Int128;
import io.tickcast.market.Period;
import io.tickcast.market.Quality;

/** A candle with what its versions need. */
final class Bar extends Candle {
    /** Trades in it are known to be missing. */
    static final int GAP = 1;
    /** The log does not hold all of it: never published as closed. */
    static final int PARTIAL = 2;
    /** Changed by the record at hand. */
    static final int REVISED = 4;

    long seq; // of the log record that last changed it, apart from trades into an open candle (see State.tradeSeq)
    long eventMs; // of that record
    Quality quality = Quality.OK;
    int flags;

    void copy(Bar o) {
        set(o);
        seq = o.seq;
        eventMs = o.eventMs;
        quality = o.quality;
        flags = o.flags;
    }

    boolean has(int flag) {
        return (flags & flag) != 0;
    }

    /** Makes it the candle of a period without trades. */
    void empty(Period p, long at, long price) {
        period = p;
        openMs = at;
        setPrice(price);
        volume.set(0, 0);
        quoteVolume.set(0, 0);
        buyVolume.set(0, 0);
        buyQuoteVolume.set(0, 0);
        trades = 0;
        firstId = lastId = -1;
        firstMs = lastMs = 0;
        revision = 0;
        closed = false;
        fill = true;
        seq = eventMs = 0;
        quality = Quality.OK;
        flags = 0;
    }

    /** Makes it a candle as the venue gave it. */
    void seed(Candle c) {
        set(c);
        closed = false;
        firstMs = c.openMs;
        lastMs = c.period.nextMs(c.openMs) - 1;
        if (fill) {
            firstId = lastId = -1;
            setPrice(c.close);
        }
        seq = eventMs = 0;
        quality = Quality.OK;
        flags = 0;
    }

    void setPrice(long price) {
        open = high = low = close = price;
    }

    /** Counts one trade. The first and the last trade are those by (time, id), whatever the order of arrival. */
    void add(Tick t) {
        if (fill) {
            fill = false;
            setPrice(t.price);
            firstMs = lastMs = t.eventMs;
            firstId = t.firstId;
            lastId = t.lastId;
        } else {
            if (t.eventMs < firstMs || t.eventMs == firstMs && t.firstId < firstId) {
                open = t.price;
                firstMs = t.eventMs;
                firstId = t.firstId;
            }
            if (t.eventMs > lastMs || t.eventMs == lastMs && t.lastId > lastId) {
                close = t.price;
                lastMs = t.eventMs;
                lastId = t.lastId;
            }
            high = Math.max(high, t.price);
            low = Math.min(low, t.price);
        }
        volume.add(t.qty);
        quoteVolume.add(t.quote);
        trades += t.lastId - t.firstId + 1;
        if (!t.buyerMaker) {
            buyVolume.add(t.qty);
            buyQuoteVolume.add(t.quote);
        }
    }

    /** Appends a shorter candle that follows all that it holds. */
    void merge(Bar s) {
        flags |= s.flags & (GAP | PARTIAL);
        if (s.fill) {
            return;
        }
        if (fill) {
            fill = false;
            open = s.open;
            high = s.high;
            low = s.low;
            firstMs = s.firstMs;
            firstId = s.firstId;
        } else {
            high = Math.max(high, s.high);
            low = Math.min(low, s.low);
        }
        close = s.close;
        lastMs = s.lastMs;
        lastId = s.lastId;
        volume.add(s.volume);
        quoteVolume.add(s.quoteVolume);
        buyVolume.add(s.buyVolume);
        buyQuoteVolume.add(s.buyQuoteVolume);
        trades += s.trades;
    }

    /** Goes over to scales that are finer by these factors. */
    void rescale(long price, long qty) {
        open *= price;
        high *= price;
        low *= price;
        close *= price;
        volume.times(qty);
        buyVolume.times(qty);
        for (Int128 v : new Int128[] {quoteVolume, buyQuoteVolume}) {
            v.times(price);
            v.times(qty);
        }
    }
}
