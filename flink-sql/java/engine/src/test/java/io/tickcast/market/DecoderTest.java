package io.tickcast.market;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The cases of Go's tests of package market: what is refused there is refused here, for the same reason. */
class DecoderTest {
    private static final String TRADE = "{\"sv\":1,\"k\":\"trade\",\"s\":\"BTC-PERP\",\"src\":\"binance\",\"sim\":true,\"w\":7,\"epoch\":1763900000000,\"seq\":12,\"ts\":1577977823305,\"q\":\"ok\","
            + "\"p\":\"7139.89\",\"qty\":\"0.067023\",\"m\":true,\"a\":202790190,\"f\":222825297,\"l\":222825298}";
    private static final String HEAD = "{\"sv\":1,\"k\":\"KIND\",\"s\":\"BTCUSDT\",\"src\":\"binance\",\"w\":1,\"epoch\":1,\"seq\":1,\"ts\":1,\"q\":\"ok\",";

    private final RecordDecoder decoder = new RecordDecoder();
    private final Record r = new Record();

    private Record decode(String line) throws Refused {
        decoder.decode(line.getBytes(StandardCharsets.UTF_8), r);
        return r;
    }

    private void refuses(String line, String why) {
        Refused e = assertThrows(Refused.class, () -> decode(line), line);
        assertTrue(e.getMessage().contains(why), line + ": " + e.getMessage() + ", want " + why);
    }

