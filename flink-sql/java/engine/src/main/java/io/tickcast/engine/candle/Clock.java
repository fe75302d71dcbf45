package io.tickcast.engine.candle;

import static io.tickcast.engine.candle.State.*;

import io.tickcast.market.Period;
import io.tickcast.market.Quality;

/** Moves the contract's clock: closes and opens candles, and marks what is open. */
final class Clock {
    private final State m;
    private final Publisher publisher;
    private final Bar minute = new Bar();
    private final Bar day = new Bar();
    private final Bar scratch = new Bar();
    private final Quality[] before = new Quality[END];

    Clock(State m, Publisher publisher) {
        this.m = m;
        this.publisher = publisher;
    }

    /**
     * Closes every candle that ends at or before nowMs, second by second, so that the order of closing is that of time and then of period. After a silence of hours that is a second's work of
     * tens of thousands of candles: clients get those that are kept, the ledger gets all.
     */
    void advance(long nowMs) {
        m.advancing = nowMs;
        Bar s = m.open[P1S];
        while (s.openMs + Period.SECOND_MS <= nowMs) {
            long next = s.openMs + Period.SECOND_MS;
            close(P1S, s);
            m.openAt(P1S, next, s.close);
            if (next % Period.MINUTE_MS == 0) {
                closeMinute(next);
            }
        }
        m.advancing = 0;
    }

    /** Closes the open minute and every longer candle that ends with it. */
    void closeMinute(long nextMs) {
        m.rolling.rolled = false;
        minute.copy(m.open[P1M]);
        close(P1M, minute);
        m.openAt(P1M, nextMs, minute.close);
        for (int p = P3M; p <= P1D; p++) {
            Bar b = m.open[p];
            b.merge(minute);
            if (p != P1D && b.period.nextMs(b.openMs) == nextMs) {
                close(p, b);
                m.openAt(p, nextMs, b.close);
            }
        }
        if (nextMs % Period.DAY_MS == 0) {
            day.copy(m.open[P1D]);
            if (m.seeding) {
                m.block.preferSeed(day);
            }
            closeDay(day, nextMs);
            m.openAt(P1D, nextMs, day.close);
        }
        forget(nextMs);
    }

    /** Closes a day and every longer candle that ends with it. */
    void closeDay(Bar d, long nextMs) {
        close(P1D, d);
        for (int p = P3D; p < END; p++) {
            Bar b = m.open[p];
            b.merge(d);
            if (b.period.nextMs(b.openMs) <= nextMs) {
                close(p, b);
                m.openAt(p, b.period.openMs(nextMs), b.close);
            }
        }
    }

    /** Puts a candle that is over, with all it holds, among the closed ones and out. */
    void close(int p, Bar b) {
        Bar last = m.closed[p].push(b);
        last.closed = true;
        last.seq = m.record().seq;
        last.eventMs = m.record().eventMs;
        last.quality = m.seeding ? Quality.FILLED : m.qualityOf(b.flags);
        publisher.writeClosed(last);
    }

    /** Drops what is older than what is kept. The rings of longer periods are as long as needed. */
    private void forget(long nowMs) {
        long keepMs = nowMs - KEPT_MS;
        m.kept.evict(keepMs);
        for (Bars s = m.closed[P1S]; s.size() > 1 && s.at(0).openMs < keepMs; ) {
            s.dropOldest();
        }
        for (Bars s = m.closed[P1M]; s.size() > 1 && s.at(0).openMs < nowMs - MINUTES_MS; ) {
            s.dropOldest();
        }
    }

    /**
     * Sets the feed's quality and, at a gap, marks what is open until the next trade: the missing trades lie before it. Every candle that looks different is published at once.
     */
    void changeQuality(Quality q, boolean gap) {
        if (!m.running()) {
            m.quality = q;
            m.gapPending = gap;
            return;
        }
        for (int p = P1S; p < END; p++) {
            m.whole(p, scratch);
            before[p] = scratch.quality;
        }
        m.quality = q;
        m.gapPending = gap;
        if (gap) {
            m.open[P1S].flags |= Bar.GAP;
            m.open[P1M].flags |= Bar.GAP;
        }
        int changed = 0;
        for (int p = P1S; p < END; p++) {
            m.whole(p, scratch);
            if (scratch.quality != before[p]) {
                m.touch(p);
                changed |= 1 << p;
            }
        }
        publisher.publishOpen(changed);
    }
}
