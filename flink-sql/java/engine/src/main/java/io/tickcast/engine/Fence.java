package io.tickcast.engine;

import io.tickcast.market.Kind;
import io.tickcast.market.Record;

/** Says which records of a contract's log count: those of its newest writer and epoch, each once. */
public final class Fence {
    private long epoch = -1; // -1 before the first record
    private long writer;
    private long seq;
    private long openedEpoch; // place of the last open record
    private long openedSeq;

    // About the record at hand.
    private boolean begins;
    private boolean whole;
    private boolean hole;

    public long epoch() {
        return epoch;
    }

    /** The record is the first of its epoch. */
    public boolean begins() {
        return begins;
    }

    /** With begins: every record of the epoch has been seen. */
    public boolean whole() {
        return whole;
    }

    /** Records before this one are missing. */
    public boolean hole() {
        return hole;
    }

    /** Decides about the next record. An open record counts but begins nothing: its writer need not know the epoch yet. */
    public Verdict take(Record r) {
        begins = whole = hole = false;
        if (r.writer < writer) {
            return Verdict.OLD_WRITER;
        }
        writer = r.writer;
        if (r.kind == Kind.OPEN) {
            openedEpoch = r.epoch;
            openedSeq = r.seq;
            if (r.epoch == epoch && r.seq > seq) {
                advance(r.seq);
            }
            return Verdict.APPLIED;
        }
        if (r.epoch < epoch) {
            return Verdict.OLD_EPOCH;
        }
        if (r.epoch > epoch) {
            epoch = r.epoch;
            seq = r.seq - 1;
            begins = true;
            whole = r.seq == 1 || r.seq == 2 && openedEpoch == r.epoch && openedSeq == 1;
        }
        if (r.seq <= seq) {
            return Verdict.OLD_SEQ;
        }
        advance(r.seq);
        return Verdict.APPLIED;
    }

    /** Takes a record's number, which is above the last; records between the two are lost. */
    private void advance(long to) {
        hole = to != seq + 1;
        seq = to;
    }

    public void save(Saver w) {
        w.integer(writer).integer(epoch).integer(seq).integer(openedEpoch).integer(openedSeq);
    }

    public void load(Loader r) {
        writer = r.integer();
        epoch = r.integer();
        seq = r.integer();
        openedEpoch = r.integer();
        openedSeq = r.integer();
    }
}
