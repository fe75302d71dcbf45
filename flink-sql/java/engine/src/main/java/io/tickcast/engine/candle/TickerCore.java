package io.tickcast.engine.candle;

import static io.tickcast.engine.candle.State.*;

import io.tickcast.engine.candle.State.Phase;
import io.tickcast.market.Kind;
import io.tickcast.market.Period;
import io.tickcast.market.Quality;
import io.tickcast.market.Ticker;

/** The rolling 24 hours: the contract's minutes, rolled up. */
final class TickerCore {
    private final State m;
    private final Rolling k;
    private final Publisher publisher;
    private final Ticker day = new Ticker();
    private final Bar all = new Bar();

    // What a record is compared with, after it was applied, to see what it did.
    private Phase phase;
    private long secondMs;
    private long minuteMs;
    private Quality quality; // null: the record cannot change it alone

    TickerCore(State m, Publisher publisher) {
        this.m = m;
        this.k = m.rolling;
        this.publisher = publisher;
    }

    /** The beginning of the window. */
    private long windowMs() {
        return m.open[P1M].openMs - Period.DAY_MS;
    }

    /** Rolls the window up into all; returns what its minutes are marked with. */
    private int roll() {
        if (!k.rolled) {
            k.minutes.empty(Period.M1, windowMs(), 0);
            m.closed[P1M].roll(k.minutes, m.open[P1M].openMs);
            k.rolled = true;
        }
        all.copy(k.minutes);
        all.merge(m.open[P1M]);
        return all.flags;
    }

    private Ticker day() {
        Ticker t = day;
        t.openMs = windowMs();
        t.closeMs = k.closeMs;
        t.open = t.high = t.low = t.trades = 0;
        t.close = m.open[P1M].close;
        t.firstId = t.lastId = -1;
        t.volume.set(0, 0);
        t.quoteVolume.set(0, 0);
        if (!all.fill) {
            t.open = all.open;
            t.high = all.high;
            t.low = all.low;
            t.close = all.close;
            t.volume.set(all.volume);
            t.quoteVolume.set(all.quoteVolume);
            t.trades = all.trades;
            t.firstId = all.firstId;
            t.lastId = all.lastId;
            if (t.firstId < 0 && t.lastId >= t.trades) { // a venue's candles do not say; its ids have no holes
                t.firstId = t.lastId - t.trades + 1;
            }
        }
        return t;
    }

    private Quality quality(int flags) {
        return m.qualityOf(windowMs() < k.wholeMs ? flags | Bar.PARTIAL : flags);
    }

    /** Remembers what the record at hand is compared with. */
    void before() {
        phase = m.phase;
        secondMs = m.nowMs();
        minuteMs = m.open[P1M].openMs;
        Kind kind = m.record().kind;
        quality = m.running() && (m.fence.hole() || kind == Kind.GAP || kind == Kind.QUALITY) ? quality(roll()) : null;
    }

    /**
     * Gives the ticker the version of the record that was applied, if that changed it, and publishes it: at once, or with the next clock record while old records are caught up with.
     */
    void after() {
        if (!m.running()) {
            k.changed = false;
            return;
        }
        boolean moved = m.nowMs() != secondMs;
        boolean urgent = moved || phase != Phase.RUNNING || m.record().kind == Kind.CLOCK || !m.in.thin;
        if (moved && ((m.mask & 1 << P1S) == 0 || m.open[P1M].openMs != minuteMs)) {
            k.changed = true;
        }
        if (quality != null && quality(roll()) != quality) {
            k.changed = urgent = true;
        }
        if (k.changed) {
            k.seq = m.record().seq;
            k.eventMs = m.record().eventMs;
            k.closeMs = Math.max(m.nowMs(), k.tradeMs);
            k.changed = false;
            k.dirty = true;
        }
        if (urgent && k.dirty && m.live) {
            publish();
        }
    }

    void publish() {
        k.dirty = false;
        int flags = roll();
        publisher.header.appendJson(publisher.buffer.clear(), m.fence.epoch(), k.seq, k.eventMs, m.in.computeMs, quality(flags));
        day().appendJson(publisher.buffer, m.priceScale, m.qtyScale);
        publisher.writeTicker(k.seq, publisher.buffer.copy());
    }

    /** Writes every key of the contract. */
    void publishAll() {
        if (m.spec.delisted()) {
            publisher.clearAll();
        }
        if (!m.running()) {
            return;
        }
        publisher.publish(ALL_PERIODS);
        if (!k.changed) { // else the record at hand is not applied to its end, and publishes it
            publish();
        }
    }
}
