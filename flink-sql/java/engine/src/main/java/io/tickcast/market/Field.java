package io.tickcast.market;

/** The fields of log records, found by their names' bytes. */
enum Field {
    SV, K, S, SRC, SIM, W, EPOCH, SEQ, TS, Q, P, QTY, M, A, F, L, U0, U, BIDS, ASKS, I, T, O, H, C, V, BV, QV, BQV, N, LAST("L"), FROM, TO, SEEDS, DELISTED, TICK, STEP, SYMBOL, BASE, QUOTE,
    PERIODS, BOOKS, DEPTH;

    private static final int SLOTS = 256;
    private static final Field[] TABLE = new Field[SLOTS];
    private static final long[] NAMES = new long[SLOTS];

    private final long packed;

    Field() {
        packed = pack(Buffer.ascii(name().toLowerCase(java.util.Locale.ROOT)));
    }

    Field(String name) {
        packed = pack(Buffer.ascii(name));
    }

    static {
        for (Field f : values()) {
            int i = slot(f.packed);
            while (TABLE[i] != null) {
                i = (i + 1) % SLOTS;
            }
            TABLE[i] = f;
            NAMES[i] = f.packed;
        }
    }

    private static int slot(long packed) {
        return (int) (packed * 0x9e3779b97f4a7c15L >>> 56);
    }

    /** Names have at most 8 letters, none of them 0. */
    private static long pack(byte[] name) {
        return pack(name, 0, name.length);
    }

    private static long pack(byte[] b, int from, int to) {
        long v = 0;
        for (int i = from; i < to; i++) {
            v = v << 8 | b[i] & 0xff;
        }
        return v;
    }

    /** The field of that name, or null. */
    static Field of(byte[] b, int from, int to) {
        if (to - from > 8) {
            return null;
        }
        long name = pack(b, from, to);
        for (int i = slot(name); TABLE[i] != null; i = (i + 1) % SLOTS) {
            if (NAMES[i] == name) {
                return TABLE[i];
            }
        }
        return null;
    }
}
