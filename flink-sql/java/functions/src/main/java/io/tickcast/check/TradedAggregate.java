package io.tickcast.check;

import java.math.BigDecimal;
import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.annotation.FunctionHint;
import org.apache.flink.table.functions.AggregateFunction;
import org.apache.flink.types.Row;

/**
 * What was traded in one window, of trades in any order: the first and the last one are those of the least and the greatest (time, id). Decimals are exact, and sums are given as text, since a product of two
 * DECIMALs, and a sum of such, may need more than SQL's 38 digits.
 */
@FunctionHint(output = @DataTypeHint("ROW<o STRING, h STRING, l STRING, c STRING, v STRING, qv STRING, n BIGINT, bv STRING, bqv STRING, f BIGINT, `L` BIGINT>"))
public final class TradedAggregate extends AggregateFunction<Row, TradedAggregate.Sums> {
    private static final String DECIMAL = "DECIMAL(38, 12)";

    /** What is known of a window so far. */
    public static final class Sums {
        public long trades;
        public long firstMs;
        public long firstId;
        public long lastMs;
        public long lastId;
        public @DataTypeHint(DECIMAL) BigDecimal open;
        public @DataTypeHint(DECIMAL) BigDecimal high;
        public @DataTypeHint(DECIMAL) BigDecimal low;
        public @DataTypeHint(DECIMAL) BigDecimal close;
        public String volume = "0";
        public String quoteVolume = "0";
        public String buyVolume = "0";
        public String buyQuoteVolume = "0";
    }

    @Override
    public Sums createAccumulator() {
        return new Sums();
    }

    /**
     * Adds an aggregate trade.
     *
     * @param timeMs its time
     * @param firstId the first of the single trades that it covers
     * @param lastId the last one
     * @param buyerMaker the taker sold
     */
    public void accumulate(Sums s, Long timeMs, Long firstId, Long lastId, @DataTypeHint(DECIMAL) BigDecimal price, @DataTypeHint(DECIMAL) BigDecimal qty, Boolean buyerMaker) {
        BigDecimal quote = price.multiply(qty);
        boolean buy = !buyerMaker;
        Sums one = new Sums();
        one.trades = lastId - firstId + 1;
        one.firstMs = one.lastMs = timeMs;
        one.firstId = firstId;
        one.lastId = lastId;
        one.open = one.high = one.low = one.close = price;
        one.volume = qty.toPlainString();
        one.quoteVolume = quote.toPlainString();
        one.buyVolume = buy ? one.volume : "0";
        one.buyQuoteVolume = buy ? one.quoteVolume : "0";
        add(s, one);
    }

    /** Flink's name for it: batch jobs add up in parts. */
    public void merge(Sums s, Iterable<Sums> others) {
        others.forEach(o -> add(s, o));
    }

    private static void add(Sums s, Sums o) {
        if (o.trades == 0) {
            return;
        }
        boolean none = s.trades == 0;
        if (none || o.firstMs < s.firstMs || o.firstMs == s.firstMs && o.firstId < s.firstId) {
            s.firstMs = o.firstMs;
            s.firstId = o.firstId;
            s.open = o.open;
        }
        if (none || o.lastMs > s.lastMs || o.lastMs == s.lastMs && o.lastId > s.lastId) {
            s.lastMs = o.lastMs;
            s.lastId = o.lastId;
            s.close = o.close;
        }
        s.high = none ? o.high : s.high.max(o.high);
        s.low = none ? o.low : s.low.min(o.low);
        s.trades += o.trades;
        s.volume = sum(s.volume, o.volume);
        s.quoteVolume = sum(s.quoteVolume, o.quoteVolume);
        s.buyVolume = sum(s.buyVolume, o.buyVolume);
        s.buyQuoteVolume = sum(s.buyQuoteVolume, o.buyQuoteVolume);
    }

    private static String sum(String a, String b) {
        return new BigDecimal(a).add(new BigDecimal(b)).toPlainString();
    }

    @Override
    public Row getValue(Sums s) {
        return s.trades == 0 ? null : Row.of(s.open.toPlainString(), s.high.toPlainString(), s.low.toPlainString(), s.close.toPlainString(), s.volume, s.quoteVolume, s.trades, s.buyVolume, s.buyQuoteVolume,
                s.firstId, s.lastId);
    }
}
