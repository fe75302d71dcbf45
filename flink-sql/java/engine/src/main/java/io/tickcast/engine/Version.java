package io.tickcast.engine;

import java.nio.ByteBuffer;

/** A record's version as the header has it: epoch, t and seq, big endian, so that comparing bytes compares versions. */
public final class Version {
    public static final int LENGTH = 24;

    private Version() {}

    /** @param t a candle's open time, 0 elsewhere */
    public static byte[] of(long epoch, long t, long seq) {
        return ByteBuffer.allocate(LENGTH).putLong(epoch).putLong(t).putLong(seq).array();
    }
}
