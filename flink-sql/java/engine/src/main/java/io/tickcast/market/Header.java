package io.tickcast.market;

/** The envelope that every product message begins with. */
public final class Header {
    private static final byte[] BEGIN = Buffer.ascii("{\"sv\":1,\"s\":\"");
    private static final byte[] SRC = Buffer.ascii("\",\"src\":\"");
    private static final byte[] SIM = Buffer.ascii(",\"sim\":true");
    private static final byte[] EPOCH = Buffer.ascii(",\"epoch\":");
    private static final byte[] SEQ = Buffer.ascii(",\"seq\":");
    private static final byte[] TS = Buffer.ascii(",\"ts\":");
    private static final byte[] TSC = Buffer.ascii(",\"tsc\":");
    private static final byte[] Q = Buffer.ascii(",\"q\":\"");

    private final byte[] contract;
    private String source = "";
    private byte[] sourceBytes = {};
    public boolean simulated;

    public Header(String contract) {
        this.contract = Buffer.ascii(contract);
    }

    /** The source, one letter per byte. */
    public String source() {
        return source;
    }

    public void source(String s) {
        if (!s.equals(source)) {
            source = s;
            sourceBytes = Buffer.ascii(s);
        }
    }

    /** Appends the envelope without its closing brace, from {@code {"sv":1} to the quality. A compute time of 0 is not printed. */
    public Buffer appendJson(Buffer w, long epoch, long seq, long eventMs, long computeMs, Quality q) {
        w.bytes(BEGIN).bytes(contract).bytes(SRC).bytes(sourceBytes).one('"');
        if (simulated) {
            w.bytes(SIM);
        }
        w.bytes(EPOCH).integer(epoch).bytes(SEQ).integer(seq).bytes(TS).integer(eventMs);
        if (computeMs != 0) {
            w.bytes(TSC).integer(computeMs);
        }
        return w.bytes(Q).bytes(q.ascii()).one('"');
    }
}
