package io.tickcast.market;

/** What was traded in one period. Prices are at the tick's scale, volumes at the step's, quote amounts at the sum of both. */
public class Candle {
    public Period period = Period.S1;
    public long openMs;
    public long open;
    public long high;
    public long low;
    public long close;
    public final Int128 volume = new Int128();
    public final Int128 quoteVolume = new Int128();
    public final Int128 buyVolume = new Int128(); // of takers that bought
    public final Int128 buyQuoteVolume = new Int128();
    public long trades;
    public long firstId; // -1 without trades
    public long lastId;
    public long firstMs; // times of the first and last trade, which order them; not printed
    public long lastMs;
    public int revision;
    public boolean closed;
    public boolean fill; // no trades: open = high = low = close = the close before

    public void set(Candle o) {
        period = o.period;
        openMs = o.openMs;
        open = o.open;
        high = o.high;
        low = o.low;
        close = o.close;
        volume.set(o.volume);
        quoteVolume.set(o.quoteVolume);
        buyVolume.set(o.buyVolume);
        buyQuoteVolume.set(o.buyQuoteVolume);
        trades = o.trades;
        firstId = o.firstId;
        lastId = o.lastId;
        firstMs = o.firstMs;
        lastMs = o.lastMs;
        revision = o.revision;
        closed = o.closed;
        fill = o.fill;
    }

    private static final byte[] I = Buffer.ascii(",\"i\":\"");
    private static final byte[] T = Buffer.ascii("\",\"t\":");
    private static final byte[] CLOSE_TIME = Buffer.ascii(",\"T\":");
    private static final byte[] O = Buffer.ascii(",\"o\":\"");
    private static final byte[] H = Buffer.ascii("\",\"h\":\"");
    private static final byte[] L = Buffer.ascii("\",\"l\":\"");
    private static final byte[] C = Buffer.ascii("\",\"c\":\"");
    private static final byte[] V = Buffer.ascii("\",\"v\":\"");
    private static final byte[] QV = Buffer.ascii("\",\"qv\":\"");
    private static final byte[] N = Buffer.ascii("\",\"n\":");
    private static final byte[] BV = Buffer.ascii(",\"bv\":\"");
    private static final byte[] BQV = Buffer.ascii("\",\"bqv\":\"");
    private static final byte[] F = Buffer.ascii("\",\"f\":");
    private static final byte[] LAST = Buffer.ascii(",\"L\":");
    private static final byte[] X = Buffer.ascii(",\"x\":");
    private static final byte[] REV = Buffer.ascii(",\"rev\":");
    private static final byte[] FILL = Buffer.ascii(",\"fill\":");

    /** Appends the candle's fields behind an envelope, from {@code ,"i":} to the closing brace. */
    public void appendJson(Buffer w, int priceScale, int qtyScale) {
        int quoteScale = priceScale + qtyScale;
        w.bytes(I).bytes(period.ascii()).bytes(T).integer(openMs).bytes(CLOSE_TIME).integer(period.nextMs(openMs) - 1);
        w.bytes(O).decimal(open, priceScale).bytes(H).decimal(high, priceScale).bytes(L).decimal(low, priceScale).bytes(C).decimal(close, priceScale);
        w.bytes(V).decimal(volume, qtyScale).bytes(QV).decimal(quoteVolume, quoteScale).bytes(N).integer(trades);
        w.bytes(BV).decimal(buyVolume, qtyScale).bytes(BQV).decimal(buyQuoteVolume, quoteScale);
        w.bytes(F).integer(firstId).bytes(LAST).integer(lastId);
        w.bytes(X).bool(closed).bytes(REV).integer(revision).bytes(FILL).bool(fill).one('}');
    }
}
