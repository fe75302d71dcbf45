package io.tickcast.engine.candle;

import io.tickcast.engine.Chunks;
import io.tickcast.engine.Loader;
import io.tickcast.engine.Saver;
import io.tickcast.market.Candle;
import io.tickcast.market.Period;
import io.tickcast.market.Spec;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Collects the seed records that a contract record announces. */
final class Block {
    /** No block is on the way. */
    static final Block NONE = new Block(Spec.NONE, 0);

    private static final int CHUNK = 64; // seeds in one chunk of the store

    final Spec spec;
    final long atMs; // the log holds every trade from here on
    private final List<Candle> got = new ArrayList<>();
    private List<Candle> days = List.of(); // while the block is replayed: its 1d seeds, oldest first

    Block(Spec spec, long atMs) {
        this.spec = spec;
        this.atMs = atMs;
    }

    void add(Candle c) {
        Candle copy = new Candle();
        copy.set(c);
        got.add(copy);
    }

    int size() {
        return got.size();
    }

    /** The end of the newest seed. */
    long endMs() {
        long t = 0;
        for (Candle c : got) {
            if (c.period == Period.M1 || c.period == Period.D1) {
                t = Math.max(t, c.period.nextMs(c.openMs));
            }
        }
        return t;
    }

    /** The seeds of one period, oldest first and each once. */
    List<Candle> of(Period p) {
        List<Candle> sorted = new ArrayList<>(got.stream().filter(c -> c.period == p).sorted(Comparator.comparingLong(c -> c.openMs)).toList());
        List<Candle> once = new ArrayList<>();
        for (Candle c : sorted) {
            if (once.isEmpty() || once.get(once.size() - 1).openMs != c.openMs) {
                once.add(c);
            }
        }
        return once;
    }

    void days(List<Candle> all) {
        days = all;
    }

    /** Replaces a day that was rolled up from seeded minutes by the venue's own candle of the day, if there is one. */
    void preferSeed(Bar day) {
        for (Candle c : days) {
            if (c.openMs == day.openMs) {
                day.seed(c);
                return;
            }
        }
    }

    /** Puts into the store what it does not have: seeds from the given number on. */
    void save(Saver head, Chunks store, int from) {
        head.spec(spec).integer(atMs).integer(got.size());
        for (int k = from / CHUNK; k * CHUNK < got.size(); k++) {
            Saver w = new Saver(1);
            List<Candle> part = got.subList(k * CHUNK, Math.min((k + 1) * CHUNK, got.size()));
            w.integer(part.size());
            part.forEach(c -> BarCodec.candle(w, c));
            store.put(Chunks.Space.SEEDS, 0, k, w.copy());
        }
    }

    static Block load(Loader head, Chunks store) {
        Spec spec = head.spec();
        Block b = new Block(spec, head.integer());
        int size = head.count(1 << 20);
        for (int k = 0; k < chunksOf(size); k++) {
            Loader r = new Loader(store.need(Chunks.Space.SEEDS, 0, k), 1);
            for (int n = r.count(CHUNK); n > 0; n--) {
                Candle c = new Candle();
                BarCodec.candle(r, c);
                b.got.add(c);
            }
            r.finish();
        }
        Loader.check(b.got.size() == size, "seeds are missing");
        return size == 0 && spec.seeds() == 0 ? NONE : b;
    }

    static int chunksOf(int seeds) {
        return (seeds + CHUNK - 1) / CHUNK;
    }
}
