package io.tickcast.engine.candle;

import static io.tickcast.engine.candle.State.*;

import io.tickcast.engine.Output;
import io.tickcast.engine.Topic;
import io.tickcast.engine.Version;
import io.tickcast.market.Buffer;
import io.tickcast.market.Header;
import io.tickcast.market.Period;

/** Writes versions of candles. */
final class Publisher {
    private static final String KIND = "candle";

    private final State m;
    final Header header;
    final Buffer buffer = new Buffer();
    private final byte[][] keys = new byte[END][]; // of push.candles and push.closed
    private final byte[] contract; // key of market.late and push.tickers
    private final Buffer key = new Buffer();
    private final Bar scratch = new Bar();
    private Output out;

    Publisher(State m, String contract) {
        this.m = m;
        this.contract = Buffer.ascii(contract);
        this.header = new Header(contract);
        for (int p = 0; p < END; p++) {
            keys[p] = Buffer.ascii(contract + "/" + Period.of(p));
        }
    }

    void to(Output o) {
        out = o;
    }

    private byte[] encode(Bar b) {
        header.appendJson(buffer.clear(), m.fence.epoch(), b.seq, b.eventMs, m.in.computeMs, b.quality);
        b.appendJson(buffer, m.priceScale, m.qtyScale);
        return buffer.copy();
    }

    private void write(Topic topic, Bar b, byte[] k, byte[] value) {
        out.write(topic, KIND, Version.of(m.fence.epoch(), b.openMs, b.seq), k, value);
    }

    private byte[] ledgerKey(Bar b) {
        return key.clear().bytes(keys[b.period.ordinal()]).one('/').integer(b.openMs).copy();
    }

    private boolean shown(Bar b) {
        return (m.mask & 1 << b.period.ordinal()) != 0 && !b.has(Bar.PARTIAL);
    }

    /** Writes a closed candle, or its revision, to the ledger and to the clients. */
    void writeClosed(Bar b) {
        if (!shown(b)) {
            return;
        }
        byte[] value = encode(b);
        boolean old = b.period == Period.S1 && b.openMs < m.advancing - KEPT_MS;
        if (m.live && !m.seeding && !old) {
            write(Topic.CLOSED, b, keys[b.period.ordinal()], value);
        }
        write(Topic.LEDGER, b, ledgerKey(b), value);
    }

    /** Writes a closed candle to the clients again. */
    void publishClosed(Bar b) {
        if (b != null && m.live && shown(b)) {
            write(Topic.CLOSED, b, keys[b.period.ordinal()], encode(b));
        }
    }

    /** Writes those of the given open candles that have changed. */
    void publishOpen(int which) {
        which &= m.dirty & m.mask;
        if (!m.live || !m.running()) {
            return;
        }
        m.dirty &= ~which;
        for (int p = P1S; which != 0; p++, which >>= 1) {
            if ((which & 1) != 0) {
                m.whole(p, scratch);
                write(Topic.CANDLES, scratch, keys[p], encode(scratch));
            }
        }
    }

    /** Writes the newest closed and the open candle of the given periods, whatever was published before. */
    void publish(int which) {
        for (int p = P1S; p < END; p++) {
            if ((which & 1 << p) != 0) {
                publishClosed(m.closed[p].newestWhole());
            }
        }
        m.dirty |= which;
        publishOpen(which);
    }

    /** Takes what was retained of periods from the clients; with the version of the open candle's time, no older one comes back after it. */
    void clear(int which, long seq) {
        for (int p = P1S; p < END; p++) {
            if ((which & 1 << p) != 0) {
                byte[] ver = Version.of(m.fence.epoch(), m.open[p].openMs, seq);
                out.write(Topic.CANDLES, KIND, ver, keys[p], null);
                out.write(Topic.CLOSED, KIND, ver, keys[p], null);
            }
        }
    }

    /** Writes a version of the ticker; no value clears it. */
    void writeTicker(long seq, byte[] value) {
        out.write(Topic.TICKERS, "ticker", Version.of(m.fence.epoch(), 0, seq), contract, value);
    }

    /** Takes what was retained of a delisted contract from the clients. */
    void clearAll() {
        clear(ALL_PERIODS, m.delistedSeq);
        writeTicker(m.delistedSeq, null);
    }

    /** Passes a record on that came too late. */
    void writeLate() {
        out.write(Topic.LATE, m.record().kind.toString(), Version.of(m.record().epoch, 0, m.record().seq), contract, m.in.value);
    }
}
