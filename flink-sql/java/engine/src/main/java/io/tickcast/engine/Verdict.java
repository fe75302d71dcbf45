package io.tickcast.engine;

/** What became of a record. All but APPLIED and LATE mean that it changed nothing, or made the state unusable (INVALID). */
public enum Verdict {
    APPLIED,
    /** Written by a fenced writer. */
    OLD_WRITER,
    OLD_EPOCH,
    /** Seen before. */
    OLD_SEQ,
    /** The state has no beginning yet. */
    WAITING,
    /** Event time before the log began: the seeds hold it. */
    SEEDED,
    /** Beyond what is kept: sent to market.late. */
    LATE,
    /** The contract has left the catalogue. */
    DELISTED,
    /** Impossible: {@link Engine#reason} says why. */
    INVALID,
    /** No record at all, or of another contract; it counts for nothing, and {@link Engine#reason} says why. */
    UNREADABLE
}
