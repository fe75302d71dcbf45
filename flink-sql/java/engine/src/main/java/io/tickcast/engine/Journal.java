package io.tickcast.engine;

/**
 * The records since the state was last saved, as they were read: a ring of entries, so that one record costs one put and cutting the journal costs nothing. An entry that is not of this
 * turn of the ring has a smaller serial number.
 */
final class Journal {
    private static final int ENCODING = 1;

    /** So many records at most are applied again at a restore. Part of the form of saved state: another number needs another space. */
    static final int LENGTH = 256;

    /** An entry as it is read back. */
    record Entry(byte[] value, long appendMs, boolean thin) {}

    private Journal() {}

    static void append(Chunks chunks, long serial, byte[] value, long appendMs, boolean thin) {
        Saver w = new Saver(ENCODING);
        w.integer(serial).integer(appendMs).bool(thin).bytes(value);
        chunks.put(Chunks.Space.JOURNAL, 0, serial % LENGTH, w.copy());
    }

    /** The entry of a serial number, or null if it was not written yet. */
    static Entry read(Chunks chunks, long serial) {
        byte[] b = chunks.get(Chunks.Space.JOURNAL, 0, serial % LENGTH);
        if (b == null) {
            return null;
        }
        Loader r = new Loader(b, ENCODING);
        if (r.integer() != serial) {
            return null;
        }
        long appendMs = r.integer();
        boolean thin = r.bool();
        return new Entry(r.bytes(), appendMs, thin);
    }
}
