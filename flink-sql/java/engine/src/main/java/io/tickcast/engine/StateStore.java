package io.tickcast.engine;

/**
 * Where an engine keeps its state: bytes by number, of one contract and one log. In Flink a MapView of the function's keyed state, of which a checkpoint takes a picture between two records.
 * Arrays belong to the store once they are put, and must not be changed by who gets them.
 */
public interface StateStore {
    /** The bytes under a key, or null. */
    byte[] get(long key);

    void put(long key, byte[] value);

    void remove(long key);
}
