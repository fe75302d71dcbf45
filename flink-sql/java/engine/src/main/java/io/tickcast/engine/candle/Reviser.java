package io.tickcast.engine.candle;

import static io.tickcast.engine.candle.State.*;

import io.tickcast.engine.EventTime;
import io.tickcast.engine.Verdict;
import io.tickcast.engine.candle.State.Phase;
import io.tickcast.market.Decimals;
import io.tickcast.market.Kind;
import io.tickcast.market.Period;
import io.tickcast.market.Record;
import io.tickcast.market.Refused;

/** Late trades, busts and corrections: closed candles that change. */
final class Reviser {
    private final State m;
    private final Publisher publisher;
    private final Clock clock;
    private final Tick tick = new Tick();
    private final Bar scratch = new Bar();

    Reviser(State m, Publisher publisher, Clock clock) {
        this.m = m;
        this.publisher = publisher;
        this.clock = clock;
    }

    /** Reads the trade of the record at hand at the contract's scales. */
    Tick tickOf(Record r) throws Refused {
        Tick t = tick;
        t.eventMs = r.eventMs;
        t.aggId = r.aggId;
        t.firstId = r.firstId;
        t.lastId = r.lastId;
        t.buyerMaker = r.buyerMaker;
        try {
            t.price = Decimals.rescale(r.price, r.priceScale, m.priceScale);
        } catch (Refused e) {
            throw e.in("price");
        }
        try {
            t.qty = Decimals.rescale(r.qty, r.qtyScale, m.qtyScale);
        } catch (Refused e) {
            throw e.in("quantity");
        }
        t.multiply();
        return t;
    }

    /** Takes a trade whose second is closed. */
    Verdict lateTrade(Tick t) {
        if (t.eventMs < m.beginMs) {
            return Verdict.SEEDED;
        }
        if (t.eventMs < m.keepMs()) {
            publisher.writeLate();
            return Verdict.LATE;
        }
        m.kept.push(t);
        long second = Period.S1.openMs(t.eventMs);
        revise(second, second);
        return Verdict.APPLIED;
    }

    /** Takes a trade back (bust) or replaces it (correction). */
    Verdict amend(Record r) throws Refused {
        boolean correction = r.kind == Kind.CORRECTION;
        Tick t = null;
        if (correction) {
            t = tickOf(r);
            if (t.eventMs > m.nowMs() + EventTime.MAX_JUMP_MS) {
                throw EventTime.jump();
            }
        }
        if (m.kept.find(r.aggId, m.keepMs()) == null || correction && (t.eventMs < m.keepMs() || t.eventMs < m.beginMs)) {
            publisher.writeLate();
            return Verdict.LATE;
        }
        boolean advanced = false;
        if (correction && Period.S1.openMs(t.eventMs) > m.nowMs()) {
            clock.advance(Period.S1.openMs(t.eventMs));
            advanced = true;
        }
        TickChunk c = m.kept.find(r.aggId, m.keepMs()); // advance may have forgotten it
        if (c == null) {
            publisher.writeLate();
            publisher.publishOpen(ALL_PERIODS);
            return Verdict.LATE;
        }
        int i = c.find(r.aggId, m.keepMs());
        long was = Period.S1.openMs(c.eventMs(i));
        long now = was;
        if (correction) {
            c.set(i, t);
            now = Period.S1.openMs(t.eventMs);
        } else {
            c.takeBack(i);
        }
        revise(Math.min(was, now), Math.max(was, now));
        if (advanced) {
            publisher.publishOpen(ALL_PERIODS);
        }
        return Verdict.APPLIED;
    }

    /** Computes every candle again that holds one of two seconds whose trades have changed, and the prices of the empty candles after them. */
    private void revise(long a, long b) {
        m.rolling.rolled = false;
        m.rolling.changed = true;
        for (int i = P1S; i < END; i++) {
            Period p = Period.of(i);
            recompute(p, p.openMs(a));
            if (p.openMs(b) != p.openMs(a)) {
                recompute(p, p.openMs(b));
            }
            refill(i, p.openMs(a));
            refill(i, p.openMs(b));
            writeRevised(p);
        }
        if (!m.in.thin) {
            publisher.publishOpen(FASTEST);
        }
    }

