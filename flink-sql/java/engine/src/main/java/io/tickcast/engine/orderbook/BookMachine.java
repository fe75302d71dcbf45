package io.tickcast.engine.orderbook;

import io.tickcast.engine.Chunks;
import io.tickcast.engine.EventTime;
import io.tickcast.engine.Fence;
import io.tickcast.engine.Input;
import io.tickcast.engine.Loader;
import io.tickcast.engine.Machine;
import io.tickcast.engine.Output;
import io.tickcast.engine.Saver;
import io.tickcast.engine.Verdict;
import io.tickcast.market.Decimals;
import io.tickcast.market.Kind;
import io.tickcast.market.Levels;
import io.tickcast.market.Quality;
import io.tickcast.market.Record;
import io.tickcast.market.Refused;
import io.tickcast.market.Spec;
import io.tickcast.market.Unit;
import java.util.ArrayList;
import java.util.List;

/** Computes the best bid and offer, and the order book at each price resolution, from one contract's log of books. flink-sql/README.md is its specification. */
public final class BookMachine implements Machine {
    // Sides of a book.
    static final int BIDS = 0;
    static final int ASKS = 1;

    // Limits of what a record can ask for, so that a poisoned one costs nothing.
    static final int MAX_LEVELS = 4 * Levels.MAX; // per side
    static final int MAX_VIEWS = 16; // resolutions of a contract
    private static final long SLOT_MS = 100; // at most one record per key in each of these, by event time

    /** Encoding of the machine's part of the head. */
    private static final int ENCODING = 1;

    private final String contract;
    private final Fence fence = new Fence();
    private final BookPublisher publisher;
    private long startMs;
    private boolean live; // a record not older than the job was seen: outputs are written

    private boolean listed; // spec is set, and the contract has not left the catalogue
    private Spec spec = Spec.NONE;
    private long delistedSeq; // of the record that ended it; 0: none

    private Quality quality = Quality.OK; // of the feed
    private boolean known; // a snapshot was seen: there is something to show
    private boolean valid; // the book is the source's: from a snapshot on, until a gap
    private long update; // the source's id of the last command in the book
    private long clockMs; // event time of the last clock record
    private final Side[] levels = {new Side(), new Side()}; // prices of asks are negative, so that a better price is a greater one on both sides
    private final SideCodec[] codecs = {new SideCodec(BIDS), new SideCodec(ASKS)};

    private Top top = new Top();
    private List<View> views = new ArrayList<>();

    private Input in; // the record at hand
    private boolean added; // it makes an order book new
    private String reason;

    public BookMachine(String contract) {
        this.contract = contract;
        this.publisher = new BookPublisher(contract);
    }

    @Override
    public String contract() {
        return contract;
    }

    @Override
    public void start(long start) {
        startMs = start;
        live = false;
        top.dirty = true;
        for (View v : views) {
            v.dirty = true;
            v.slot = -1;
        }
    }

    @Override
    public String reason() {
        return reason;
    }

    @Override
    public long nowMs() {
        return clockMs;
    }

    @Override
    public Verdict apply(Input input, Output out) {
        reason = null;
        in = input;
        Record r = in.record;
        Verdict v = fence.take(r);
        publisher.begin(out, in, fence.epoch());
        if (fence.begins()) {
            reset();
        }
        if (v != Verdict.APPLIED) {
            return v;
        }
        if (fence.hole()) {
            valid = false;
        }
        added = false;
        try {
            v = dispatch(r);
        } catch (Refused e) {
            reason = e.getMessage();
            v = Verdict.INVALID;
        }
        settle();
        if (!live && in.appendMs >= startMs) {
            live = true;
            publishAll();
        }
        return v;
    }

    /** Forgets all but what fences records. */
    private void reset() {
        listed = known = valid = false;
        spec = Spec.NONE;
        delistedSeq = update = clockMs = 0;
        quality = publisher.shown = Quality.OK;
        top = new Top();
        views = new ArrayList<>();
        empty();
    }

    /** Takes all orders away. */
    private void empty() {
        for (int s = BIDS; s <= ASKS; s++) {
            levels[s].clear();
            for (View v : views) {
                v.clear(s);
            }
        }
    }

