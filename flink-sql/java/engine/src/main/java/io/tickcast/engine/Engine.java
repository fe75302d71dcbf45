package io.tickcast.engine;

import io.tickcast.market.RecordDecoder;
import io.tickcast.market.Refused;

/**
 * One contract's machine with its state in a store. Each record is put into the journal there; after 256 of them, or a minute of the contract's clock, the pieces of state that changed are
 * written and the journal begins anew. A new engine on the same store loads the pieces and applies the journal again, which gives the same state: a machine is a pure function of its records.
 *
 * <p>An engine belongs to one thread and to one key of one store.
 */
public final class Engine {
    /** Encoding of the head. 1: journal's first serial number, job's start, the machine's head. */
    private static final int ENCODING = 1;

    private static final long SAVE_AFTER_MS = 60_000;

    private static final Output NOWHERE = (topic, kind, version, key, value) -> {};

    private final Machine machine;
    private final Chunks chunks;
    private final long startMs;
    private final RecordDecoder decoder = new RecordDecoder();
    private final Input input = new Input();
    private long journalFrom; // serial number of the first record that is in the journal only
    private long serial; // of the next record
    private long savedMs; // the contract's clock when the state was saved
    private String reason;

    /**
     * Makes the engine what the store says, or new if that is empty.
     *
     * @param machine a new one
     * @param startMs the job's start: push topics are written from the first record on that Kafka has not before it
     * @throws IllegalStateException if the store holds what this program cannot read
     */
    public Engine(Machine machine, long startMs, StateStore store) {
        this.machine = machine;
        this.chunks = new Chunks(store);
        this.startMs = startMs;
        byte[] head = chunks.get(Chunks.Space.HEAD, 0, 0);
        if (head == null) {
            machine.start(startMs);
            save();
            return;
        }
        Loader r = new Loader(head, ENCODING);
        journalFrom = serial = r.integer();
        long before = r.integer();
        machine.start(before);
        machine.load(r, chunks);
        r.finish();
        savedMs = machine.nowMs();
        replay();
        if (before != startMs) { // another job: its clients have seen nothing yet
            machine.start(startMs);
            save();
        }
    }

    private void replay() {
        for (Journal.Entry e; serial < journalFrom + Journal.LENGTH && (e = Journal.read(chunks, serial)) != null; serial++) {
            take(e.value(), e.appendMs(), 0, e.thin(), NOWHERE);
        }
        if (serial == journalFrom + Journal.LENGTH) {
            save();
        }
    }

    /**
     * Takes the next record of the log.
     *
     * @param value the record as Kafka has it; it belongs to the engine from here on
     * @param appendMs Kafka's timestamp
     * @param computeMs printed as tsc; decides nothing
     * @param thin leave out in-progress versions until the next clock record: the record is old
     */
    public Verdict apply(byte[] value, long appendMs, long computeMs, boolean thin, Output out) {
        Verdict v = take(value, appendMs, computeMs, thin, out);
        if (v == Verdict.UNREADABLE) {
            return v;
        }
        Journal.append(chunks, serial, value, appendMs, thin);
        serial++;
        if (serial == journalFrom + Journal.LENGTH || machine.nowMs() - savedMs >= SAVE_AFTER_MS) {
            save();
        }
        return v;
    }

    /** Why a record is none of this contract's log, as {@link #apply} finds; else null. */
    public static String unreadable(byte[] value, String contract) {
        if (value == null) {
            return "record without a value";
        }
        Input in = new Input();
        try {
            new RecordDecoder().decode(value, in.record);
        } catch (Refused e) {
            return e.getMessage();
        }
        return stranger(in, contract);
    }

    private static String stranger(Input in, String contract) {
        return in.record.contract.equals(contract) ? null : "record of contract " + in.record.contract + " among those of " + contract;
    }

    private Verdict take(byte[] value, long appendMs, long computeMs, boolean thin, Output out) {
        if (value == null) {
            reason = "record without a value";
            return Verdict.UNREADABLE;
        }
        try {
            decoder.decode(value, input.record);
        } catch (Refused e) {
            reason = e.getMessage();
            return Verdict.UNREADABLE;
        }
        reason = stranger(input, machine.contract());
        if (reason != null) {
            return Verdict.UNREADABLE;
        }
        input.value = value;
        input.appendMs = appendMs;
        input.computeMs = computeMs;
        input.thin = thin;
        Verdict v = machine.apply(input, out);
        reason = machine.reason();
        return v;
    }

    /** Why the last record was INVALID or UNREADABLE; else null. */
    public String reason() {
        return reason;
    }

    /** Writes what changed of the state, and begins the journal anew. */
    void save() {
        journalFrom = serial;
        savedMs = machine.nowMs();
        Saver head = new Saver(ENCODING);
        head.integer(journalFrom).integer(startMs);
        machine.save(head, chunks);
        chunks.put(Chunks.Space.HEAD, 0, 0, head.copy());
    }
}
