package io.tickcast.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.tickcast.engine.Golden.After;
import io.tickcast.engine.candle.CandleMachine;
import io.tickcast.engine.orderbook.BookMachine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class GoldenFilesTest {
    static Stream<Arguments> files() {
        return Stream.of(
                        Arguments.of("candles", new Golden(CandleMachine::new, EnumSet.of(Topic.CANDLES, Topic.CLOSED, Topic.LEDGER, Topic.LATE))),
                        Arguments.of("tickers", new Golden(CandleMachine::new, EnumSet.of(Topic.TICKERS))),
                        Arguments.of("books", new Golden(BookMachine::new, EnumSet.of(Topic.BBO, Topic.BOOKS))))
                .flatMap(set -> Golden.files((String) set.get()[0]).stream().map(f -> Arguments.of(f, set.get()[1])));
    }

    @ParameterizedTest
    @MethodSource("files")
    void givesTheFilesBytes(Path file, Golden golden) throws IOException {
        check(file, golden, () -> After.NOTHING);
    }

    @ParameterizedTest
    @MethodSource("files")
    void givesThemWithARestartAtEveryRecord(Path file, Golden golden) throws IOException {
        check(file, golden, () -> After.RESTART);
        check(file, golden, () -> After.SAVE_AND_RESTART);
    }

    @ParameterizedTest
    @MethodSource("files")
    void givesThemWithRestartsAnywhere(Path file, Golden golden) throws IOException {
        for (int seed = 0; seed < 5; seed++) {
            Random r = new Random(seed);
            check(file, golden, () -> r.nextInt(10) > 0 ? After.NOTHING : After.values()[r.nextInt(3)]);
        }
    }

    private static void check(Path file, Golden golden, Supplier<After> after) throws IOException {
        String want = Files.readString(file);
        List<String> w = want.lines().toList();
        List<String> g = golden.transcript(want, after).lines().toList();
        for (int i = 0; i < Math.max(w.size(), g.size()); i++) {
            assertEquals(i < w.size() ? w.get(i) : "(end)", i < g.size() ? g.get(i) : "(end)", file + ", line " + (i + 1));
        }
    }
}
