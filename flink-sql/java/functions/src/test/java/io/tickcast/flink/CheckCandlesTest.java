package io.tickcast.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * The independent check of the ledger over the logs of all golden files of candles: what it computes is a golden file too, which Go's tests of ledgercheck compare with the ledgers of those. With
 * -Dtickcast.update it is written.
 */
@ExtendWith(Cluster.Extension.class)
class CheckCandlesTest {
    private static final Path FILE = Path.of("../../testdata/check_candles.txt");

    @Test
    void computesClosedCandlesOfTheSameLogs(Cluster cluster) throws Exception {
        Path folder = cluster.folder("check");
        Files.createDirectories(folder);
        List<byte[]> log = new ArrayList<>();
        GoldenFilesTest.mixed(GoldenFile.of("candles"), 3).forEach(in -> log.add(in.value()));
        log.add(MemoryTables.bytes("this is no JSON"));
        Collections.shuffle(log, new java.util.Random(3)); // no order counts
        try (var out = Files.newOutputStream(folder.resolve("log.json"))) {
            for (byte[] line : log) {
                out.write(line);
                out.write('\n');
            }
        }
        new Script("check_candles").with("SET 'execution.runtime-mode' = 'batch';", "") // as the environment has it
                .with("'connector' = 'kafka',\\s*'topic' = 'market.trades'.*?(?='format')", "'connector' = 'filesystem', 'path' = '" + folder.resolve("log.json").toUri() + "', ")
                .with("'connector' = 'kafka',\\s*'topic' = 'check.candles'.*?(?=\\n\\);)", "'connector' = 'filesystem', 'path' = '" + folder.resolve("out").toUri() + "', 'format' = 'json'")
                .run(cluster.batch()).await();
        List<String> lines = new ArrayList<>();
        try (Stream<Path> files = Files.walk(folder.resolve("out"))) {
            for (Path p : files.filter(Files::isRegularFile).toList()) {
                lines.addAll(Files.readAllLines(p));
            }
        }
        Collections.sort(lines);
        if (System.getProperty("tickcast.update") != null) {
            Files.write(FILE, lines);
        }
        assertEquals(String.join("\n", Files.readAllLines(FILE)), String.join("\n", lines));
    }
}
