package io.tickcast.engine.orderbook;

import io.tickcast.engine.Loader;
import io.tickcast.engine.Saver;

/** What a version of a key needs. */
class Change {
    long seq; // of the log record that last changed the key
    long eventMs; // of that record
    long update; // the source's id of the last command by then
    boolean dirty; // a version was not published

    void save(Saver w) {
        w.integer(seq).integer(eventMs).integer(update).bool(dirty);
    }

    void load(Loader r) {
        seq = r.integer();
        eventMs = r.integer();
        update = r.integer();
        dirty = r.bool();
    }
}
