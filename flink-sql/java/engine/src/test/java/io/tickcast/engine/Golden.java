package io.tickcast.engine;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** Runs the golden files of flink-sql/testdata through engines. */
final class Golden {
    static final Path FOLDER = Path.of("../../testdata");

    private final Function<String, Machine> machines;
    private final Set<Topic> topics;

    /** @param topics the outputs that the files show */
    Golden(Function<String, Machine> machines, Set<Topic> topics) {
        this.machines = machines;
        this.topics = topics;
    }

    static List<Path> files(String folder) {
        try (Stream<Path> all = Files.list(FOLDER.resolve(folder))) {
            List<Path> files = all.sorted().toList();
            if (files.size() < 10) {
                throw new AssertionError("only " + files.size() + " golden files in " + folder);
            }
            return files;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static String contract(String record) {
        int from = record.indexOf("\"s\":\"") + 5;
        return record.substring(from, record.indexOf('"', from));
    }

    static byte[] bytes(String line) {
        return line.getBytes(StandardCharsets.UTF_8);
    }

    /** An output as a line. */
    static String line(Topic topic, byte[] version, byte[] key, byte[] value) {
        ByteBuffer v = ByteBuffer.wrap(version);
        return topic + " " + new String(key, StandardCharsets.UTF_8) + " " + v.getLong() + "." + v.getLong() + "." + v.getLong() + " "
                + (value == null ? "" : new String(value, StandardCharsets.UTF_8));
    }

    /** What happens after a record. */
    enum After {
        NOTHING,
        /** An engine is made anew from its store: by the journal, if that is not full. */
        RESTART,
        /** The same after the state was saved. */
        SAVE_AND_RESTART
    }

    /** Runs the inputs of a file and returns the whole file as it should be. */
    String transcript(String file, Supplier<After> after) {
        StringBuilder want = new StringBuilder();
        Map<String, Engine> engines = new HashMap<>();
        Map<String, MemoryStore> stores = new HashMap<>();
        Output out = (topic, kind, version, key, value) -> {
            if (topics.contains(topic)) {
                want.append(line(topic, version, key, value)).append('\n');
            }
        };
        long startMs = 0;
        long atMs = 0;
        for (String line : file.lines().toList()) {
            if (line.startsWith("{")) {
                want.append(line).append('\n');
                String contract = contract(line);
                MemoryStore store = stores.computeIfAbsent(contract, c -> new MemoryStore());
                long start = startMs;
                Engine e = engines.computeIfAbsent(contract, c -> new Engine(machines.apply(c), start, store));
                Verdict v = e.apply(bytes(line), atMs, 0, false, out);
                if (v == Verdict.INVALID || v == Verdict.UNREADABLE) {
                    want.append("# refused: ").append(e.reason()).append('\n');
                }
                After then = after.get();
                if (then == After.SAVE_AND_RESTART) {
                    e.save();
                }
                if (then != After.NOTHING) {
                    engines.remove(contract);
                }
                continue;
            }
            if (line.startsWith("# refused: ")) {
                continue;
            }
            if (line.startsWith("start ")) {
                startMs = Long.parseLong(line.substring(6));
            } else if (line.startsWith("at ")) {
                atMs = Long.parseLong(line.substring(3));
            } else if (!line.isEmpty() && line.charAt(0) != '#') {
                continue; // an output
            }
            want.append(line).append('\n');
        }
        return want.toString();
    }
}
