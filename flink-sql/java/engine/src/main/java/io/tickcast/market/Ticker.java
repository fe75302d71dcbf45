package io.tickcast.market;

import java.math.BigInteger;

/** What was traded in the last 24 hours. Prices are at the tick's scale, the volume at the step's, the quote volume at the sum of both. */
public final class Ticker {
    // Decimals of the weighted average and of the change in percent, whatever the contract's scales are.
    private static final int AVERAGE_SCALE = 8;
    private static final int PERCENT_SCALE = 3;

    public long openMs; // of the window
    public long closeMs;
    public long open; // without trades: 0, as are high and low, but close is the last price there was
    public long high;
    public long low;
    public long close;
    public final Int128 volume = new Int128();
    public final Int128 quoteVolume = new Int128();
    public long trades;
    public long firstId; // -1 without trades
    public long lastId;

    private static final byte[] O = Buffer.ascii(",\"o\":\"");
    private static final byte[] H = Buffer.ascii("\",\"h\":\"");
    private static final byte[] L = Buffer.ascii("\",\"l\":\"");
    private static final byte[] C = Buffer.ascii("\",\"c\":\"");
    private static final byte[] CHANGE = Buffer.ascii("\",\"p\":\"");
    private static final byte[] PERCENT = Buffer.ascii("\",\"P\":\"");
    private static final byte[] AVERAGE = Buffer.ascii("\",\"w\":\"");
    private static final byte[] V = Buffer.ascii("\",\"v\":\"");
    private static final byte[] QV = Buffer.ascii("\",\"qv\":\"");
    private static final byte[] N = Buffer.ascii("\",\"n\":");
    private static final byte[] F = Buffer.ascii(",\"f\":");
    private static final byte[] LAST = Buffer.ascii(",\"L\":");
    private static final byte[] OPEN_TIME = Buffer.ascii(",\"O\":");
    private static final byte[] CLOSE_TIME = Buffer.ascii(",\"C\":");

    /** Appends the ticker's fields behind an envelope, from {@code ,"o":} to the closing brace. */
    public void appendJson(Buffer w, int priceScale, int qtyScale) {
        w.bytes(O).decimal(open, priceScale).bytes(H).decimal(high, priceScale).bytes(L).decimal(low, priceScale).bytes(C).decimal(close, priceScale);
        w.bytes(CHANGE).decimal(change(), priceScale);
        appendPercent(w.bytes(PERCENT));
        appendAverage(w.bytes(AVERAGE), priceScale);
        w.bytes(V).decimal(volume, qtyScale).bytes(QV).decimal(quoteVolume, priceScale + qtyScale).bytes(N).integer(trades);
        w.bytes(F).integer(firstId).bytes(LAST).integer(lastId).bytes(OPEN_TIME).integer(openMs).bytes(CLOSE_TIME).integer(closeMs).one('}');
    }

    /** The change of the price, 0 without trades. */
    long change() {
        return open == 0 ? 0 : close - open;
    }

    /** Appends the change in percent of the open price, with 3 decimals, half away from zero. */
    void appendPercent(Buffer w) {
        long change = change();
        boolean minus = change < 0;
        if (minus) {
            change = -change;
        }
        if (change == 0) {
            w.decimal(0, PERCENT_SCALE);
            return;
        }
        long hi = Int128.unsignedHigh(change, 100 * 1000);
        long lo = change * (100 * 1000);
        if (Long.compareUnsigned(hi, open) >= 0) { // grown more than 2^64 times
            appendRatio(w, minus, BigInteger.valueOf(change).multiply(BigInteger.valueOf(100 * 1000)), BigInteger.valueOf(open), PERCENT_SCALE);
            return;
        }
        long q = Int128.divide(hi, lo, open);
        long r = lo - q * open;
        if (Long.compareUnsigned(r, open - r) >= 0) {
            q++;
        }
        if (minus && q != 0) {
            w.one('-');
        }
        w.decimal(new Int128(0, q), PERCENT_SCALE);
    }

    /** Appends quote volume by volume with 8 decimals, half up; 0 without volume. */
    void appendAverage(Buffer w, int priceScale) {
        long v = volume.lo;
        if (volume.sign() <= 0 || quoteVolume.sign() < 0) {
            w.decimal(0, AVERAGE_SCALE);
            return;
        }
        if (volume.hi != 0 || Long.compareUnsigned(quoteVolume.hi, v) >= 0 || priceScale > AVERAGE_SCALE) {
            BigInteger num = quoteVolume.big();
            BigInteger den = volume.big();
            BigInteger shift = BigInteger.TEN.pow(Math.abs(AVERAGE_SCALE - priceScale));
            if (priceScale <= AVERAGE_SCALE) {
                num = num.multiply(shift);
            } else {
                den = den.multiply(shift);
            }
            appendRatio(w, false, num, den, AVERAGE_SCALE);
            return;
        }
        // the integer part at the price's scale, then the digits that are missing
        long whole = Int128.divide(quoteVolume.hi, quoteVolume.lo, v);
        long rest = quoteVolume.lo - whole * v;
        long shift = Decimals.pow10(AVERAGE_SCALE - priceScale);
        long lo = rest * shift;
        long digits = Int128.divide(Int128.unsignedHigh(rest, shift), lo, v);
        rest = lo - digits * v;
        if (Long.compareUnsigned(rest, v - rest) >= 0) {
            digits++;
        }
        Int128 sum = new Int128(0, digits);
        sum.add(new Int128(Int128.unsignedHigh(whole, shift), whole * shift));
        w.decimal(sum, AVERAGE_SCALE);
    }

    /** Appends num/den, both not negative, half up, as an integer of unit 10^-scale. */
    private static void appendRatio(Buffer w, boolean minus, BigInteger num, BigInteger den, int scale) {
        BigInteger[] qr = num.divideAndRemainder(den);
        BigInteger q = qr[0];
        if (qr[1].shiftLeft(1).compareTo(den) >= 0) {
            q = q.add(BigInteger.ONE);
        }
        StringBuilder s = new StringBuilder(q.toString());
        while (s.length() <= scale) {
            s.insert(0, '0');
        }
        if (minus && q.signum() != 0) {
            w.one('-');
        }
        w.bytes(Buffer.ascii(s.insert(s.length() - scale, '.').toString()));
    }
}
