package io.tickcast.engine.candle;

import static io.tickcast.engine.candle.State.*;

import io.tickcast.engine.Chunks;
import io.tickcast.engine.Loader;
import io.tickcast.engine.Saver;
import io.tickcast.engine.candle.State.Phase;
import io.tickcast.market.Decimals;
import io.tickcast.market.Header;

/** Saves the state: what is small into the head, seeds, closed candles and trades in chunks, of which those that changed are written. */
final class StateCodec {
    /** Encoding of the machine's part of the head. */
    private static final int ENCODING = 1;

    private final State m;
    private final Header header;
    private Block savedBlock = Block.NONE;
    private int savedSeeds; // of savedBlock

    StateCodec(State m, Header header) {
        this.m = m;
        this.header = header;
    }

    void save(Saver w, Chunks chunks) {
        w.integer(ENCODING);
        m.fence.save(w);
        w.bool(m.fresh).bool(m.live).bool(header.simulated).bool(m.gapPending).text(header.source()).spec(m.spec);
        w.integer(m.phase.ordinal()).integer(m.priceScale).integer(m.qtyScale).integer(m.beginMs).integer(m.lastSeen).integer(m.tradeSeq).integer(m.tradeMs);
        w.quality(m.quality).integer(m.delistedSeq).integer(m.dirty);
        m.rolling.save(w);
        saveBlock(w, chunks);
        for (int p = 0; p < END; p++) {
            BarCodec.save(w, m.open[p]);
            m.closed[p].save(w, chunks);
        }
        m.kept.save(w, chunks);
    }

    private void saveBlock(Saver w, Chunks chunks) {
        m.block.save(w, chunks, m.block == savedBlock ? savedSeeds : 0);
        chunks.remove(Chunks.Space.SEEDS, 0, Block.chunksOf(m.block.size()), Block.chunksOf(savedSeeds));
        savedBlock = m.block;
        savedSeeds = m.block.size();
    }

    void load(Loader r, Chunks chunks) {
        long encoding = r.integer();
        Loader.check(encoding == ENCODING, "candles in encoding " + encoding + ", this program knows " + ENCODING);
        m.fence.load(r);
        m.fresh = r.bool();
        m.live = r.bool();
        header.simulated = r.bool();
        m.gapPending = r.bool();
        header.source(r.text());
        m.spec = r.spec();
        m.setMask();
        m.phase = Phase.values()[r.count(Phase.values().length - 1)];
        m.priceScale = r.count(Decimals.MAX_SCALE);
        m.qtyScale = r.count(Decimals.MAX_SCALE);
        m.beginMs = r.integer();
        m.lastSeen = r.integer();
        m.tradeSeq = r.integer();
        m.tradeMs = r.integer();
        m.quality = r.quality();
        m.delistedSeq = r.integer();
        m.dirty = r.count(ALL_PERIODS);
        m.rolling.load(r);
        m.block = savedBlock = Block.load(r, chunks);
        savedSeeds = m.block.size();
        for (int p = 0; p < END; p++) {
            BarCodec.load(r, m.open[p]);
            m.closed[p].load(r, chunks);
        }
        m.kept.load(r, chunks);
    }
}
