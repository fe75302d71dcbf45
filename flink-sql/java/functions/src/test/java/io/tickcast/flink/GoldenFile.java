package io.tickcast.flink;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** One golden file of flink-sql/testdata, whose contract has got a name of its own, so that all files can be one log. */
final class GoldenFile {
    private static final Path FOLDER = Path.of("../../testdata");

    /**
     * Added to Kafka's times and the job's start: files have past ones, and the function leaves in-progress versions of old records out, by the wall clock. It is a time far ahead (2^42 ms is in the year 2109)
     * that keeps their order.
     */
    private static final long AHEAD_MS = 1L << 42;

    final Path path;
    final String folder;
    final String contract;
    final long startMs;
    final List<MemoryTables.Input> inputs = new ArrayList<>();
    /** By topic and key, those alone that the file's folder shows. */
    final Map<String, List<String>> outputs = new TreeMap<>();
    /** Why records are refused. */
    final List<String> refused = new ArrayList<>();

    private GoldenFile(String folder, Path path, int number) {
        this.folder = folder;
        this.path = path;
        contract = (folder + "." + path.getFileName().toString().replace(".txt", "")).toUpperCase(Locale.ROOT);
        long start = 0;
        long at = 0;
        for (String line : read(path)) {
            String renamed = line.replace("\"s\":\"BTCUSDT\"", "\"s\":\"" + contract + "\"");
            if (line.startsWith("{")) {
                if (renamed.equals(line)) {
                    throw new AssertionError(path + " has another contract: " + line);
                }
                inputs.add(new MemoryTables.Input(contract, MemoryTables.bytes(renamed), AHEAD_MS + at, number % 8, inputs.size()));
            } else if (line.startsWith("start ")) {
                start = Long.parseLong(line.substring(6));
            } else if (line.startsWith("at ")) {
                at = Long.parseLong(line.substring(3));
            } else if (line.startsWith("# refused: ")) {
                refused.add(line.substring(11));
            } else if (!line.isEmpty() && line.charAt(0) != '#') {
                String[] parts = renamed.split(" ", 4);
                String key = parts[1].replace("BTCUSDT", contract);
                Written.put(outputs, parts[0] + " " + key, parts[0] + " " + key + " " + parts[2] + " " + parts[3]);
            }
        }
        startMs = AHEAD_MS + start;
    }

    private static List<String> read(Path path) {
        try {
            return Files.readAllLines(path);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The files of some folders. */
    static List<GoldenFile> of(String... folders) {
        List<GoldenFile> all = new ArrayList<>();
        for (String folder : folders) {
            try (Stream<Path> paths = Files.list(FOLDER.resolve(folder))) {
                List<Path> files = paths.sorted().toList();
                if (files.size() < 10) {
                    throw new AssertionError("only " + files.size() + " golden files in " + folder);
                }
                for (int i = 0; i < files.size(); i++) {
                    all.add(new GoldenFile(folder, files.get(i), i));
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return all;
    }

    /** Whether the file shows a topic. */
    boolean shows(String topic) {
        return folder.equals("books") || folder.equals("tickers") == topic.equals("push.tickers");
    }

    @Override
    public String toString() {
        return folder + "/" + path.getFileName();
    }
}
