package io.tickcast.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.tickcast.flink.MemoryTables.Input;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Records that cannot be used go to quarantine with their place, and stop nothing. */
@ExtendWith(Cluster.Extension.class)
class QuarantineTest {
    /** Go's tests read it as they read what ingest writes. With -Dtickcast.update it is written. */
    private static final Path FILE = Path.of("../../testdata/quarantine.txt");

    @Test
    void keepsWhatCannotBeUsed(Cluster cluster) throws Exception {
        GoldenFile good = GoldenFile.of("candles").stream().filter(f -> f.path.endsWith("simple-minute.txt")).findFirst().orElseThrow();
        String trade = new String(good.inputs.get(good.inputs.size() / 2).value(), java.nio.charset.StandardCharsets.UTF_8);
        long at = good.startMs;
        byte[] big = new byte[70_000];
        java.util.Arrays.fill(big, (byte) 'x');
        List<Input> poison = List.of(
                new Input(good.contract, null, at, 3, 1), // no value
                new Input(good.contract, new byte[0], at, 3, 2),
                new Input(good.contract, MemoryTables.bytes("{\"sv\":1,"), at, 3, 3), // cut off
                new Input(good.contract, new byte[] {(byte) 0xff, 0, (byte) 0xfe}, at, 3, 4), // no text
                new Input(good.contract, MemoryTables.bytes("\"quotes\" \\ <tags> \u20ac \ud83d\ude00"), at, 3, 5),
                new Input(good.contract, MemoryTables.bytes(trade.replace("\"s\":\"" + good.contract + "\"", "\"s\":\"OTHER\"")), at, 3, 6), // another contract's
                new Input(good.contract, MemoryTables.bytes(trade.replace("\"sv\":1", "\"sv\":2")), at, 3, 7), // a later schema
                new Input(good.contract, big, at, 3, 8),
                new Input(null, MemoryTables.bytes(trade), at, 3, 9), // no key
                new Input(null, null, at, 3, 10),
                new Input("", MemoryTables.bytes("{}"), at, 3, 11),
                new Input("NEW\"\u20ac", MemoryTables.bytes("junk"), at, 3, 12)); // a contract that nobody knows
        List<Input> log = new ArrayList<>(good.inputs);
        int step = log.size() / poison.size();
        for (int i = poison.size() - 1; i >= 0; i--) {
            log.add(i * step, poison.get(i));
        }
        Written written = new Written(List.of(good));
        MemoryTables.begin("quarantine", log, written, Integer.MAX_VALUE);
        new Script("candles").inMemory("quarantine").onDisk(cluster.folder("quarantine")).fromNothing().startMs(at).run(cluster.tables(2)).getJobClient().orElseThrow().getJobExecutionResult().get();

        List<String> kept = written.of("flink").get("market.quarantine flink").stream().map(l -> l.substring("market.quarantine flink - ".length())).sorted(java.util.Comparator.comparing(QuarantineTest::offset))
                .map(l -> l.replaceFirst("(?<!x)x{65536}(?!x)", "x")).toList(); // what is too long is cut there
        GoldenFilesTest.assertSame(good, written);
        assertEquals(Set.of(good.contract, "flink"), written.contracts());
        if (System.getProperty("tickcast.update") != null) {
            Files.write(FILE, kept);
        }
        assertEquals(String.join("\n", Files.readAllLines(FILE)), String.join("\n", kept));
    }

    private static int offset(String line) {
        return Integer.parseInt(line.replaceFirst(".*market.trades partition 3 offset (\\d+)\".*", "$1"));
    }
}
