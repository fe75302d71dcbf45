package io.tickcast.engine.candle;

import io.tickcast.engine.Loader;
import io.tickcast.engine.Saver;
import io.tickcast.market.Candle;

/** The saved form of candles. */
final class BarCodec {
    /** Encoding of a chunk of closed candles, and of a chunk of seeds. */
    private static final int ENCODING = 1;

    private BarCodec() {}

    /** Saves the candles of indexes [from, to), the first of which has that number. */
    static byte[] save(Bars bars, long number, int from, int to) {
        Saver w = new Saver(ENCODING);
        w.integer(number).integer(to - from);
        for (int i = from; i < to; i++) {
            save(w, bars.at(i));
        }
        return w.copy();
    }

    /** Appends the candles of a chunk to the ring, but for those before a number. */
    static void load(byte[] piece, long first, Bars bars) {
        Loader r = new Loader(piece, ENCODING);
        long number = r.integer();
        Bar b = new Bar();
        for (int n = r.count(1 << 10); n > 0; n--) {
            load(r, b);
            if (number++ >= first) {
                bars.push(b);
            }
        }
        r.finish();
    }

    static void save(Saver w, Bar b) {
        candle(w, b);
        w.integer(b.seq).integer(b.eventMs - b.openMs).quality(b.quality).integer(b.flags);
    }

    static void load(Loader r, Bar b) {
        candle(r, b);
        b.seq = r.integer();
        b.eventMs = b.openMs + r.integer();
        b.quality = r.quality();
        b.flags = r.count(Bar.GAP | Bar.PARTIAL | Bar.REVISED);
    }

    static void candle(Saver w, Candle c) {
        w.integer(c.period.ordinal()).integer(c.openMs).integer(c.open).integer(c.high - c.open).integer(c.low - c.open).integer(c.close - c.open);
        w.wide(c.volume).wide(c.quoteVolume).wide(c.buyVolume).wide(c.buyQuoteVolume);
        w.integer(c.trades).integer(c.firstId).integer(c.lastId - c.firstId).integer(c.firstMs - c.openMs).integer(c.lastMs - c.openMs).integer(c.revision);
        w.bool(c.closed).bool(c.fill);
    }

    static void candle(Loader r, Candle c) {
        c.period = r.period();
        c.openMs = r.integer();
        c.open = r.integer();
        c.high = c.open + r.integer();
        c.low = c.open + r.integer();
        c.close = c.open + r.integer();
        r.wide(c.volume);
        r.wide(c.quoteVolume);
        r.wide(c.buyVolume);
        r.wide(c.buyQuoteVolume);
        c.trades = r.integer();
        c.firstId = r.integer();
        c.lastId = c.firstId + r.integer();
        c.firstMs = c.openMs + r.integer();
        c.lastMs = c.openMs + r.integer();
        c.revision = (int) r.integer();
        c.closed = r.bool();
        c.fill = r.bool();
    }
}