    private Verdict dispatch(Record r) throws Refused {
        if (r.kind == Kind.CONTRACT) {
            return contractRecord(r);
        }
        if (r.kind == Kind.OPEN) { // nobody knows what came between the writers
            valid = valid && r.epoch != fence.epoch();
            return Verdict.APPLIED;
        }
        if (spec.delisted()) {
            return Verdict.DELISTED;
        }
        if (!listed || r.kind == Kind.DIFF && !valid) {
            return Verdict.WAITING;
        }
        if (r.kind == Kind.SNAPSHOT || r.kind == Kind.DIFF) {
            try {
                EventTime.check(r.eventMs);
                command(r);
            } catch (Refused e) { // a part of it may be in the book, and what it says is lost
                empty();
                valid = false;
                throw e;
            }
            return Verdict.APPLIED;
        }
        if (r.kind == Kind.GAP) {
            valid = false;
        } else if (r.kind == Kind.QUALITY) {
            quality = r.quality;
        }
        EventTime.check(r.eventMs);
        if (r.kind == Kind.CLOCK) {
            clockMs = Math.max(clockMs, r.eventMs);
        }
        return Verdict.APPLIED;
    }

    private Verdict contractRecord(Record r) throws Refused {
        Spec s = r.spec;
        publisher.header.source(r.source);
        publisher.header.simulated = r.simulated;
        if (s.delisted()) {
            delist(s, r.seq);
            return Verdict.DELISTED;
        }
        if (s.books().size() > MAX_VIEWS) {
            throw new Refused("contract record: tick, step or number of resolutions is impossible");
        }
        if (listed && (spec.tick().scale() != s.tick().scale() || spec.step().scale() != s.step().scale())) {
            empty(); // its numbers mean something else
            valid = false;
        }
        setViews(s);
        spec = s;
        listed = true;
        delistedSeq = 0;
        publisher.priceScale = s.tick().scale();
        publisher.qtyScale = s.step().scale();
        return Verdict.APPLIED;
    }

    /** Makes a view for each resolution of the contract; what stays as it was keeps its versions. */
    private void setViews(Spec s) throws Refused {
        boolean some = false;
        List<View> all = new ArrayList<>();
        for (Unit u : s.depth() > 0 ? s.books() : List.<Unit>of()) {
            if (all.stream().anyMatch(v -> v.resolution.equals(u))) {
                continue;
            }
            long step;
            try {
                step = Decimals.rescale(u.size(), u.scale(), s.tick().scale());
            } catch (Refused e) {
                throw new Refused("contract record: resolution " + u + " is finer than the tick " + s.tick());
            }
            View same = views.stream().filter(v -> v.is(u, step, s.depth())).findFirst().orElse(null);
            some |= same == null;
            all.add(same != null ? same : new View(u, step, s.depth(), publisher.key(u), levels));
        }
        for (View v : views) {
            if (!s.books().contains(v.resolution) || s.depth() == 0) {
                publisher.clearBook(v.key, in.record.seq);
            }
        }
        views = all;
        added = some;
    }

    /** Clears what was retained of the contract: at all resolutions that it had. */
    private void delist(Spec s, long seq) {
        List<Unit> books = new ArrayList<>(s.books());
        for (View v : views) {
            if (!books.contains(v.resolution)) {
                books.add(v.resolution);
            }
        }
        reset();
        spec = s.withBooks(books);
        delistedSeq = seq;
        clearAll();
    }

    private void command(Record r) throws Refused {
        boolean snapshot = r.kind == Kind.SNAPSHOT;
        if (snapshot) {
            empty();
        }
        for (int s = BIDS; s <= ASKS; s++) {
            Levels ls = s == BIDS ? r.bids : r.asks;
            if (snapshot) {
                for (int i = ls.size() - 1; i >= 0; i--) {
                    long price = price(r, ls.price(i), s);
                    long qty = qty(r, ls.qty(i));
                    levels[s].append(price, qty);
                    sum(s, price, qty);
                }
                continue;
            }
            for (int i = 0; i < ls.size(); i++) {
                long price = price(r, ls.price(i), s);
                long qty = qty(r, ls.qty(i));
                long before = levels[s].put(price, qty);
                if (before != qty) {
                    sum(s, price, qty - before);
                }
            }
            if (levels[s].size() > MAX_LEVELS) {
                throw new Refused("more than " + MAX_LEVELS + " levels on a side");
            }
        }
        if (snapshot) {
            known = valid = true;
        } else if (levels[BIDS].size() > 0 && levels[ASKS].size() > 0 && levels[BIDS].price(0) >= -levels[ASKS].price(0)) {
            throw new Refused("the book is crossed by update " + r.bookLastId);
        }
        update = r.bookLastId;
    }

