package io.tickcast.engine;

/** Takes what an engine writes. */
@FunctionalInterface
public interface Output {
    /**
     * Takes one record to be written. It may keep the arrays, and must not change them: keys are given again.
     *
     * @param kind header {@code kind}
     * @param version header {@code ver}, 24 bytes
     * @param value null: the key is cleared
     */
    void write(Topic topic, String kind, byte[] version, byte[] key, byte[] value);
}
