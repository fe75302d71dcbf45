package io.tickcast.engine;

import io.tickcast.market.Record;

/** One log record with what the surroundings know about it; used again for each. */
public final class Input {
    public final Record record = new Record();
    public byte[] value; // the record as it was read, for market.late
    public long appendMs; // Kafka's timestamp
    public long computeMs; // printed as tsc; decides nothing
    public boolean thin; // leave out in-progress versions until the next clock record
}
