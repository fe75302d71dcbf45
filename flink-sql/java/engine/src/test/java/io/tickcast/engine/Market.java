package io.tickcast.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Writes the log of a simulated market, as ingest would: a block of one day and one minute, trades, and clock records before each second's first trade and 250 ms after a trade. */
final class Market {
    static final long BEGIN_MS = 1_723_118_400_000L; // 2024-08-08T12:00Z

    private static final int EPOCH_MS = 1000;

    private final List<byte[]> lines = new ArrayList<>();
    private final Random random = new Random(1);
    private final String contract;
    private long seq;
    private long trades = 3_735_683_259L;
    private long price = 6_183_763;
    private long clockMs = BEGIN_MS;

    private Market(String contract) {
        this.contract = contract;
    }

    /** The log of so many seconds with so many trades a second. */
    static List<byte[]> log(String contract, int seconds, int perSecond) {
        Market m = new Market(contract);
        m.add("contract", BEGIN_MS, "\"symbol\":\"X\",\"base\":\"X\",\"quote\":\"USDT\",\"tick\":\"0.01\",\"step\":\"0.000001\",\"periods\":[],\"seeds\":2,\"delisted\":false");
        m.seed("1d", BEGIN_MS / 86_400_000 * 86_400_000 - 86_400_000);
        m.seed("1m", BEGIN_MS - 60_000);
        for (long i = 0; i < (long) seconds * perSecond; i++) {
            m.trade(BEGIN_MS + i * 1000 / perSecond);
        }
        return m.lines;
    }

    private void add(String kind, long eventMs, String rest) {
        lines.add(Golden.bytes("{\"sv\":1,\"k\":\"" + kind + "\",\"s\":\"" + contract + "\",\"src\":\"binance\",\"w\":1,\"epoch\":" + EPOCH_MS + ",\"seq\":" + ++seq + ",\"ts\":" + eventMs + ",\"q\":\"ok\""
                + (rest.isEmpty() ? "" : ",") + rest + "}"));
    }

    private void seed(String period, long openMs) {
        add("seed", openMs, "\"i\":\"" + period + "\",\"t\":" + openMs + ",\"o\":\"61837.00\",\"h\":\"61838.00\",\"l\":\"61836.00\",\"c\":\"61837.63\",\"v\":\"2.000000\",\"qv\":\"123674.00000000\",\"n\":2,"
                + "\"bv\":\"1.000000\",\"bqv\":\"61837.00000000\",\"f\":1,\"L\":2");
    }

    private void trade(long nowMs) {
        for (; clockMs + 250 <= nowMs; clockMs += 250) {
            add("clock", clockMs + 250, "");
        }
        price += random.nextInt(101) - 50;
        trades++;
        add("trade", nowMs, "\"p\":\"" + price / 100 + "." + String.format("%02d", price % 100) + "\",\"qty\":\"" + random.nextInt(2) + "." + String.format("%06d", 1 + random.nextInt(999_999))
                + "\",\"m\":" + random.nextBoolean() + ",\"a\":" + trades + ",\"f\":" + trades + ",\"l\":" + trades);
    }
}
