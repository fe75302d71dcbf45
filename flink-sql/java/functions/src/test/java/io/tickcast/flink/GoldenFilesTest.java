package io.tickcast.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.tickcast.flink.MemoryTables.Input;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.flink.core.execution.JobClient;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.extension.ExtendWith;

/** The golden files through Flink: the rendered SQL, planned and run, with the functions, their state in RocksDB and objects used again as in production. */
@ExtendWith(Cluster.Extension.class)
class GoldenFilesTest {
    @TestFactory
    Stream<DynamicTest> candlesAndTickers(Cluster cluster) {
        return check(cluster, "candles", GoldenFile.of("candles", "tickers"));
    }

    @TestFactory
    Stream<DynamicTest> books(Cluster cluster) {
        return check(cluster, "books", GoldenFile.of("books"));
    }

    /** A job has one start: files of the same start are one log. */
    private static Stream<DynamicTest> check(Cluster cluster, String job, List<GoldenFile> files) {
        Map<Long, List<GoldenFile>> byStart = new TreeMap<>();
        files.forEach(f -> byStart.computeIfAbsent(f.startMs, s -> new ArrayList<>()).add(f));
        return byStart.values().stream().flatMap(same -> {
            Written written = run(cluster, job, same);
            return same.stream().map(f -> DynamicTest.dynamicTest(f.toString(), () -> assertSame(f, written)));
        });
    }

    private static Written run(Cluster cluster, String job, List<GoldenFile> files) {
        String run = "golden-" + job + "-" + files.get(0).startMs;
        Written written = new Written(files);
        MemoryTables.begin(run, mixed(files, 1), written, Integer.MAX_VALUE);
        JobClient client = new Script(job).inMemory(run).onDisk(cluster.folder(run)).fromNothing().startMs(files.get(0).startMs).run(cluster.tables(2)).getJobClient().orElseThrow();
        try {
            client.getJobExecutionResult().get();
        } catch (Exception e) {
            throw new AssertionError(run, e);
        }
        return written;
    }

    /** One log of many contracts, in which each contract's records keep their order. */
    static List<Input> mixed(List<GoldenFile> files, long seed) {
        Random r = new Random(seed);
        List<Input> log = new ArrayList<>();
        List<List<Input>> left = new ArrayList<>();
        files.forEach(f -> left.add(new ArrayList<>(f.inputs)));
        int most = left.stream().mapToInt(List::size).max().orElseThrow();
        while (!left.isEmpty()) {
            List<Input> one = left.get(r.nextInt(left.size()));
            if (r.nextInt(most) < one.size()) { // long ones come more often, so that all end together
                log.add(one.remove(0));
            }
            left.removeIf(List::isEmpty);
        }
        return log;
    }

    static void assertSame(GoldenFile file, Written written) {
        Map<String, List<String>> got = written.of(file.contract);
        file.outputs.forEach((key, want) -> assertEquals(String.join("\n", want), String.join("\n", got.getOrDefault(key, List.of())), key));
        assertEquals(file.outputs.keySet(), got.keySet());
        List<String> refused = written.of("flink").getOrDefault("market.quarantine flink", List.of()).stream().filter(l -> l.contains("\"s\":\"" + file.contract + "\"") && l.contains("\"reason\":\"invalid\""))
                .map(l -> l.replaceFirst(".*\"detail\":\"(([^\"\\\\]|\\\\.)*)\".*", "$1").replace("\\\"", "\"").replace("\\\\", "\\")).toList();
        assertEquals(file.refused, refused);
    }
}
