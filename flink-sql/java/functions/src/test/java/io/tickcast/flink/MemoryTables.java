package io.tickcast.flink;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource.NumberSequenceSplit;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiter;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.ProviderContext;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.connector.sink.SinkV2Provider;
import org.apache.flink.table.connector.sink.abilities.SupportsWritingMetadata;
import org.apache.flink.table.connector.source.DataStreamScanProvider;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.connector.source.ScanTableSource;
import org.apache.flink.table.connector.source.abilities.SupportsReadingMetadata;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.MapData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.factories.DynamicTableSinkFactory;
import org.apache.flink.table.factories.DynamicTableSourceFactory;
import org.apache.flink.table.factories.FactoryUtil;
import org.apache.flink.table.types.DataType;

/** Tables in memory that look like those of the Kafka connector: the same columns, metadata included. One run's tables are found by its name, as the whole cluster is in this process. */
public final class MemoryTables implements DynamicTableSourceFactory, DynamicTableSinkFactory {
    static final String NAME = "memory";

    private static final ConfigOption<String> RUN = ConfigOptions.key("run").stringType().noDefaultValue();
    private static final ConfigOption<List<String>> TOPIC = ConfigOptions.key("topic").stringType().asList().noDefaultValue();
    private static final Map<String, Run> RUNS = new ConcurrentHashMap<>();

    /** A record of a log as Kafka has it. */
    record Input(String key, byte[] value, long appendMs, int partition, long offset) {}

    /** What a run reads. */
    static final class Run {
        private final List<Input> log;
        private final Written written;
        private final int pauseAt;
        /** So many records are on their way: the source waits. */
        final CompletableFuture<Void> paused = new CompletableFuture<>();

        private int given;

        private Run(List<Input> log, Written written, int pauseAt) {
            this.log = log;
            this.written = written;
            this.pauseAt = pauseAt;
        }

        /** Does not come after the last record before a pause. */
        private synchronized CompletionStage<Void> next() {
            if (given == pauseAt) {
                paused.complete(null);
                return new CompletableFuture<>();
            }
            given++;
            return CompletableFuture.completedFuture(null);
        }
    }

    /** Names a run that reads a log, from the start or where its state says, up to a record that it waits before for ever, and adds to what was written. */
    static Run begin(String name, List<Input> log, Written written, int pauseAt) {
        Run r = new Run(log, written, pauseAt);
        RUNS.put(name, r);
        return r;
    }

    @Override
    public String factoryIdentifier() {
        return NAME;
    }

    @Override
    public Set<ConfigOption<?>> requiredOptions() {
        return Set.of(RUN, TOPIC);
    }

    @Override
    public Set<ConfigOption<?>> optionalOptions() {
        return Set.of();
    }

    @Override
    public DynamicTableSource createDynamicTableSource(Context context) {
        return new Source(FactoryUtil.createTableFactoryHelper(this, context).getOptions().get(RUN), context.getPhysicalRowDataType(), List.of());
    }

    @Override
    public DynamicTableSink createDynamicTableSink(Context context) {
        ReadableConfig options = FactoryUtil.createTableFactoryHelper(this, context).getOptions();
        return new Target(options.get(RUN), List.copyOf(options.get(TOPIC)));
    }

    /** Reads the log: {@code raw, k} and metadata. */
    private static final class Source implements ScanTableSource, SupportsReadingMetadata {
        private final String run;
        private DataType type;
        private List<String> metadata;

        private Source(String run, DataType type, List<String> metadata) {
            this.run = run;
            this.type = type;
            this.metadata = metadata;
        }

        @Override
        public ChangelogMode getChangelogMode() {
            return ChangelogMode.insertOnly();
        }

        @Override
        public Map<String, DataType> listReadableMetadata() {
            Map<String, DataType> all = new LinkedHashMap<>();
            all.put("partition", DataTypes.INT().notNull());
            all.put("offset", DataTypes.BIGINT().notNull());
            all.put("timestamp", DataTypes.TIMESTAMP_LTZ(3).notNull());
            return all;
        }

        @Override
        public void applyReadableMetadata(List<String> keys, DataType produced) {
            metadata = List.copyOf(keys);
            type = produced;
        }

        @Override
        public ScanRuntimeProvider getScanRuntimeProvider(ScanContext context) {
            TypeInformation<RowData> info = context.createTypeInformation(type);
            return new Scan(run, List.copyOf(metadata), info);
        }

