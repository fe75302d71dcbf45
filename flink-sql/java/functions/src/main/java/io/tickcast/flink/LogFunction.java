package io.tickcast.flink;

import io.tickcast.engine.Engine;
import io.tickcast.engine.Machine;
import io.tickcast.engine.Output;
import io.tickcast.engine.StateStore;
import io.tickcast.engine.Topic;
import io.tickcast.engine.Verdict;
import java.nio.charset.StandardCharsets;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.table.api.dataview.MapView;
import org.apache.flink.table.data.GenericMapData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.functions.FunctionContext;
import org.apache.flink.table.functions.ProcessTableFunction;

/**
 * Gives each contract's records to its engine, and what that writes to the sinks. The engines of all contracts of this subtask stay on the heap; the state below them is written with each record,
 * so that a checkpoint has both. After a restore engines are made anew when their contract's next record comes.
 */
public abstract class LogFunction extends ProcessTableFunction<RowData> {
    /** The columns of a record: its value and key, Kafka's timestamp, and where it is. Rows are Flink's own, since converting each to Row and back costs as much as a third of what is computed from it. */
    static final String INPUT = "ROW<`raw` BYTES, k STRING, kts TIMESTAMP_LTZ(3), part INT, off BIGINT>";

    // their places
    private static final int RAW = 0;
    private static final int KEY = 1;
    private static final int PRODUCED = 2;
    private static final int PARTITION = 3;
    private static final int OFFSET = 4;

    /** The columns of a row: Kafka's topic, key, value (null clears the key) and headers. */
    static final String OUTPUT = "ROW<topic STRING, k STRING, v BYTES, h MAP<STRING, BYTES>>";

    private static final StringData VERSION = StringData.fromString("ver"); // names of headers
    private static final StringData KIND = StringData.fromString("kind");

    /** Records that are older are computed, but their in-progress versions are left out. */
    private static final long THIN_AFTER_MS = 1000;

    private final String log;
    private final Machines machine;

    private transient Map<String, Engine> engines;
    private transient Store store;
    private transient Quarantine quarantine;
    private transient Map<Verdict, Counter> verdicts;
    private transient Counter outputs;
    private transient Output output;
    private transient Map<Topic, StringData> topics;

    /** @param log the topic that the records are of */
    LogFunction(String log, Machines machine) {
        this.log = log;
        this.machine = machine;
    }

    /** Makes a contract's machine; Flink sends functions over the network. */
    interface Machines extends Function<String, Machine>, java.io.Serializable {}

    @Override
    public void open(FunctionContext context) {
        engines = new HashMap<>();
        store = new Store();
        quarantine = new Quarantine(log);
        verdicts = new EnumMap<>(Verdict.class);
        MetricGroup records = context.getMetricGroup().addGroup("tickcast").addGroup("records");
        for (Verdict v : Verdict.values()) {
            verdicts.put(v, records.counter(v.name().toLowerCase(java.util.Locale.ROOT)));
        }
        outputs = context.getMetricGroup().addGroup("tickcast").counter("outputs");
        context.getMetricGroup().addGroup("tickcast").gauge("contracts", engines::size);
        output = this::write;
        topics = new EnumMap<>(Topic.class);
        for (Topic t : Topic.values()) {
            topics.put(t, StringData.fromString(t.toString()));
        }
    }

    final void take(MapView<Long, byte[]> state, RowData input, long startMs) {
        byte[] value = input.isNullAt(RAW) ? null : input.getBinary(RAW);
        String contract = input.isNullAt(KEY) ? null : input.getString(KEY).toString();
        long appendMs = input.getTimestamp(PRODUCED, 3).getMillisecond();
        long nowMs = System.currentTimeMillis();
        store.state = state;
        Engine engine = engines.get(contract);
        String problem = null;
        if (contract == null || contract.isEmpty()) {
            problem = "record without a key";
        } else if (engine == null) {
            problem = Engine.unreadable(value, contract); // such a record makes no state
        }
        Verdict verdict = Verdict.UNREADABLE;
        if (problem == null) {
            if (engine == null) {
                engine = new Engine(machine.apply(contract), startMs, store);
                engines.put(contract, engine);
            }
            verdict = engine.apply(value, appendMs, nowMs, nowMs - appendMs > THIN_AFTER_MS, output);
            problem = engine.reason();
        }
        verdicts.get(verdict).inc();
        if (problem != null) {
            byte[] kept = quarantine.keep(verdict, problem, input.getInt(PARTITION), input.getLong(OFFSET), contract, value, appendMs, nowMs);
            if (kept != null) {
                collect(GenericRowData.of(StringData.fromString(Quarantine.TOPIC), StringData.fromString(Quarantine.SOURCE), kept, new GenericMapData(Map.of())));
            }
        }
    }

    private void write(Topic topic, String kind, byte[] version, byte[] key, byte[] value) {
        outputs.inc();
        Map<StringData, byte[]> headers = Map.of(VERSION, version, KIND, kind.getBytes(StandardCharsets.ISO_8859_1));
        collect(GenericRowData.of(topics.get(topic), StringData.fromBytes(key), value, new GenericMapData(headers)));
    }

    /** The state of the contract whose record is in work: Flink's view is the present key's. */
    private static final class Store implements StateStore {
        private MapView<Long, byte[]> state;

        @Override
        public byte[] get(long key) {
            try {
                return state.get(key);
            } catch (Exception e) {
                throw new IllegalStateException("read the contract's state", e);
            }
        }

        @Override
        public void put(long key, byte[] value) {
            try {
                state.put(key, value);
            } catch (Exception e) {
                throw new IllegalStateException("write the contract's state", e);
            }
        }

        @Override
        public void remove(long key) {
            try {
                state.remove(key);
            } catch (Exception e) {
                throw new IllegalStateException("remove from the contract's state", e);
            }
        }
    }
}
