package io.tickcast.engine.orderbook;

import io.tickcast.engine.Chunks;
import io.tickcast.engine.Loader;
import io.tickcast.engine.Saver;

/** Saves one side of a book in pages, counted from the worst level: changes crowd near the best one, so few pages change. */
final class SideCodec {
    private static final int ENCODING = 1;

    /** Levels in a page. */
    private static final int PAGE = 256;

    private final int side;
    private int stored; // pages in the store

    SideCodec(int side) {
        this.side = side;
    }

    private static int pages(int n) {
        return (n + PAGE - 1) / PAGE;
    }

    void save(Side levels, Saver head, Chunks chunks) {
        int n = levels.size();
        for (int p = levels.changedFrom() / PAGE; p < pages(n); p++) {
            int from = p * PAGE;
            int to = Math.min(from + PAGE, n);
            Saver w = new Saver(ENCODING);
            w.integer(to - from);
            long before = 0;
            for (int i = from; i < to; i++) {
                w.integer(levels.priceFromWorst(i) - before).integer(levels.qtyFromWorst(i));
                before = levels.priceFromWorst(i);
            }
            chunks.put(Chunks.Space.LEVELS, side, p, w.copy());
        }
        chunks.remove(Chunks.Space.LEVELS, side, pages(n), stored);
        stored = pages(n);
        levels.unchanged();
        head.integer(n);
    }

    void load(Side levels, Loader head, Chunks chunks) {
        int n = head.count(BookMachine.MAX_LEVELS);
        stored = pages(n);
        for (int p = 0; p < stored; p++) {
            Loader r = new Loader(chunks.need(Chunks.Space.LEVELS, side, p), ENCODING);
            long price = 0;
            for (int k = r.count(PAGE); k > 0; k--) {
                price += r.integer();
                levels.append(price, r.integer());
            }
            r.finish();
        }
        Loader.check(levels.size() == n, levels.size() + " levels, want " + n);
        levels.unchanged();
    }
}