        @Override
        public DynamicTableSource copy() {
            return new Source(run, type, metadata);
        }

        @Override
        public String asSummaryString() {
            return NAME;
        }
    }

    private record Scan(String run, List<String> metadata, TypeInformation<RowData> type) implements DataStreamScanProvider {
        @Override
        public boolean isBounded() {
            return false;
        }

        @Override
        public DataStream<RowData> produceDataStream(ProviderContext context, StreamExecutionEnvironment env) {
            String name = run;
            List<String> columns = metadata;
            Run r = RUNS.get(name);
            DataGeneratorSource<RowData> source = new DataGeneratorSource<>(i -> row(RUNS.get(name).log.get(i.intValue()), columns), r.log.size(), parallelism -> new Gate(RUNS.get(name)), type);
            return env.fromSource(source, WatermarkStrategy.noWatermarks(), NAME).setParallelism(1);
        }
    }

    private static RowData row(Input in, List<String> metadata) {
        GenericRowData row = new GenericRowData(2 + metadata.size());
        row.setField(0, in.value);
        row.setField(1, StringData.fromString(in.key));
        for (int i = 0; i < metadata.size(); i++) {
            row.setField(2 + i, switch (metadata.get(i)) {
                case "timestamp" -> TimestampData.fromEpochMillis(in.appendMs);
                case "partition" -> in.partition;
                default -> in.offset;
            });
        }
        return row;
    }

    private record Gate(Run run) implements RateLimiter<NumberSequenceSplit> {
        @Override
        public CompletionStage<Void> acquire(int n) {
            return run.next();
        }
    }

    /** Takes rows: {@code k, v}, then the metadata {@code topic} and headers, or headers alone where the table has one topic. A topic that is not in the table's list is refused, as Kafka's connector does. */
    private static final class Target implements DynamicTableSink, SupportsWritingMetadata {
        private final String run;
        private final List<String> topics;

        private Target(String run, List<String> topics) {
            this.run = run;
            this.topics = topics;
        }

        @Override
        public Map<String, DataType> listWritableMetadata() {
            Map<String, DataType> all = new LinkedHashMap<>();
            all.put("topic", DataTypes.STRING().notNull());
            all.put("headers", DataTypes.MAP(DataTypes.STRING(), DataTypes.BYTES()));
            return all;
        }

        @Override
        public void applyWritableMetadata(List<String> keys, DataType consumed) {
            if (!keys.equals(topics.size() > 1 ? List.of("topic", "headers") : List.of("headers"))) {
                throw new IllegalArgumentException("the table of " + topics + " has the metadata " + keys);
            }
        }

        @Override
        public ChangelogMode getChangelogMode(ChangelogMode requested) {
            return ChangelogMode.insertOnly();
        }

        @Override
        public SinkRuntimeProvider getSinkRuntimeProvider(Context context) {
            return SinkV2Provider.of(new Collector(run, topics));
        }

        @Override
        public DynamicTableSink copy() {
            return new Target(run, topics);
        }

        @Override
        public String asSummaryString() {
            return NAME;
        }
    }

    private record Collector(String run, List<String> topics) implements Sink<RowData> {
        @Override
        public SinkWriter<RowData> createWriter(WriterInitContext context) {
            Written written = RUNS.get(run).written;
            return new SinkWriter<>() {
                @Override
                public void write(RowData row, Context context) {
                    int at = row.getArity() - 1;
                    String topic = at == 3 ? row.getString(2).toString() : topics.get(0);
                    if (!topics.contains(topic)) {
                        throw new IllegalArgumentException("topic " + topic + " is not among " + topics);
                    }
                    written.add(topic, row.isNullAt(0) ? null : row.getString(0).toString(), row.isNullAt(1) ? null : row.getBinary(1), headers(row.getMap(at)));
                }

                @Override
                public void flush(boolean end) {}

                @Override
                public void close() {}
            };
        }
    }

    private static Map<String, byte[]> headers(MapData map) {
        Map<String, byte[]> all = new HashMap<>();
        for (int i = 0; i < map.size(); i++) {
            all.put(map.keyArray().getString(i).toString(), map.valueArray().getBinary(i));
        }
        return all;
    }

    static byte[] bytes(String s) {
        return s.getBytes(StandardCharsets.UTF_8);
    }
}
