package io.tickcast.engine;

/** A store's keys: one byte for what a chunk holds, one for which of several rows of chunks, six for the chunk's number in it. */
public final class Chunks {
    /** What a chunk holds. The numbers are in saved state: never use one for anything else. */
    public enum Space {
        HEAD(1),
        JOURNAL(2),
        CLOSED(3),
        TRADES(4),
        SEEDS(5),
        LEVELS(6);

        private final long number;

        Space(long number) {
            this.number = number;
        }
    }

    private final StateStore store;

    public Chunks(StateStore store) {
        this.store = store;
    }

    private static long key(Space space, int row, long number) {
        return space.number << 56 | (long) row << 48 | number;
    }

    public byte[] get(Space space, int row, long number) {
        return store.get(key(space, row, number));
    }

    /** As get, of a chunk that must be there. */
    public byte[] need(Space space, int row, long number) {
        byte[] b = get(space, row, number);
        Loader.check(b != null, "chunk " + number + " of " + space + " " + row + " is missing");
        return b;
    }

    public void put(Space space, int row, long number, byte[] piece) {
        store.put(key(space, row, number), piece);
    }

    /** Removes the chunks in [from, to). */
    public void remove(Space space, int row, long from, long to) {
        for (long i = from; i < to; i++) {
            store.remove(key(space, row, i));
        }
    }
}
