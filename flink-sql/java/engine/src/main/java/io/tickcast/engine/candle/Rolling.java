package io.tickcast.engine.candle;

import io.tickcast.engine.Loader;
import io.tickcast.engine.Saver;

/** What the rolling 24 hours need besides the contract's minutes: they have no trades of their own. */
final class Rolling {
    long wholeMs; // from here on the minutes hold every trade
    long tradeMs; // greatest time of a trade in order

    long seq; // of the log record that last changed it
    long eventMs;
    long closeMs; // of the window, by then

    boolean changed; // by the record at hand, which is not yet applied to its end
    boolean dirty; // a version was not published
    boolean rolled; // minutes is up to date
    final Bar minutes = new Bar(); // the closed minutes of the window, rolled up

    void reset() {
        wholeMs = tradeMs = seq = eventMs = closeMs = 0;
        changed = dirty = rolled = false;
    }

    void save(Saver w) {
        w.integer(wholeMs).integer(tradeMs).integer(seq).integer(eventMs).integer(closeMs).bool(dirty);
    }

    void load(Loader r) {
        wholeMs = r.integer();
        tradeMs = r.integer();
        seq = r.integer();
        eventMs = r.integer();
        closeMs = r.integer();
        dirty = r.bool();
    }
}