    private void recompute(Period p, long openMs) {
        Bar b = m.open[p.ordinal()];
        if (b.openMs == openMs) {
            rebuild(p, b);
            m.touch(p.ordinal());
            return;
        }
        int i = m.closed[p.ordinal()].find(openMs);
        if (i >= 0) {
            b = m.closed[p.ordinal()].change(i);
            rebuild(p, b);
            mark(b);
        }
    }

    /** Gives a closed candle its next revision. */
    private void mark(Bar b) {
        if (!b.has(Bar.REVISED)) {
            b.flags |= Bar.REVISED;
            b.revision++;
        }
        b.seq = m.record().seq;
        b.eventMs = m.record().eventMs;
    }

    /** Makes up the content of a candle from the shorter ones, of a second from its trades. */
    void rebuild(Period p, Bar b) {
        Bar n = scratch;
        n.empty(p, b.openMs, closeBefore(p.ordinal(), b.openMs));
        long next = p.nextMs(b.openMs);
        if (p == Period.S1) {
            m.kept.fold(n, b.openMs, next);
        } else if (p == Period.M1) {
            m.closed[P1S].roll(n, next);
            if (m.open[P1S].openMs < next) {
                n.merge(m.open[P1S]);
            }
        } else {
            m.closed[p.ordinal() <= P1D ? P1M : P1D].roll(n, next);
        }
        n.closed = b.closed;
        n.revision = b.revision;
        n.seq = b.seq;
        n.eventMs = b.eventMs;
        n.quality = b.quality;
        n.flags |= b.flags;
        b.copy(n);
    }

    /** The close of the candle before the one that opens at openMs. */
    private long closeBefore(int p, long openMs) {
        int i = m.closed[p].from(openMs);
        return i > 0 ? m.closed[p].at(i - 1).close : m.lastSeen;
    }

    /** Gives the empty candles that follow openMs the close before them, as far as it changed. */
    private void refill(int p, long openMs) {
        Bars closed = m.closed[p];
        int i = closed.find(openMs);
        if (i < 0) {
            return;
        }
        long price = closed.at(i).close;
        for (i++; i < closed.size(); i++) {
            if (!closed.at(i).fill || closed.at(i).close == price) {
                return;
            }
            Bar b = closed.change(i);
            b.setPrice(price);
            mark(b);
        }
        Bar b = m.open[p];
        if (b.fill && b.close != price) {
            b.setPrice(price);
            m.whole(p, scratch);
            if (scratch.fill) {
                m.touch(p);
            }
        }
    }

    /** Writes the closed candles that the record at hand changed, and the newest one after them, which must stay the last word on its key. */
    private void writeRevised(Period p) {
        Bars r = m.closed[p.ordinal()];
        int last = -1;
        for (int i = r.from(p.openMs(m.keepMs())); i < r.size(); i++) {
            if (r.at(i).has(Bar.REVISED)) {
                Bar b = r.change(i);
                b.flags &= ~Bar.REVISED;
                publisher.writeClosed(b);
                last = i;
            }
        }
        if (last >= 0 && last != r.size() - 1) {
            publisher.publishClosed(r.newestWhole());
        }
    }

    /** Goes over to finer scales, by so many decimals more. Coarser ones change nothing: prices already seen would not fit. */
    void rescale(int price, int qty) {
        if (price <= 0 && qty <= 0 || m.phase == Phase.UNSEEDED) {
            return;
        }
        long pf = Decimals.pow10(Math.max(price, 0));
        long qf = Decimals.pow10(Math.max(qty, 0));
        m.lastSeen *= pf;
        m.rolling.rolled = false;
        for (int p = P1S; p < END; p++) {
            m.open[p].rescale(pf, qf);
            for (int i = 0; i < m.closed[p].size(); i++) {
                m.closed[p].change(i).rescale(pf, qf);
            }
        }
        m.kept.rescale(pf, qf);
    }
}
