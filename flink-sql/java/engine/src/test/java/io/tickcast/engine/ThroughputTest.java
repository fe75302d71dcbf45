package io.tickcast.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.tickcast.engine.candle.CandleMachine;
import java.lang.management.ManagementFactory;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Says what one core does, from a record's bytes to encoded outputs, state and journal included. It fails for no figure: machines differ. */
class ThroughputTest {
    @Test
    void candlesOfSimulatedTrades() {
        List<byte[]> log = Market.log("BTCUSDT", 40, 1000);
        long[] outputs = new long[1];
        for (int round = 0; round < 4; round++) { // the first ones warm up
            outputs[0] = 0;
            MemoryStore store = new MemoryStore();
            Engine e = new Engine(new CandleMachine("BTCUSDT"), 0, store);
            long from = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
            for (byte[] line : log) {
                assertEquals(Verdict.APPLIED, e.apply(line, 1, 1, false, (topic, kind, version, key, value) -> outputs[0]++));
            }
            double seconds = (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - from) / 1e9;
            if (round == 3) {
                System.out.printf("candles: %,.0f records/s on one core, %.1f outputs each%n", log.size() / seconds, outputs[0] / (double) log.size());
            }
        }
    }
}
