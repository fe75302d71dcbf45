package io.tickcast.engine;

/** The pure state machine of one contract's log: records in, records out. It has no clock and does no I/O, and belongs to one thread. */
public interface Machine {
    String contract();

    /** Sets the job's start: but for the ledger nothing is written until a record whose Kafka timestamp is not before it; that one writes every key. */
    void start(long startMs);

    /** Takes the next record of the log. {@link #reason} tells why one is INVALID; the machine goes on. */
    Verdict apply(Input in, Output out);

    /** Why the last record was INVALID; else null. */
    String reason();

    /** The contract's clock, by which the state is saved now and then. */
    long nowMs();

    /** Writes the machine's small state to head, and to the store what changed of the rest since it was last saved or loaded. */
    void save(Saver head, Chunks chunks);

    /** Makes a new machine what it was when it was saved. After an exception it must not be used. */
    void load(Loader head, Chunks chunks);
}
