package io.tickcast.market;

import java.util.Arrays;

/** Price levels in a row, in units of the tick's and the step's scale. In a diff a quantity of 0 takes the level away. */
public final class Levels {
    /** Bounds one side of an order book in a record: Binance's largest snapshot. */
    public static final int MAX = 5000;

    private long[] prices = new long[16];
    private long[] qtys = new long[16];
    private int n;

    public int size() {
        return n;
    }

    public long price(int i) {
        return prices[i];
    }

    public long qty(int i) {
        return qtys[i];
    }

    /** Keeps the first so many. */
    public void truncate(int size) {
        n = Math.min(n, size);
    }

    public void add(long price, long qty) {
        if (n == prices.length) {
            prices = Arrays.copyOf(prices, 2 * n);
            qtys = Arrays.copyOf(qtys, 2 * n);
        }
        prices[n] = price;
        qtys[n++] = qty;
    }

    /** Appends the levels as [["price","quantity"],…], Binance's form. */
    void appendJson(Buffer w, int priceScale, int qtyScale) {
        w.one('[');
        for (int i = 0; i < n; i++) {
            if (i > 0) {
                w.one(',');
            }
            w.one('[').one('"').decimal(prices[i], priceScale).one('"').one(',').one('"').decimal(qtys[i], qtyScale).one('"').one(']');
        }
        w.one(']');
    }
}
