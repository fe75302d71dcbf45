package io.tickcast.engine.candle;

import static io.tickcast.engine.candle.State.*;

import io.tickcast.engine.EventTime;
import io.tickcast.engine.Verdict;
import io.tickcast.engine.candle.State.Phase;
import io.tickcast.market.Candle;
import io.tickcast.market.Period;
import io.tickcast.market.Quality;
import io.tickcast.market.Record;
import io.tickcast.market.Refused;
import io.tickcast.market.Spec;

/** Takes a contract's entry, the seeds that follow it, and changes of it. */
final class Catalogue {
    private static final int MAX_SEEDS = 20_000; // so that a poisoned record costs nothing

    private final State m;
    private final Publisher publisher;
    private final Reviser reviser;
    private final Beginning beginning;

    Catalogue(State m, Publisher publisher, Reviser reviser, Beginning beginning) {
        this.m = m;
        this.publisher = publisher;
        this.reviser = reviser;
        this.beginning = beginning;
    }

    Verdict contract(Record r) throws Refused {
        m.block = Block.NONE;
        Spec spec = r.spec;
        if (spec.seeds() > MAX_SEEDS) {
            throw new Refused("contract record announces " + spec.seeds() + " seeds, at most " + MAX_SEEDS + " are taken");
        }
        publisher.header.source(r.source);
        publisher.header.simulated = r.simulated;
        if (spec.delisted()) {
            m.reset();
            m.spec = spec;
            m.delistedSeq = r.seq;
            publisher.clearAll();
            return Verdict.DELISTED;
        }
        if (spec.seeds() > 0) {
            m.block = new Block(spec, r.eventMs);
        }
        if (m.phase != Phase.UNSEEDED) {
            update(spec);
            return Verdict.APPLIED;
        }
        m.spec = spec;
        if (spec.seeds() == 0 && m.fresh) { // the epoch begins here and the source has nothing before
            m.block = new Block(spec, r.eventMs);
            beginning.begin();
            m.block = Block.NONE;
            return Verdict.APPLIED;
        }
        return spec.seeds() == 0 ? Verdict.WAITING : Verdict.APPLIED;
    }

    /** Takes one record of a block; the last one begins the contract. */
    Verdict seed(Record r) throws Refused {
        long want = m.block.spec.seeds();
        if (want == 0) {
            return Verdict.WAITING;
        }
        int price = m.block.spec.tick().scale();
        int qty = m.block.spec.step().scale();
        if (r.priceScale != price || r.qtyScale != qty) {
            m.block = Block.NONE;
            throw new Refused("seed record with " + r.priceScale + " and " + r.qtyScale + " decimals, the contract has " + price + " and " + qty);
        }
        if (r.seed.openMs < EventTime.MIN_MS || r.seed.openMs >= EventTime.END_MS) {
            m.block = Block.NONE;
            throw new Refused("seed record: open time " + r.seed.openMs + " is impossible");
        }
        m.block.add(r.seed);
        if (m.block.size() < want) {
            return Verdict.APPLIED;
        }
        if (m.running() && m.block.endMs() <= m.nowMs() + EventTime.MAX_JUMP_MS) {
            heal();
        } else {
            beginning.begin();
        }
        m.block = Block.NONE;
        return Verdict.APPLIED;
    }

    /** Takes from a block the days that the state knows only in part. */
    private void heal() {
        if (m.block.spec.tick().scale() != m.priceScale || m.block.spec.step().scale() != m.qtyScale) {
            return; // the state is finer than the block: see Reviser.rescale
        }
        for (Candle c : m.block.of(Period.D1)) {
            int i = m.closed[P1D].find(c.openMs);
            if (i < 0 || !m.closed[P1D].at(i).has(Bar.PARTIAL)) {
                continue;
            }
            Bar day = m.closed[P1D].change(i);
            day.seed(c);
            day.closed = true;
            day.quality = Quality.FILLED;
            day.seq = m.record().seq;
            day.eventMs = m.record().eventMs;
            publisher.writeClosed(day);
            for (int p = P3D; p < END; p++) {
                healLonger(p, Period.of(p).openMs(c.openMs));
            }
        }
        publisher.publishOpen(ALL_PERIODS);
    }

    /** Rolls a candle over a day up again. It is complete only when all of its days are there and whole. */
    private void healLonger(int p, long openMs) {
        Bar b = m.open[p];
        boolean closed = b.openMs != openMs;
        if (closed) {
            int i = m.closed[p].find(openMs);
            if (i < 0) {
                return;
            }
            b = m.closed[p].change(i);
        }
        b.flags &= ~Bar.PARTIAL;
        reviser.rebuild(Period.of(p), b);
        int n = m.closed[P1D].from(openMs);
        if (n == m.closed[P1D].size() || m.closed[P1D].at(n).openMs != openMs) {
            b.flags |= Bar.PARTIAL;
        }
        if (!closed) {
            m.touch(p);
            return;
        }
        b.seq = m.record().seq;
        b.eventMs = m.record().eventMs;
        publisher.writeClosed(b);
    }

    /** Takes a changed entry into a contract that runs. */
    private void update(Spec spec) {
        int served = m.mask;
        int price = m.priceScale;
        int qty = m.qtyScale;
        reviser.rescale(spec.tick().scale() - price, spec.step().scale() - qty);
        m.setSpec(spec);
        m.priceScale = Math.max(price, m.priceScale);
        m.qtyScale = Math.max(qty, m.qtyScale);
        if (!m.running()) {
            return;
        }
        publisher.clear(served & ~m.mask, m.record().seq);
        int added = m.mask & ~served;
        for (int p = P1S; p < END; p++) {
            if ((added & 1 << p) != 0) {
                m.touch(p); // newer than what may have cleared it before
            }
        }
        if (m.live) {
            publisher.publish(added);
        }
    }
}
