package io.tickcast.market;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Decimals, sums and periods against java.math and java.time. */
class NumbersTest {
    private static String text(Consumer<Buffer> write) {
        Buffer w = new Buffer();
        write.accept(w);
        return w.toString();
    }

    private static long skewed(Random r) {
        return r.nextLong() >> r.nextInt(64);
    }

    @Test
    void decimalsPrintAsBigDecimalsDo() throws Refused {
        Random r = new Random(1);
        for (int i = 0; i < 20_000; i++) {
            int scale = r.nextInt(25);
            Int128 v = new Int128((r.nextLong() & Long.MAX_VALUE) >> r.nextInt(64), r.nextLong() >>> r.nextInt(64));
            String want = new BigDecimal(v.big(), scale).toPlainString();
            assertEquals(want, text(w -> w.decimal(v, scale)));
            if (v.hi < 1L << 59) {
                byte[] b = want.getBytes(StandardCharsets.US_ASCII);
                Int128 back = new Int128();
                Decimals.parse(b, 0, b.length, scale, back);
                assertEquals(v, back);
            }
            long m = skewed(r);
            int small = r.nextInt(19);
            assertEquals(new BigDecimal(BigInteger.valueOf(m), small).toPlainString(), text(w -> w.decimal(m, small)));
        }
        assertEquals("-9223372036854775.808", text(w -> w.decimal(Long.MIN_VALUE, 3)));
    }

    @Test
    void sumsAreThoseOfBigIntegers() {
        Random r = new Random(2);
        for (int i = 0; i < 20_000; i++) {
            long x = skewed(r) & Long.MAX_VALUE;
            long y = skewed(r) & Long.MAX_VALUE;
            long z = skewed(r);
            long f = 1 + r.nextInt(1000);
            Int128 v = new Int128();
            v.setProduct(x, y);
            v.add(z);
            v.add(new Int128(0, x));
            assertEquals(BigInteger.valueOf(x).multiply(BigInteger.valueOf(y)).add(BigInteger.valueOf(z)).add(BigInteger.valueOf(x)), v.big());
            Int128 t = new Int128(0, y);
            t.times(f);
            assertEquals(BigInteger.valueOf(y).multiply(BigInteger.valueOf(f)), t.big());
        }
    }

    @Test
    void divisionIsThatOfBigIntegers() {
        Random r = new Random(3);
        for (int i = 0; i < 50_000; i++) {
            long d = skewed(r);
            if (d == 0) {
                continue;
            }
            long hi = Long.remainderUnsigned(r.nextLong(), d);
            long lo = r.nextLong();
            BigInteger n = Int128.unsigned(hi).shiftLeft(64).add(Int128.unsigned(lo));
            assertEquals(n.divide(Int128.unsigned(d)), Int128.unsigned(Int128.divide(hi, lo, d)));
        }
    }

    @ParameterizedTest
    @CsvSource({"200000,200001,0.001", "200000,199999,-0.001", "200001,200000,0.000", "200000,200003,0.002", "200000,199997,-0.002", "0,5,0.000", "5,5,0.000",
        "1,9000000000000000000,899999999999999999900.000", "3,1,-66.667"})
    void percentIsRoundedHalfAwayFromZero(long open, long close, String want) {
        Ticker t = new Ticker();
        t.open = open;
        t.close = close;
        assertEquals(want, text(t::appendPercent));
    }

    @Test
    void averageIsRoundedHalfUp() {
        Random r = new Random(4);
        for (int i = 0; i < 20_000; i++) {
            int scale = r.nextInt(Decimals.MAX_SCALE + 1);
            Ticker t = new Ticker();
            t.volume.set(r.nextInt(5) == 0 ? r.nextLong() >>> 24 : 0, 1 + (r.nextLong() >>> 1 + r.nextInt(60)));
            t.quoteVolume.set(r.nextLong() >>> 9 + r.nextInt(55), r.nextLong());
            if (r.nextInt(4) == 0) { // a quotient that ends in 5
                t.quoteVolume.setProduct(r.nextLong() >>> 24, 1 + r.nextInt(1_000_000));
                t.volume.set(0, 2 * Decimals.pow10(r.nextInt(10)));
            }
            BigDecimal want = new BigDecimal(t.quoteVolume.big(), scale).divide(new BigDecimal(t.volume.big()), 8, RoundingMode.HALF_UP);
            assertEquals(want.toPlainString(), text(w -> t.appendAverage(w, scale)));
        }
        assertEquals("0.00000000", text(w -> new Ticker().appendAverage(w, 2)));
    }

    @Test
    void monthsFollowTheCalendar() {
        Random r = new Random(5);
        for (int i = 0; i < 20_000; i++) {
            long ms = (r.nextLong() & Long.MAX_VALUE) % 253_402_300_800_000L;
            ZonedDateTime first = Instant.ofEpochMilli(ms).atZone(ZoneOffset.UTC).toLocalDate().withDayOfMonth(1).atStartOfDay(ZoneOffset.UTC);
            long open = Period.MONTH.openMs(ms);
            assertEquals(first.toInstant().toEpochMilli(), open);
            assertEquals(first.plusMonths(1).toInstant().toEpochMilli(), Period.MONTH.nextMs(open));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "1w,2020-01-02T15:11:07Z,2019-12-30T00:00:00Z,2020-01-06T00:00:00Z", "1w,2020-01-05T23:59:59Z,2019-12-30T00:00:00Z,2020-01-06T00:00:00Z",
        "3d,1970-01-03T23:00:00Z,1970-01-01T00:00:00Z,1970-01-04T00:00:00Z", "12h,2020-01-02T15:11:07Z,2020-01-02T12:00:00Z,2020-01-03T00:00:00Z",
        "1M,2020-02-29T15:11:07Z,2020-02-01T00:00:00Z,2020-03-01T00:00:00Z",
    })
    void periodsAreAligned(String period, String at, String open, String next) throws Refused {
        Period p = Period.parse(period);
        long o = p.openMs(Instant.parse(at).toEpochMilli());
        assertEquals(Instant.parse(open).toEpochMilli(), o);
        assertEquals(Instant.parse(next).toEpochMilli(), p.nextMs(o));
    }
}
