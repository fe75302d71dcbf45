package io.tickcast.market;

import java.util.List;

/**
 * What a contract record says, as far as a computation depends on it.
 *
 * @param tick smallest change of a price
 * @param step smallest change of a quantity
 * @param periods candles that are served; none: all
 * @param books price resolutions of its order books
 * @param depth levels per side of an order book
 * @param seeds so many seed records follow at once
 * @param delisted the contract leaves the catalogue
 */
public record Spec(Unit tick, Unit step, List<Period> periods, List<Unit> books, int depth, long seeds, boolean delisted) {
    /** Of a contract of which nothing is known. */
    public static final Spec NONE = new Spec(new Unit(0, 0), new Unit(0, 0), List.of(), List.of(), 0, 0, false);

    public Spec withBooks(List<Unit> all) {
        return new Spec(tick, step, periods, all, depth, seeds, delisted);
    }
}