    /** A price of a record at the contract's scale, with the sign of its side. */
    private long price(Record r, long price, int side) throws Refused {
        try {
            price = Decimals.rescale(price, r.priceScale, publisher.priceScale);
        } catch (Refused e) {
            throw e.in("price");
        }
        return side == ASKS ? -price : price;
    }

    private long qty(Record r, long qty) throws Refused {
        try {
            return Decimals.rescale(qty, r.qtyScale, publisher.qtyScale);
        } catch (Refused e) {
            throw e.in("quantity");
        }
    }

    /** Changes the sums that a price belongs to. */
    private void sum(int side, long price, long delta) throws Refused {
        for (View v : views) {
            if (!v.add(side, price, delta)) {
                throw new Refused("the quantities of a price step are too large to be added");
            }
        }
    }

    /** Finds what the record at hand has changed, gives it the record's version, and publishes what is due. */
    private void settle() {
        if (!known || !listed) {
            return;
        }
        Quality q = valid ? quality : Quality.STALE;
        boolean all = q != publisher.shown;
        publisher.shown = q;
        if (top.look(levels[BIDS], levels[ASKS]) || all || top.seq == 0) {
            mark(top);
        }
        for (View v : views) {
            if (v.look() || all || v.seq == 0) {
                mark(v);
            }
        }
        publishDue(all || added);
    }

    /** Gives a key the version of the record at hand. */
    private void mark(Change c) {
        c.seq = in.record.seq;
        c.eventMs = in.record.eventMs;
        c.update = update;
        c.dirty = true;
    }

    /** Writes the versions that are due after the record at hand; urgent: all of them. */
    private void publishDue(boolean urgent) {
        if (!live) {
            return;
        }
        boolean thin = in.thin && in.record.kind != Kind.CLOCK && !urgent;
        if (top.dirty && !thin) {
            publisher.top(top);
        }
        long slot = in.record.eventMs / SLOT_MS;
        for (View v : views) {
            if (v.dirty && (urgent || slot != v.slot && !thin)) {
                v.slot = slot;
                publisher.book(v);
            }
        }
    }

    /** Writes the full state of every key. */
    private void publishAll() {
        if (delistedSeq != 0) {
            clearAll();
        }
        if (!known || !listed) {
            return;
        }
        publisher.top(top);
        views.forEach(publisher::book);
    }

    /** Clears every key of a delisted contract. */
    private void clearAll() {
        publisher.clearTop(delistedSeq);
        for (Unit u : spec.books()) {
            publisher.clearBook(publisher.key(u), delistedSeq);
        }
    }

    @Override
    public void save(Saver w, Chunks chunks) {
        w.integer(ENCODING);
        fence.save(w);
        w.bool(live).bool(listed).bool(publisher.header.simulated).bool(known).bool(valid).text(publisher.header.source()).spec(spec);
        w.integer(publisher.priceScale).integer(publisher.qtyScale).integer(delistedSeq).quality(quality).quality(publisher.shown).integer(update).integer(clockMs);
        for (int s = BIDS; s <= ASKS; s++) {
            codecs[s].save(levels[s], w, chunks);
        }
        top.save(w);
        w.integer(views.size());
        for (View v : views) {
            v.save(w);
            w.integer(v.slot);
        }
    }

    /** Sums and what is shown are made up again from the levels. */
    @Override
    public void load(Loader r, Chunks chunks) {
        long encoding = r.integer();
        Loader.check(encoding == ENCODING, "order books in encoding " + encoding + ", this program knows " + ENCODING);
        fence.load(r);
        live = r.bool();
        listed = r.bool();
        publisher.header.simulated = r.bool();
        known = r.bool();
        valid = r.bool();
        publisher.header.source(r.text());
        spec = r.spec();
        publisher.priceScale = r.count(Decimals.MAX_SCALE);
        publisher.qtyScale = r.count(Decimals.MAX_SCALE);
        delistedSeq = r.integer();
        quality = r.quality();
        publisher.shown = r.quality();
        update = r.integer();
        clockMs = r.integer();
        for (int s = BIDS; s <= ASKS; s++) {
            codecs[s].load(levels[s], r, chunks);
        }
        top.look(levels[BIDS], levels[ASKS]);
        top.load(r);
        if (listed) {
            try {
                setViews(spec);
            } catch (Refused e) {
                throw new IllegalStateException("state: " + e.getMessage(), e);
            }
        }
        Loader.check(r.count(MAX_VIEWS) == views.size(), "order books are missing");
        for (View v : views) {
            v.look();
            v.load(r);
            v.slot = r.integer();
        }
    }
}
