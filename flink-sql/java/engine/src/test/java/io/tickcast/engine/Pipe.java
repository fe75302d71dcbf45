package io.tickcast.engine;

import io.tickcast.engine.candle.CandleMachine;
import io.tickcast.engine.orderbook.BookMachine;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * Runs engines for another program, over standard input and output: what Go's tests compare compute with (compute/core/coretest). Integers are big endian, bytes follow their number, -1 is null.
 *
 * <pre>
 * N product startMs contract     a new engine, without state; product c (candles) or b (books)
 * S startMs                      an engine made anew from the state of the last one
 * R appendMs computeMs thin value  a record; the answer is: for each output 1 topic kind version key value, then 0 verdict reason
 * </pre>
 */
public final class Pipe {
    private final DataInputStream in = new DataInputStream(new BufferedInputStream(System.in, 1 << 16));
    private final DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out, 1 << 16));

    private MemoryStore store;
    private boolean books;
    private String contract;
    private Engine engine;

    public static void main(String[] args) throws IOException {
        new Pipe().run();
    }

    private void run() throws IOException {
        for (int command; (command = in.read()) >= 0; ) {
            switch (command) {
                case 'N' -> {
                    books = in.readByte() == 'b';
                    long startMs = in.readLong();
                    contract = new String(in.readNBytes(in.readInt()), StandardCharsets.ISO_8859_1);
                    store = new MemoryStore();
                    engine = engine(startMs);
                }
                case 'S' -> engine = engine(in.readLong());
                case 'R' -> record();
                default -> throw new IOException("command " + command);
            }
            if (in.available() == 0) {
                out.flush();
            }
        }
        out.flush();
    }

    private Engine engine(long startMs) {
        return new Engine(books ? new BookMachine(contract) : new CandleMachine(contract), startMs, store);
    }

    private void record() throws IOException {
        long appendMs = in.readLong();
        long computeMs = in.readLong();
        boolean thin = in.readBoolean();
        byte[] value = in.readNBytes(in.readInt());
        Verdict v = engine.apply(value, appendMs, computeMs, thin, (topic, kind, version, key, output) -> {
            try {
                out.write(1);
                bytes(ascii(topic.toString()));
                bytes(ascii(kind));
                bytes(version);
                bytes(key);
                bytes(output);
            } catch (IOException e) {
                throw new java.io.UncheckedIOException(e);
            }
        });
        out.write(0);
        out.write(v.ordinal());
        bytes(engine.reason() == null ? null : engine.reason().getBytes(StandardCharsets.UTF_8));
    }

    private static byte[] ascii(String s) {
        return s.getBytes(StandardCharsets.ISO_8859_1);
    }

    private void bytes(byte[] b) throws IOException {
        if (b == null) {
            out.writeInt(-1);
            return;
        }
        out.writeInt(b.length);
        out.write(b);
    }
}
