package io.tickcast.market;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads log records. It remembers the names that it saw last, so that decoding a trade allocates nothing. A decoder belongs to one thread.
 *
 * <p>Unknown fields are passed over, so that a newer writer does not stop an older reader; a record of another schema version, without one of its fields, or with an impossible value is refused.
 */
public final class RecordDecoder {
    // Which fields a record had.
    static final int VERSION = 1, KIND = 1 << 1, CONTRACT = 1 << 2, SOURCE = 1 << 3, WRITER = 1 << 4, EPOCH = 1 << 5, SEQ = 1 << 6, EVENT = 1 << 7, QUALITY = 1 << 8;
    static final int PRICE = 1 << 9, QTY = 1 << 10, MAKER = 1 << 11, AGG = 1 << 12, FIRST = 1 << 13, LAST = 1 << 14;
    static final int PERIOD = 1 << 15, OPEN_TIME = 1 << 16, BARS = 1 << 17, VOLUMES = 1 << 18;
    static final int TICK = 1 << 19, STEP = 1 << 20, SEEDS = 1 << 21, FROM = 1 << 22, TO = 1 << 23, UPDATES = 1 << 24, LEVELS = 1 << 25;

    private final Scanner s = new Scanner();
    private int seen;
    private String lastContract = "";
    private String lastSource = "";

    // A contract record's entry in the making.
    private Unit tick;
    private Unit step;
    private List<Period> periods;
    private List<Unit> books;
    private long seeds;
    private long depth;
    private boolean delisted;

    /** Reads one record into r, whose previous content is gone. */
    public void decode(byte[] value, Record r) throws Refused {
        r.clear();
        tick = step = Spec.NONE.tick();
        periods = List.of();
        books = List.of();
        seeds = depth = 0;
        delisted = false;
        seen = 0;
        s.reset(value);
        s.expect('{');
        for (;;) {
            s.text();
            int from = s.from;
            int to = s.to;
            s.expect(':');
            try {
                field(Field.of(value, from, to), r);
            } catch (Refused e) {
                throw e.in("field " + Scanner.quote(value, from, to));
            }
            if (s.peek() == '}') {
                break;
            }
            s.expect(',');
        }
        if (r.kind == Kind.CONTRACT) {
            r.spec = new Spec(tick, step, periods, books, (int) Math.max(Math.min(depth, Integer.MAX_VALUE), -1), seeds, delisted);
        }
        RecordCheck.check(r, seen);
    }

    private void field(Field f, Record r) throws Refused {
        if (f == null) {
            s.raw();
            return;
        }
        switch (f) {
            case SV -> {
                long v = s.integer();
                if (v != 1) {
                    throw new Refused("schema version " + v + ", want 1");
                }
                seen |= VERSION;
            }
            case K -> {
                s.text();
                r.kind = Kind.parse(s.b, s.from, s.to);
                seen |= KIND;
            }
            case S -> {
                s.text();
                r.contract = lastContract = name(lastContract);
                seen |= CONTRACT;
            }
            case SRC -> {
                s.text();
                r.source = lastSource = name(lastSource);
                seen |= SOURCE;
            }
            case SIM -> r.simulated = s.bool();
            case W -> {
                r.writer = s.integer();
                seen |= WRITER;
            }
            case EPOCH -> {
                r.epoch = s.integer();
                seen |= EPOCH;
            }
            case SEQ -> {
                r.seq = s.integer();
                seen |= SEQ;
            }
            case TS -> {
                r.eventMs = s.integer();
                seen |= EVENT;
            }
            case Q -> {
                s.text();
                r.quality = Quality.parse(s.b, s.from, s.to);
                seen |= QUALITY;
            }
            case P -> {
                r.price = price(r);
                seen |= PRICE;
            }
            case QTY -> {
                r.qty = qty(r);
                seen |= QTY;
            }
            case M -> {
                r.buyerMaker = s.bool();
                seen |= MAKER;
            }
            case A -> {
                r.aggId = s.integer();
                seen |= AGG;
            }
            case F -> {
                r.firstId = s.integer();
                seen |= FIRST;
            }
            case L -> {
                if (r.kind == Kind.SEED) {
                    r.seed.low = price(r);
                } else {
                    r.lastId = s.integer();
                    seen |= LAST;
                }
            }
            case U0 -> r.bookFirstId = s.integer();
            case U -> {
                r.bookLastId = s.integer();
                seen |= UPDATES;
            }
            case BIDS -> levels(r, r.bids);
            case ASKS -> {
                levels(r, r.asks);
                seen |= LEVELS;
            }
            default -> rareField(f, r);
        }
    }

