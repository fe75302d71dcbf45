package io.tickcast.engine;

import java.util.Map;
import java.util.TreeMap;

/** A store on the heap: for tests, and where state need not outlive the process. */
public final class MemoryStore implements StateStore {
    private final TreeMap<Long, byte[]> entries = new TreeMap<>();

    @Override
    public byte[] get(long key) {
        return entries.get(key);
    }

    @Override
    public void put(long key, byte[] value) {
        entries.put(key, value);
    }

    @Override
    public void remove(long key) {
        entries.remove(key);
    }

    /** All entries, by key. */
    public Map<Long, byte[]> entries() {
        return entries;
    }
}
