package io.tickcast.engine.orderbook;

import java.util.Arrays;

/**
 * Holds levels in ascending order with the best one last: changes crowd near the best, and there an insertion moves little. Asks are kept with negative prices, so that both sides are alike.
 */
final class Side {
    private long[] prices = new long[16];
    private long[] qtys = new long[16];
    private int n;
    private int changedFrom; // levels before this index, from the worst on, are as they were when unchanged was last called

    int size() {
        return n;
    }

    /** Price of the i-th best; i must be below size. */
    long price(int i) {
        return prices[n - 1 - i];
    }

    long qty(int i) {
        return qtys[n - 1 - i];
    }

    void clear() {
        n = 0;
        changedFrom = 0;
    }

    /** Adds a level that is better than all. */
    void append(long price, long qty) {
        insert(n, price, qty);
    }

    /** Sets the quantity at a price and returns the one before; 0 takes the level away. */
    long put(long price, long qty) {
        int i = find(price);
        long before = i < n && prices[i] == price ? qtys[i] : 0;
        set(i, price, before, qty);
        return before;
    }

    /** Changes the quantity at a price by so much and returns what it is then; a level of 0 is taken away. */
    long add(long price, long delta) {
        int i = find(price);
        long before = i < n && prices[i] == price ? qtys[i] : 0;
        set(i, price, before, before + delta);
        return before + delta;
    }

    /** Where the price is or belongs. */
    private int find(long price) {
        int lo = 0;
        int hi = n;
        for (int near = 16; near < hi && prices[hi - near] > price; near *= 4) { // look near the best first
            hi -= near;
        }
        if (hi > 64 && prices[hi - 64] <= price) {
            lo = hi - 64;
        }
        while (lo < hi) {
            int mid = (lo + hi) >>> 1;
            if (prices[mid] < price) {
                lo = mid + 1;
            } else {
                hi = mid;
            }
        }
        return lo;
    }

    /** Makes the level at index i, where price is or belongs, what it shall be; before is its quantity, 0 if it is not there. */
    private void set(int i, long price, long before, long qty) {
        if (before != 0 && qty != 0) {
            qtys[i] = qty;
            changedFrom = Math.min(changedFrom, i);
        } else if (before != 0) {
            n--;
            System.arraycopy(prices, i + 1, prices, i, n - i);
            System.arraycopy(qtys, i + 1, qtys, i, n - i);
            changedFrom = Math.min(changedFrom, i);
        } else if (qty != 0) {
            insert(i, price, qty);
        }
    }

    private void insert(int i, long price, long qty) {
        if (n == prices.length) {
            prices = Arrays.copyOf(prices, 2 * n);
            qtys = Arrays.copyOf(qtys, 2 * n);
        }
        System.arraycopy(prices, i, prices, i + 1, n - i);
        System.arraycopy(qtys, i, qtys, i + 1, n - i);
        prices[i] = price;
        qtys[i] = qty;
        n++;
        changedFrom = Math.min(changedFrom, i);
    }

    // By index from the worst, for saving.

    int changedFrom() {
        return changedFrom;
    }

    void unchanged() {
        changedFrom = n;
    }

    long priceFromWorst(int i) {
        return prices[i];
    }

    long qtyFromWorst(int i) {
        return qtys[i];
    }
}
