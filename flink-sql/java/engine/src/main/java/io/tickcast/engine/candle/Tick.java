package io.tickcast.engine.candle;

import io.tickcast.market.Int128;

/** One trade at the contract's scales. */
final class Tick {
    long eventMs;
    long price;
    long qty;
    long aggId;
    long firstId;
    long lastId;
    boolean buyerMaker;
    final Int128 quote = new Int128(); // price times quantity

    void multiply() {
        quote.setProduct(price, qty);
    }
}
