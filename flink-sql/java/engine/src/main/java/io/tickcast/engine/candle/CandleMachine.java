package io.tickcast.engine.candle;

import static io.tickcast.engine.candle.State.*;

import io.tickcast.engine.Chunks;
import io.tickcast.engine.EventTime;
import io.tickcast.engine.Input;
import io.tickcast.engine.Loader;
import io.tickcast.engine.Machine;
import io.tickcast.engine.Output;
import io.tickcast.engine.Saver;
import io.tickcast.engine.Verdict;
import io.tickcast.engine.candle.State.Phase;
import io.tickcast.market.Kind;
import io.tickcast.market.Period;
import io.tickcast.market.Record;
import io.tickcast.market.Refused;

/** Computes candles from one contract's log of trades, and the 24 h ticker, which is made of their minutes. flink-sql/README.md is its specification. */
public final class CandleMachine implements Machine {
    private final String contract;
    private final State m = new State();
    private final Publisher publisher;
    private final TickerCore ticker;
    private final Clock clock;
    private final Reviser reviser;
    private final Beginning beginning;
    private final Catalogue catalogue;
    private final StateCodec codec;
    private long startMs;
    private String reason;

    public CandleMachine(String contract) {
        this.contract = contract;
        publisher = new Publisher(m, contract);
        ticker = new TickerCore(m, publisher);
        clock = new Clock(m, publisher);
        reviser = new Reviser(m, publisher, clock);
        beginning = new Beginning(m, ticker, clock);
        catalogue = new Catalogue(m, publisher, reviser, beginning);
        codec = new StateCodec(m, publisher.header);
    }

    @Override
    public String contract() {
        return contract;
    }

    @Override
    public void start(long start) {
        startMs = start;
        m.live = false;
        m.dirty = ALL_PERIODS;
        m.rolling.dirty = true;
    }

    @Override
    public String reason() {
        return reason;
    }

    @Override
    public long nowMs() {
        return m.nowMs();
    }

    @Override
    public Verdict apply(Input in, Output out) {
        reason = null;
        m.in = in;
        publisher.to(out);
        Record r = in.record;
        Verdict v = fence(r);
        if (v != Verdict.APPLIED) {
            return v;
        }
        try {
            EventTime.check(r.eventMs);
        } catch (Refused e) {
            reason = e.getMessage();
            return Verdict.INVALID;
        }
        ticker.before();
        if (m.fence.hole() && m.running()) {
            clock.changeQuality(m.quality, true); // lost records are a gap
        }
        try {
            v = dispatch(r);
        } catch (Refused e) {
            reason = e.getMessage();
            v = Verdict.INVALID;
        }
        ticker.after();
        if (!m.live && in.appendMs >= startMs) {
            m.live = true;
            ticker.publishAll();
        }
        return v;
    }

    /** Says whether the record counts, and forgets what it puts an end to. */
    private Verdict fence(Record r) {
        Verdict v = m.fence.take(r);
        if (m.fence.begins()) {
            m.reset();
            m.fresh = m.fence.whole();
        }
        if (v == Verdict.APPLIED && (r.kind == Kind.OPEN || m.fence.hole())) {
            m.block = Block.NONE;
        }
        m.fresh = m.fresh && !m.fence.hole();
        return v;
    }

    private Verdict dispatch(Record r) throws Refused {
        switch (r.kind) {
            case OPEN:
                return Verdict.APPLIED;
            case CONTRACT:
                return catalogue.contract(r);
            case SEED:
                return catalogue.seed(r);
            default:
                break;
        }
        m.block = Block.NONE;
        m.fresh = m.fresh && r.kind == Kind.QUALITY;
        if (m.spec.delisted()) {
            return Verdict.DELISTED;
        }
        if (m.phase == Phase.UNSEEDED) {
            return Verdict.WAITING;
        }
        switch (r.kind) {
            case TRADE:
                return trade(r);
            case CLOCK:
                return clock(r);
            case BUST, CORRECTION:
                return m.phase == Phase.JOINING ? Verdict.WAITING : reviser.amend(r);
            case GAP:
                clock.changeQuality(m.quality, true);
                return Verdict.APPLIED;
            case QUALITY:
                clock.changeQuality(r.quality, m.gapPending);
                return Verdict.APPLIED;
            default: // of the log of books
                return Verdict.APPLIED;
        }
    }

    private Verdict trade(Record r) throws Refused {
        Tick t = reviser.tickOf(r);
        long second = Period.S1.openMs(t.eventMs);
        boolean joined = m.phase == Phase.JOINING;
        if (joined) {
            if (t.eventMs < m.beginMs) {
                return Verdict.SEEDED;
            }
            beginning.join(t.eventMs, t.price);
        }
        long now = m.nowMs();
        if (second < now) {
            return reviser.lateTrade(t);
        }
        if (second > now) {
            if (second > now + EventTime.MAX_JUMP_MS) {
                throw EventTime.jump();
            }
            clock.advance(second); // its clock record is missing: the trade stands for it
        }
        m.kept.push(t);
        m.open[P1S].add(t);
        m.open[P1M].add(t);
        m.tradeSeq = r.seq;
        m.tradeMs = r.eventMs;
        m.rolling.tradeMs = Math.max(m.rolling.tradeMs, r.eventMs);
        m.rolling.changed = true;
        m.dirty = ALL_PERIODS;
        m.gapPending = false;
        if (joined) {
            publisher.publish(ALL_PERIODS);
        } else if (second > now) {
            publisher.publishOpen(ALL_PERIODS);
        } else if (!m.in.thin) {
            publisher.publishOpen(FASTEST);
        }
        return Verdict.APPLIED;
    }

    private Verdict clock(Record r) throws Refused {
        if (m.phase == Phase.JOINING) {
            return Verdict.WAITING; // no price is known that an empty candle could show
        }
        if (r.eventMs > m.nowMs() + EventTime.MAX_JUMP_MS) {
            throw EventTime.jump();
        }
        clock.advance(Period.S1.openMs(r.eventMs));
        publisher.publishOpen(ALL_PERIODS);
        return Verdict.APPLIED;
    }

    @Override
    public void save(Saver head, Chunks chunks) {
        codec.save(head, chunks);
    }

    @Override
    public void load(Loader head, Chunks chunks) {
        codec.load(head, chunks);
    }
}