    /** Reads the fields of seeds, contracts and gaps. */
    private void rareField(Field f, Record r) throws Refused {
        Candle c = r.seed;
        switch (f) {
            case I -> {
                s.text();
                c.period = Period.parse(new String(s.b, s.from, s.to - s.from, StandardCharsets.UTF_8));
                seen |= PERIOD;
            }
            case T -> {
                c.openMs = s.integer();
                seen |= OPEN_TIME;
            }
            case O -> c.open = price(r);
            case H -> c.high = price(r);
            case C -> {
                c.close = price(r);
                seen |= BARS;
            }
            case V -> r.qtyScale = wide(r.qtyScale, c.volume);
            case BV -> r.qtyScale = wide(r.qtyScale, c.buyVolume);
            case QV -> wide(r.priceScale + r.qtyScale, c.quoteVolume);
            case BQV -> {
                wide(r.priceScale + r.qtyScale, c.buyQuoteVolume);
                seen |= VOLUMES;
            }
            case N -> c.trades = s.integer();
            case LAST -> c.lastId = s.integer();
            case FROM -> {
                r.gapFrom = s.integer();
                seen |= FROM;
            }
            case TO -> {
                r.gapTo = s.integer();
                seen |= TO;
            }
            case SEEDS -> {
                seeds = s.integer();
                seen |= SEEDS;
            }
            case DELISTED -> delisted = s.bool();
            case TICK -> {
                tick = unit();
                seen |= TICK;
            }
            case STEP -> {
                step = unit();
                seen |= STEP;
            }
            case SYMBOL, BASE, QUOTE -> {
                s.raw();
                JsonText.one(s.b, s.from, s.to);
            }
            case PERIODS -> {
                s.raw();
                periods = new ArrayList<>();
                for (String name : JsonText.list(s.b, s.from, s.to)) {
                    periods.add(Period.parse(name));
                }
            }
            case BOOKS -> {
                s.raw();
                books = new ArrayList<>();
                for (String size : JsonText.list(s.b, s.from, s.to)) {
                    books.add(Unit.parse(size));
                }
            }
            case DEPTH -> depth = s.integer();
            default -> throw new AssertionError(f);
        }
    }

    /** A name that is nearly always the one before. */
    private String name(String last) {
        int n = s.to - s.from;
        boolean same = n == last.length();
        for (int i = 0; same && i < n; i++) {
            same = last.charAt(i) == (s.b[s.from + i] & 0xff);
        }
        return same ? last : new String(s.b, s.from, n, StandardCharsets.ISO_8859_1);
    }

    // The first price of a record sets the scale, the others must have the same; so do quantities.
    private long price(Record r) throws Refused {
        s.text();
        long m = Decimals.mantissa(s.b, s.from, s.to);
        r.priceScale = sameScale(r.priceScale);
        return m;
    }

    private long qty(Record r) throws Refused {
        s.text();
        long m = Decimals.mantissa(s.b, s.from, s.to);
        r.qtyScale = sameScale(r.qtyScale);
        return m;
    }

    private int sameScale(int want) throws Refused {
        int has = Decimals.decimals(s.b, s.from, s.to);
        if (want >= 0 && has != want) {
            throw new Refused(has + " decimals, want " + want);
        }
        return has;
    }

    /** Reads a sum and returns its scale: the one given, or the sum's own if that is negative. */
    private int wide(int scale, Int128 v) throws Refused {
        s.text();
        if (scale < 0) {
            scale = Decimals.decimals(s.b, s.from, s.to);
        }
        Decimals.parse(s.b, s.from, s.to, scale, v);
        return scale;
    }

    private Unit unit() throws Refused {
        s.text();
        return Unit.parse(new String(s.b, s.from, s.to - s.from, StandardCharsets.UTF_8));
    }

    private void levels(Record r, Levels dst) throws Refused {
        dst.truncate(0);
        s.expect('[');
        if (s.peek() == ']') {
            s.i++;
            return;
        }
        for (;;) {
            s.expect('[');
            long price = price(r);
            s.expect(',');
            long qty = qty(r);
            s.expect(']');
            if (dst.size() == Levels.MAX) {
                throw new Refused("more than " + Levels.MAX + " levels");
            }
            dst.add(price, qty);
            if (s.peek() == ']') {
                s.i++;
                return;
            }
            s.expect(',');
        }
    }
}
