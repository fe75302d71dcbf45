package io.tickcast.engine.candle;

import io.tickcast.engine.Fence;
import io.tickcast.engine.Input;
import io.tickcast.market.Period;
import io.tickcast.market.Quality;
import io.tickcast.market.Record;
import io.tickcast.market.Spec;

/** The state of one contract, which the parts of CandleMachine share. */
final class State {
    // Indexes of periods.
    static final int P1S = Period.S1.ordinal();
    static final int P1M = Period.M1.ordinal();
    static final int P3M = Period.M3.ordinal();
    static final int P1D = Period.D1.ordinal();
    static final int P3D = Period.D3.ordinal();
    static final int END = Period.COUNT;

    /** Trades and 1s candles are kept so long, in whole minutes. */
    static final long KEPT_MS = 10 * Period.MINUTE_MS;
    /** 1m candles: a day that closed as long ago as trades are kept. */
    static final long MINUTES_MS = Period.DAY_MS + 11 * Period.MINUTE_MS;
    static final int ALL_PERIODS = (1 << END) - 1;
    /** Published on every trade. */
    static final int FASTEST = 1 << P1S | 1 << P1M;

    enum Phase {
        /** Waits for a complete block of seeds. */
        UNSEEDED,
        /** The source has no past: waits for the first trade, which gives a price. */
        JOINING,
        RUNNING
    }

    final Fence fence = new Fence();
    boolean fresh; // every record of the epoch was seen, and none began the contract
    Phase phase = Phase.UNSEEDED;
    boolean live; // a record not older than the job was seen: push topics are written

    Spec spec = Spec.NONE;
    long delistedSeq; // of the record that ended it
    int mask; // served periods
    int priceScale;
    int qtyScale;
    Block block = Block.NONE; // seed records on the way

    long beginMs; // the log holds everything from here on
    long lastSeen; // close before the log began

    // The candles in progress. 1s and 1m hold all of their trades; 3m to 1d hold their closed minutes, 3d to 1M their closed days: whole() adds the rest.
    final Bar[] open = new Bar[END];
    final Bars[] closed = new Bars[END];
    final Ticks kept = new Ticks();
    long tradeSeq; // the last trade in order changed every open candle that is older
    long tradeMs;
    int dirty; // open candles with a version that was not published
    Quality quality = Quality.OK;
    boolean gapPending; // between a gap record and the next trade
    boolean seeding; // closed candles come from seeds
    long advancing; // to where the clock goes while it closes candles; else 0
    final Rolling rolling = new Rolling();

    Input in; // the record at hand

    State() {
        for (int p = 0; p < END; p++) {
            open[p] = new Bar();
            int n = 8; // 3m candles that hold a trade of the kept 10 minutes, whole minutes: 5
            if (p == P1S) {
                n = (int) ((KEPT_MS + 2 * Period.MINUTE_MS) / Period.SECOND_MS);
            } else if (p == P1M) {
                n = (int) (MINUTES_MS / Period.MINUTE_MS) + 2;
            } else if (p == P1D) {
                n = 64;
            }
            closed[p] = new Bars(p, n);
        }
    }

    Record record() {
        return in.record;
    }

    /** Forgets all but what fences records. */
    void reset() {
        phase = Phase.UNSEEDED;
        block = Block.NONE;
        rolling.reset();
        dirty = 0;
        gapPending = false;
        quality = Quality.OK;
        tradeSeq = -1;
        tradeMs = 0;
        kept.clear();
        for (Bars b : closed) {
            b.clear();
        }
    }

    boolean running() {
        return phase == Phase.RUNNING;
    }

    /** The contract's clock: the open time of its open second. */
    long nowMs() {
        return open[P1S].openMs;
    }

    /** The time from which on trades and 1s candles are kept, whole minutes. */
    long keepMs() {
        return Period.M1.openMs(nowMs()) - KEPT_MS;
    }

    /** Takes over scales and served periods. */
    void setSpec(Spec s) {
        spec = s;
        setMask();
        priceScale = s.tick().scale();
        qtyScale = s.step().scale();
    }

    void setMask() {
        mask = 0;
        for (Period p : spec.periods()) {
            mask |= 1 << p.ordinal();
        }
        if (mask == 0) {
            mask = ALL_PERIODS;
        }
    }

    /** Makes b the open candle of p with everything in it. */
    void whole(int p, Bar b) {
        b.copy(open[p]);
        if (p > P1D) {
            b.merge(open[P1D]);
        }
        if (p > P1M) {
            b.merge(open[P1M]);
        }
        if (tradeSeq > b.seq) {
            b.seq = tradeSeq;
            b.eventMs = tradeMs;
        }
        b.quality = qualityOf(b.flags);
    }

    Quality qualityOf(int flags) {
        if (quality == Quality.STALE) {
            return Quality.STALE;
        }
        return (flags & (Bar.GAP | Bar.PARTIAL)) != 0 ? Quality.DEGRADED : quality;
    }

    /** Says that the record at hand changed the open candle of p. */
    void touch(int p) {
        open[p].seq = record().seq;
        open[p].eventMs = record().eventMs;
        dirty |= 1 << p;
    }

    /** Begins the next candle of p: without trades, at the close before. */
    void openAt(int p, long openMs, long price) {
        open[p].empty(Period.of(p), openMs, price);
        if (gapPending && p <= P1M) { // longer ones take it over from their minute
            open[p].flags = Bar.GAP;
        }
        touch(p);
    }
}
