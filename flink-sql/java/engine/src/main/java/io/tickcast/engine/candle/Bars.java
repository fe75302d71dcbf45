package io.tickcast.engine.candle;

import io.tickcast.engine.Chunks;
import io.tickcast.engine.Loader;
import io.tickcast.engine.Saver;
import java.util.HashSet;
import java.util.Set;

/** A ring of closed candles of one period, oldest first. Each has a number that no later one gets; the store has them in chunks of 32 numbers. */
final class Bars {
    private static final int CHUNK = 32;

    private final int period;
    private final Bar[] ring;
    private int head;
    private int n;

    private long first; // number of the oldest
    private long savedTo; // candles before this number are in the store, but for those in touched
    private final Set<Long> touched = new HashSet<>(); // chunks with candles that were revised
    private long storedFrom; // the store has the chunks from here
    private long storedTo; // to here, without this one

    Bars(int period, int capacity) {
        this.period = period;
        this.ring = new Bar[capacity];
    }

    int size() {
        return n;
    }

    /** The i-th oldest, to be read. */
    Bar at(int i) {
        i += head;
        return ring[i >= ring.length ? i - ring.length : i];
    }

    /** The i-th oldest, to be changed. */
    Bar change(int i) {
        touched.add((first + i) / CHUNK);
        return at(i);
    }

    /** The newest that is not partial, or null: clients are shown no other. */
    Bar newestWhole() {
        for (int i = n - 1; i >= 0; i--) {
            if (!at(i).has(Bar.PARTIAL)) {
                return at(i);
            }
        }
        return null;
    }

    /** Appends a copy, to be changed; a full ring loses its oldest. */
    Bar push(Bar b) {
        if (n == ring.length) {
            dropOldest();
        }
        int i = head + n++;
        if (i >= ring.length) {
            i -= ring.length;
        }
        if (ring[i] == null) {
            ring[i] = new Bar();
        }
        ring[i].copy(b);
        return ring[i];
    }

    void dropOldest() {
        if (++head == ring.length) {
            head = 0;
        }
        n--;
        first++;
    }

    void clear() {
        first += n;
        head = n = 0;
    }

    /** The index of the candle that opens at openMs, or -1. It looks from the newest: what is asked for is young. */
    int find(long openMs) {
        for (int i = n - 1; i >= 0; i--) {
            long t = at(i).openMs;
            if (t == openMs) {
                return i;
            }
            if (t < openMs) {
                return -1;
            }
        }
        return -1;
    }

    /** The index of the first candle that opens at openMs or later. */
    int from(long openMs) {
        int lo = 0;
        int hi = n;
        while (lo < hi) {
            int mid = (lo + hi) >>> 1;
            if (at(mid).openMs < openMs) {
                lo = mid + 1;
            } else {
                hi = mid;
            }
        }
        return lo;
    }

    /** Merges all that opens in [b.openMs, nextMs) into b. */
    void roll(Bar b, long nextMs) {
        for (int i = from(b.openMs); i < n && at(i).openMs < nextMs; i++) {
            b.merge(at(i));
        }
    }

    void save(Saver w, Chunks store) {
        long end = first + n;
        long from = first / CHUNK;
        long to = n == 0 ? from : (end - 1) / CHUNK + 1;
        for (long c = from; c < to; c++) {
            if (end > savedTo && (c + 1) * CHUNK > savedTo || touched.contains(c)) {
                int begin = (int) (Math.max(c * CHUNK, first) - first);
                store.put(Chunks.Space.CLOSED, period, c, BarCodec.save(this, first + begin, begin, (int) (Math.min((c + 1) * CHUNK, end) - first)));
            }
        }
        store.remove(Chunks.Space.CLOSED, period, storedFrom, Math.min(from, storedTo));
        store.remove(Chunks.Space.CLOSED, period, Math.max(to, storedFrom), storedTo);
        storedFrom = from;
        storedTo = to;
        savedTo = end;
        touched.clear();
        w.integer(first).integer(n);
    }

    void load(Loader r, Chunks store) {
        first = r.integer();
        int count = r.count(ring.length);
        savedTo = first + count;
        storedFrom = first / CHUNK;
        storedTo = count == 0 ? storedFrom : (savedTo - 1) / CHUNK + 1;
        for (long c = storedFrom; c < storedTo; c++) {
            BarCodec.load(store.need(Chunks.Space.CLOSED, period, c), first, this);
        }
        Loader.check(n == count, n + " closed candles of period " + period + ", want " + count);
    }
}
