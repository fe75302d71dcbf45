package io.tickcast.engine.orderbook;

import io.tickcast.market.Levels;
import io.tickcast.market.Unit;

/** The book at one resolution. */
final class View extends Change {
    final Unit resolution;
    final long step; // the resolution at the tick's scale
    final int depth;
    final byte[] key;

    private final Side[] own = {new Side(), new Side()}; // sums per price step
    private final Side[] sums = new Side[2];
    final Levels[] shown = {new Levels(), new Levels()}; // the first levels, as after the record that last changed the key; with real prices
    private final boolean[] touched = {true, true}; // shown may have changed
    long slot = -1; // event time of the last publication, by slots

    /** Sums up a book that is there. Where the step is the unit of prices the levels are their own sums. */
    View(Unit resolution, long step, int depth, byte[] key, Side[] levels) {
        this.resolution = resolution;
        this.step = step;
        this.depth = depth;
        this.key = key;
        for (int s = 0; s < 2; s++) {
            if (step == 1) {
                sums[s] = levels[s];
                continue;
            }
            sums[s] = own[s];
            for (int i = levels[s].size() - 1; i >= 0; i--) {
                own[s].add(floor(levels[s].price(i)), levels[s].qty(i));
            }
        }
    }

    boolean is(Unit u, long st, int d) {
        return resolution.equals(u) && step == st && depth == d;
    }

    /** The step that a price belongs to: rounded down, which for asks, being negative, is up. */
    private long floor(long price) {
        return Math.floorDiv(price, step) * step;
    }

    void clear(int side) {
        sums[side].clear();
        touched[side] = true;
    }

    /** Changes the sum of a price's step; false if it is too large. */
    boolean add(int side, long price, long delta) {
        if (step != 1) {
            price = floor(price);
            if (own[side].add(price, delta) < 0) {
                return false;
            }
        }
        if (!touched[side]) {
            Levels ls = shown[side];
            touched[side] = ls.size() < depth || price >= signed(ls.price(ls.size() - 1), side);
        }
        return true;
    }

    private static long signed(long price, int side) {
        return side == BookMachine.ASKS ? -price : price;
    }

    /** Brings what is shown up to date; it says whether that changed. */
    boolean look() {
        boolean changed = false;
        for (int s = 0; s < 2; s++) {
            if (!touched[s]) {
                continue;
            }
            touched[s] = false;
            Side all = sums[s];
            Levels ls = shown[s];
            int n = Math.min(depth, all.size());
            int i = 0;
            if (n == ls.size()) {
                while (i < n && signed(all.price(i), s) == ls.price(i) && all.qty(i) == ls.qty(i)) {
                    i++;
                }
                if (i == n) {
                    continue;
                }
            }
            changed = true;
            for (ls.truncate(i); i < n; i++) {
                ls.add(signed(all.price(i), s), all.qty(i));
            }
        }
        return changed;
    }
}
