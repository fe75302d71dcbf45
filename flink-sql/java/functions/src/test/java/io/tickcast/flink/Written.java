package io.tickcast.flink;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** What jobs wrote, by contract, then by topic and key, each in its order; in the form of golden files. */
final class Written {
    private static final Pattern TSC = Pattern.compile(",\"tsc\":\\d+");

    private final Map<String, Map<String, List<String>>> lines = new TreeMap<>();
    private final Map<String, GoldenFile> files = new HashMap<>();

    /** @param files tell which topics are of interest: days of the tickers' files have a hundred thousand candles of a second */
    Written(List<GoldenFile> files) {
        files.forEach(f -> this.files.put(f.contract, f));
    }

    synchronized void add(String topic, String key, byte[] value, Map<String, byte[]> headers) {
        String contract = key.indexOf('/') < 0 ? key : key.substring(0, key.indexOf('/'));
        GoldenFile file = files.get(contract);
        if (file != null && !file.shows(topic)) {
            return;
        }
        String text = value == null ? "" : new String(value, StandardCharsets.UTF_8);
        String version = "-";
        if (!headers.isEmpty()) {
            if (headers.size() != 2 || headers.get("kind").length == 0 || headers.get("ver").length != 24) {
                throw new IllegalArgumentException("headers " + headers.keySet());
            }
            ByteBuffer v = ByteBuffer.wrap(headers.get("ver"));
            version = v.getLong() + "." + v.getLong() + "." + v.getLong();
        }
        put(lines.computeIfAbsent(contract, c -> new TreeMap<>()), topic + " " + key, topic + " " + key + " " + version + " " + (topic.equals("market.late") ? text : TSC.matcher(text).replaceFirst("")));
    }

    static void put(Map<String, List<String>> lines, String key, String line) {
        lines.computeIfAbsent(key, k -> new ArrayList<>()).add(line);
    }

    /** A contract's lines by topic and key; those of quarantine are Flink's. */
    synchronized Map<String, List<String>> of(String contract) {
        return lines.getOrDefault(contract, Map.of());
    }

    /** All that something was written of. */
    synchronized Set<String> contracts() {
        return Set.copyOf(lines.keySet());
    }
}
