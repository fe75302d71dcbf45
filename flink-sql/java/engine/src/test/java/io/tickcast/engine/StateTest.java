package io.tickcast.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tickcast.engine.candle.CandleMachine;
import io.tickcast.engine.orderbook.BookMachine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StateTest {
    private static final Path FIXTURES = Path.of("src/test/resources/state");

    private static final Output NOWHERE = (topic, kind, version, key, value) -> {};

    private static Machine machine(String folder, String contract) {
        return folder.equals("books") ? new BookMachine(contract) : new CandleMachine(contract);
    }

    private static List<String> inputs(String folder, String file) throws IOException {
        return Files.readAllLines(Golden.FOLDER.resolve(folder).resolve(file + ".txt")).stream().filter(l -> l.startsWith("{")).toList();
    }

    private static List<String> outputs(Engine e, List<String> lines) {
        List<String> all = new ArrayList<>();
        for (String line : lines) {
            e.apply(Golden.bytes(line), 0, 0, false, (topic, kind, version, key, value) -> all.add(Golden.line(topic, version, key, value)));
        }
        return all;
    }

    /**
     * The state of half a golden file, as an earlier program wrote it, is read by this one, and goes on to the same outputs. A file's number is the encoding's: add one when an encoding is added, and
     * leave the others as they are. (With -Dtickcast.fixture a missing file is written.)
     */
    @ParameterizedTest
    @CsvSource({"candles,late-trade,1", "candles,roll-ups,1", "books,steps,1"})
    void readsWhatEarlierProgramsWrote(String folder, String file, int number) throws IOException {
        List<String> lines = inputs(folder, file);
        String contract = Golden.contract(lines.get(0));
        int half = lines.size() / 2;
        Engine whole = new Engine(machine(folder, contract), 0, new MemoryStore());
        outputs(whole, lines.subList(0, half));
        List<String> want = outputs(whole, lines.subList(half, lines.size()));

        Path fixture = FIXTURES.resolve(folder + "-" + file + "-" + number + ".txt");
        if (!Files.exists(fixture) && System.getProperty("tickcast.fixture") != null) {
            write(fixture, folder, contract, lines.subList(0, half));
        }
        MemoryStore store = new MemoryStore();
        for (String line : Files.readAllLines(fixture)) {
            String[] entry = line.split(" ");
            store.put(Long.parseUnsignedLong(entry[0], 16), HexFormat.of().parseHex(entry[1]));
        }
        Engine again = new Engine(machine(folder, contract), 0, store);
        assertEquals(want, outputs(again, lines.subList(half, lines.size())));
        assertFalse(want.isEmpty());
    }

    private static void write(Path fixture, String folder, String contract, List<String> lines) throws IOException {
        MemoryStore store = new MemoryStore();
        Engine e = new Engine(machine(folder, contract), 0, store);
        outputs(e, lines.subList(0, lines.size() - 2));
        e.save();
        outputs(e, lines.subList(lines.size() - 2, lines.size())); // these are in the journal
        Files.createDirectories(fixture.getParent());
        Files.write(fixture, store.entries().entrySet().stream().map(x -> Long.toHexString(x.getKey()) + " " + HexFormat.of().formatHex(x.getValue())).toList());
    }

    @Test
    void refusesANewerEncodingAndWhatIsBroken() {
        MemoryStore store = new MemoryStore();
        Engine e = new Engine(new CandleMachine("BTCUSDT"), 0, store);
        Market.log("BTCUSDT", 20, 100).forEach(line -> e.apply(line, 0, 0, false, NOWHERE));
        e.save();
        for (Map.Entry<Long, byte[]> entry : new TreeMap<>(store.entries()).entrySet()) {
            if (entry.getKey() >>> 56 == 2) { // the journal of before is not read
                continue;
            }
            byte[] good = entry.getValue();
            byte[] newer = good.clone();
            newer[0] = 4; // encoding 2
            for (byte[] bad : new byte[][] {newer, Arrays.copyOf(good, good.length - 1), Arrays.copyOf(good, good.length + 1), new byte[0], null}) {
                if (bad == null) {
                    store.remove(entry.getKey());
                } else {
                    store.put(entry.getKey(), bad);
                }
                boolean head = entry.getKey() >>> 56 == 1;
                if (!head || bad != null) { // without a head there is no state at all
                    assertThrows(IllegalStateException.class, () -> new Engine(new CandleMachine("BTCUSDT"), 0, store), Long.toHexString(entry.getKey()));
                }
            }
            store.put(entry.getKey(), good);
        }
        new Engine(new CandleMachine("BTCUSDT"), 0, store);
    }

    /** One record is one put, but for the few at which the state is saved; and what is kept is what the rules say. */
    @Test
    void oneRecordIsOnePut() {
        long[] puts = new long[1];
        MemoryStore memory = new MemoryStore();
        StateStore store = new StateStore() {
            @Override
            public byte[] get(long key) {
                return memory.get(key);
            }

            @Override
            public void put(long key, byte[] value) {
                puts[0]++;
                memory.put(key, value);
            }

            @Override
            public void remove(long key) {
                memory.remove(key);
            }
        };
        Engine e = new Engine(new CandleMachine("BTCUSDT"), 0, store);
        List<byte[]> log = Market.log("BTCUSDT", 20 * 60, 20);
        log.forEach(line -> e.apply(line, 0, 0, false, NOWHERE));
        assertTrue(puts[0] < 1.2 * log.size(), puts[0] + " puts for " + log.size() + " records");
        Map<Long, Long> spaces = memory.entries().keySet().stream().collect(Collectors.groupingBy(k -> k >>> 56, Collectors.counting()));
        assertEquals(256, spaces.get(2L), "journal");
        long trades = spaces.get(4L) * 256;
        assertTrue(trades >= 10 * 60 * 20 && trades <= 12 * 60 * 20, trades + " trades are kept");
        assertTrue(spaces.get(3L) <= 780 / 32 + 16, spaces.get(3L) + " chunks of closed candles");
        assertFalse(spaces.containsKey(5L), "seeds that were used are still there");
    }

    /** Another job on the same state writes every key at its first record, and before it the ledger only. */
    @Test
    void anotherJobWritesEveryKey() {
        MemoryStore store = new MemoryStore();
        List<byte[]> log = Market.log("BTCUSDT", 100, 10);
        Engine before = new Engine(new CandleMachine("BTCUSDT"), 0, store);
        log.subList(0, 900).forEach(line -> before.apply(line, 0, 0, false, NOWHERE));
        Engine job = new Engine(new CandleMachine("BTCUSDT"), 2, store);
        List<Topic> topics = new ArrayList<>();
        Output out = (topic, kind, version, key, value) -> topics.add(topic);
        log.subList(900, 1000).forEach(line -> job.apply(line, 1, 0, false, out));
        assertTrue(topics.stream().allMatch(t -> t == Topic.LEDGER), topics.toString());
        topics.clear();
        new Engine(new CandleMachine("BTCUSDT"), 2, store).apply(log.get(1000), 2, 0, false, out);
        assertEquals(16, topics.stream().filter(t -> t == Topic.CANDLES).count());
        assertEquals(1, topics.stream().filter(t -> t == Topic.TICKERS).count());
    }
}
