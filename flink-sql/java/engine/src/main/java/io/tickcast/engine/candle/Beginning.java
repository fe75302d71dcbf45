package io.tickcast.engine.candle;

import static io.tickcast.engine.candle.State.*;

import io.tickcast.engine.candle.State.Phase;
import io.tickcast.market.Candle;
import io.tickcast.market.Period;
import java.util.List;

/** Begins a contract: with the seeds of a complete block (days make up what lies before the first minute, minutes everything after it), or at the first trade of a source without a past. */
final class Beginning {
    private final State m;
    private final TickerCore ticker;
    private final Clock clock;

    Beginning(State m, TickerCore ticker, Clock clock) {
        this.m = m;
        this.ticker = ticker;
        this.clock = clock;
    }

    void begin() {
        List<Candle> days = m.block.of(Period.D1);
        List<Candle> minutes = m.block.of(Period.M1);
        m.block.days(days);
        Block b = m.block;
        m.reset();
        m.block = b;
        m.setSpec(b.spec);
        m.beginMs = b.atMs;
        m.lastSeen = 0;
        if (days.isEmpty() && minutes.isEmpty()) {
            m.phase = Phase.JOINING;
            return;
        }
        m.seeding = true;
        if (minutes.isEmpty()) {
            beginDays(days);
        } else {
            long newest = minutes.get(minutes.size() - 1).openMs;
            minutes.removeIf(c -> c.openMs < newest - MINUTES_MS);
            beginMinutes(days, minutes);
        }
        m.openAt(P1S, m.open[P1M].openMs, m.lastSeen);
        if (m.beginMs > m.nowMs()) {
            skipHole(m.beginMs);
            m.rolling.wholeMs = m.beginMs;
        }
        m.beginMs = Math.max(m.beginMs, m.nowMs());
        m.seeding = false;
        m.rolling.rolled = false;
        m.rolling.changed = true;
        m.phase = Phase.RUNNING;
        if (m.live) {
            ticker.publishAll();
        }
    }

    /** Closes the seeded days before untilMs, and leaves the longer candles open that hold untilMs. */
    private void replayDays(List<Candle> days, long untilMs, long price) {
        long from = untilMs;
        if (!days.isEmpty() && days.get(0).openMs < untilMs) {
            from = days.get(0).openMs;
            price = days.get(0).open;
        }
        for (int p = P3D; p < END; p++) {
            m.openAt(p, Period.of(p).openMs(from), price);
            if (m.open[p].openMs < from) {
                m.open[p].flags |= Bar.PARTIAL;
            }
        }
        Bar day = new Bar();
        for (Candle c : days) {
            if (c.openMs >= untilMs) {
                break;
            }
            skipTo(c.openMs);
            day.seed(c);
            clock.closeDay(day, c.openMs + Period.DAY_MS);
        }
        skipTo(untilMs);
        for (int p = P3D; p < END; p++) {
            if (m.open[p].openMs < from) {
                m.open[p].flags &= ~Bar.PARTIAL; // what is still open began to trade then: a block has more days than a month
            }
        }
    }

    /** Closes candles over a day that end at or before dayMs: the venue has no candles of the days between. */
    private void skipTo(long dayMs) {
        for (int p = P3D; p < END; p++) {
            Bar b = m.open[p];
            if (b.period.nextMs(b.openMs) <= dayMs) {
                clock.close(p, b);
                m.openAt(p, b.period.openMs(dayMs), b.close);
            }
        }
    }

    /** Replays seeded days, then seeded minutes; the log must hold every trade from the end of the last one. */
    private void beginMinutes(List<Candle> days, List<Candle> minutes) {
        Candle first = minutes.get(0);
        if (!days.isEmpty()) {
            m.rolling.wholeMs = first.openMs;
        }
        replayDays(days, Period.D1.openMs(first.openMs), first.open);
        for (int p = P1S; p <= P1D; p++) {
            m.openAt(p, Period.of(p).openMs(first.openMs), first.open);
            if (m.open[p].openMs < first.openMs && !days.isEmpty()) {
                m.open[p].flags |= Bar.PARTIAL;
            }
        }
        Bar minute = m.open[P1M];
        for (Candle c : minutes) {
            while (minute.openMs < c.openMs) {
                clock.closeMinute(minute.openMs + Period.MINUTE_MS); // no candle: nothing was traded
            }
            minute.seed(c);
            clock.closeMinute(c.openMs + Period.MINUTE_MS);
        }
        m.lastSeen = minute.close;
    }

    /** Replays days only. If the last one ends where the log begins, nothing is missing: so it is at midnight. */
    private void beginDays(List<Candle> days) {
        Candle last = days.get(days.size() - 1);
        m.lastSeen = last.close;
        m.rolling.wholeMs = last.openMs + Period.DAY_MS;
        replayDays(days, m.rolling.wholeMs, last.close);
        for (int p = P1S; p <= P1D; p++) {
            m.openAt(p, m.rolling.wholeMs, last.close);
        }
    }

    /** Goes on where the log begins, when the seeds end before: what lies between is not known, and no candle that holds a part of it is ever closed. */
    private void skipHole(long toMs) {
        for (int p = P1S; p < END; p++) {
            Bar b = m.open[p];
            b.flags |= Bar.PARTIAL;
            if (b.period.nextMs(b.openMs) <= toMs) {
                clock.close(p, b);
                m.openAt(p, b.period.openMs(toMs), b.close);
                if (b.openMs < toMs) {
                    b.flags |= Bar.PARTIAL;
                }
            }
        }
    }

    /** Opens the candles of a source without a past at its first trade. Nothing proves that they hold all of their trades. */
    void join(long eventMs, long price) {
        for (int p = P1S; p < END; p++) {
            m.openAt(p, Period.of(p).openMs(eventMs), price);
            m.open[p].flags |= Bar.PARTIAL;
        }
        m.beginMs = m.nowMs();
        m.lastSeen = price;
        m.phase = Phase.RUNNING;
        m.rolling.wholeMs = Period.M1.nextMs(m.open[P1M].openMs);
    }
}