    @Test
    void readsATrade() throws Refused {
        decode(TRADE);
        assertEquals(Kind.TRADE, r.kind);
        assertEquals("BTC-PERP", r.contract);
        assertEquals("binance", r.source);
        assertTrue(r.simulated);
        assertEquals(List.of(7L, 1763900000000L, 12L, 1577977823305L), List.of(r.writer, r.epoch, r.seq, r.eventMs));
        assertEquals(List.of(713989L, 67023L, 2L, 6L), List.of(r.price, r.qty, (long) r.priceScale, (long) r.qtyScale));
        assertEquals(List.of(202790190L, 222825297L, 222825298L), List.of(r.aggId, r.firstId, r.lastId));
        assertTrue(r.buyerMaker);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "\"sv\":1 | \"sv\":2 | schema version 2",
        "\"7139.89\" | \"0.00\" | impossible",
        "\"7139.89\" | \"1e5\" | field \"p\": not a plain decimal",
        "\"7139.89\" | \"\" | not a plain decimal",
        "\"7139.89\" | \".5\" | not a plain decimal",
        "\"7139.89\" | \"5.\" | not a plain decimal",
        "\"7139.89\" | \"-1\" | not a plain decimal",
        "\"7139.89\" | \"1.2.3\" | not a plain decimal",
        "\"7139.89\" | \"99999999999999999999\" | too large",
        "\"7139.89\" | \"9999999999999999999999999999999999999999999\" | not a plain decimal",
        "\"7139.89\" | \"1.0000000000000\" | more than 12 decimals",
        "\"7139.89\" | 7139.89 | field \"p\"",
        "\"k\":\"trade\" | \"k\":\"tirade\" | unknown kind",
        ",\"w\":7 | `` | envelope is incomplete",
        ",\"a\":202790190 | `` | a field is missing",
        "\"seq\":12 | \"seq\":1.5 | field \"seq\"",
        "\"seq\":12 | \"seq\":-12 | negative",
        "\"seq\":12 | \"seq\":99999999999999999999 | too large",
        "BTC-PERP | BTC/PERP | contract id",
        "BTC-PERP | .BTC | contract id",
        "} | `` | ends too early",
        "\"q\":\"ok\" | \"q\":\"fine\" | unknown quality",
        "\"m\":true | \"m\":1 | want true or false",
        "binance | bin\\nance | escape or control character",
        "\"l\":222825298 | \"l\":222825296 | ids are impossible",
    })
    void refusesABrokenTradeWithThePlace(String old, String with, String why) {
        refuses(TRADE.replace(old, with), why);
    }

    @Test
    void passesOverWhatItDoesNotKnow() throws Refused {
        decode(TRADE.replace("\"p\":", "\"later\":{\"a\":[1,\"}\\\"\"]} , \"somethinglong\":null,\"p\" : "));
        assertEquals(713989, r.price);
    }

    @Test
    void refusesImpossibleBooks() {
        String[][] cases = {
            {"snapshot", "\"u0\":1,\"u\":1,\"bids\":[[\"2.0\",\"1\"]],\"asks\":[[\"2.0\",\"1\"]]}", "crossed"},
            {"snapshot", "\"u0\":1,\"u\":1,\"bids\":[[\"2.0\",\"1\"],[\"2.1\",\"1\"]],\"asks\":[]}", "bids are not in order"},
            {"snapshot", "\"u0\":1,\"u\":1,\"bids\":[],\"asks\":[[\"2.0\",\"1\"],[\"2.0\",\"1\"]]}", "asks are not in order"},
            {"snapshot", "\"u0\":1,\"u\":1,\"bids\":[[\"2.0\",\"0\"]],\"asks\":[]}", "impossible"},
            {"diff", "\"u0\":3,\"u\":2,\"bids\":[],\"asks\":[]}", "update ids"},
            {"diff", "\"u0\":1,\"u\":2,\"bids\":[[\"0\",\"1\"]],\"asks\":[]}", "impossible"},
            {"diff", "\"u0\":1,\"u\":2,\"bids\":[[\"1.0\",\"1\"],[\"1.00\",\"1\"]],\"asks\":[]}", "decimals"},
            {"diff", "\"u0\":1,\"u\":2,\"bids\":[[\"1.0\",\"1\"]", "ends too early"},
            {"diff", "\"u0\":1,\"u\":2,\"bids\":[[\"1.0\"]],\"asks\":[]}", "want ','"},
            {"diff", "\"u0\":1,\"u\":2,\"bids\":[]}", "a field is missing"},
            {"diff", "\"u0\":1,\"u\":2,\"bids\":[" + "[\"1\",\"1\"],".repeat(Levels.MAX) + "[\"1\",\"1\"]],\"asks\":[]}", "more than 5000 levels"},
        };
        for (String[] c : cases) {
            refuses(HEAD.replace("KIND", c[0]) + c[1], c[2]);
        }
    }

    @Test
    void readsAContract() throws Refused {
        String rest = "\"symbol\":\"B\\\"T\\u0043\",\"base\":null,\"quote\":\"USDT\",\"tick\":\"0.50\",\"step\":\"0.000001\",\"periods\":[\"1s\",\"\\u0031M\"],\"books\":[\"0.5\",\"10\"],\"depth\":3,\"seeds\":4,"
                + "\"delisted\":false}";
        String line = HEAD.replace("KIND", "contract") + rest;
        decode(line);
        assertEquals(new Spec(new Unit(1, 5), new Unit(6, 1), List.of(Period.S1, Period.MONTH), List.of(new Unit(1, 5), new Unit(0, 10)), 3, 4, false), r.spec);
        refuses(line.replace("\"0.5\",", "null,"), "not a plain decimal");
        refuses(line.replace("\"0.50\"", "\"0.0\""), "above zero");
        refuses(line.replace("\"depth\":3", "\"depth\":5001"), "depth is impossible");
        refuses(line.replace("\"1s\",", "1,"), "want a text");
        refuses(line.replace("\"1s\",", "\"1x\","), "unknown period");
        refuses(line.replace("\"USDT\"", "{}"), "want a text");
    }

    @Test
    void readsASeed() throws Refused {
        String rest = "\"i\":\"1d\",\"t\":1577923200000,\"o\":\"0.01\",\"h\":\"0.09\",\"l\":\"0.01\",\"c\":\"0.02\",\"v\":\"4\",\"qv\":\"737869762948382064.68\",\"n\":3,\"bv\":\"1\",\"bqv\":\"0.02\",\"f\":11,\"L\":13}";
        String line = HEAD.replace("KIND", "seed") + rest;
        decode(line);
        assertEquals(new Int128(4, 4), r.seed.quoteVolume);
        assertEquals(List.of(1L, 9L, 1L, 2L, 3L, 11L, 13L), List.of(r.seed.open, r.seed.high, r.seed.low, r.seed.close, r.seed.trades, r.seed.firstId, r.seed.lastId));
        refuses(line.replace("1577923200000", "1577923200001"), "open time");
        refuses(line.replace("\"0.09\"", "\"0.010\""), "decimals");
        refuses(line.replace("\"bqv\":\"0.02\"", "\"bqv\":\"0.021\""), "more digits");
        refuses(line.replace("\"bqv\":\"0.02\"", "\"bqv\":\"" + "9".repeat(38) + "\""), "too large");
    }

    @Test
    void keepsASourcesBytes() throws Refused {
        byte[] line = TRADE.replace("binance", "bi\u00e9").getBytes(StandardCharsets.ISO_8859_1); // no UTF-8
        decoder.decode(line, r);
        assertArrayEquals("bi\u00e9".getBytes(StandardCharsets.ISO_8859_1), Buffer.ascii(r.source));
    }
}
