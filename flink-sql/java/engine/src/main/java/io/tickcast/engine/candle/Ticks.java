package io.tickcast.engine.candle;

import io.tickcast.engine.Chunks;
import io.tickcast.engine.Loader;
import io.tickcast.engine.Saver;
import java.util.ArrayDeque;
import java.util.Iterator;

/** The trades of the last minutes. Whole chunks leave when all of their trades are too old; searches look at times themselves. */
final class Ticks {
    private final ArrayDeque<TickChunk> chunks = new ArrayDeque<>();
    private final Tick scratch = new Tick();
    private long first; // number of the oldest chunk; never used again for another
    private long storedFrom; // the store has the chunks from here
    private long storedTo; // to here, without this one

    void clear() {
        first += chunks.size();
        chunks.clear();
    }

    void push(Tick t) {
        TickChunk last = chunks.peekLast();
        if (last == null || last.full()) {
            last = new TickChunk();
            chunks.addLast(last);
        }
        last.add(t);
    }

    /** Drops full chunks whose trades are all before keepMs. */
    void evict(long keepMs) {
        for (TickChunk c; (c = chunks.peekFirst()) != null && c.full() && c.maxMs < keepMs; first++) {
            chunks.removeFirst();
        }
    }

    /** The chunk that has a kept trade of that id, the newest first, or null. */
    TickChunk find(long aggId, long keepMs) {
        for (Iterator<TickChunk> i = chunks.descendingIterator(); i.hasNext(); ) {
            TickChunk c = i.next();
            if (c.find(aggId, keepMs) >= 0) {
                return c;
            }
        }
        return null;
    }

    /** Adds all trades with fromMs <= time < toMs to b. */
    void fold(Bar b, long fromMs, long toMs) {
        for (TickChunk c : chunks) {
            c.fold(b, fromMs, toMs, scratch);
        }
    }

    void rescale(long price, long qty) {
        for (TickChunk c : chunks) {
            c.rescale(price, qty);
        }
    }

    void save(Saver head, Chunks store) {
        long end = first + chunks.size();
        store.remove(Chunks.Space.TRADES, 0, storedFrom, Math.min(first, storedTo));
        long number = first;
        for (TickChunk c : chunks) {
            if (!c.saved) {
                store.put(Chunks.Space.TRADES, 0, number, c.save());
                c.saved = true;
            }
            number++;
        }
        storedFrom = first;
        storedTo = end;
        head.integer(first).integer(chunks.size());
    }

    void load(Loader head, Chunks store) {
        first = storedFrom = head.integer();
        storedTo = first + head.count(1 << 24);
        for (long i = first; i < storedTo; i++) {
            chunks.addLast(TickChunk.load(store.need(Chunks.Space.TRADES, 0, i)));
        }
    }
}
