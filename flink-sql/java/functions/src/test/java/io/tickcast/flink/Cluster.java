package io.tickcast.flink;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.execution.ExecutionState;
import org.apache.flink.runtime.executiongraph.AccessExecutionVertex;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/** A whole Flink in this process, one for all tests, with those settings of stack/flink.go that can change what a job computes. Jobs reach it as they reach a real one, over REST. */
final class Cluster implements AutoCloseable {
    private static final int SLOTS = 4;

    private final Path folder;
    private final MiniCluster flink;
    private final URI rest;

    Cluster() throws Exception {
        folder = Files.createTempDirectory("tickcast-flink");
        Configuration conf = new Configuration();
        conf.setString("rest.bind-address", "127.0.0.1");
        conf.setString("rest.bind-port", "0");
        conf.setString("rest.address", "127.0.0.1");
        conf.setString("io.tmp.dirs", folder.resolve("tmp").toString());
        conf.setString("taskmanager.memory.managed.size", "128m");
        conf.setString("taskmanager.memory.network.min", "32m");
        conf.setString("taskmanager.memory.network.max", "32m");
        flink = new MiniCluster(new MiniClusterConfiguration.Builder().setConfiguration(conf).setNumTaskManagers(1).setNumSlotsPerTaskManager(SLOTS).build());
        flink.start();
        rest = flink.getRestAddress().get();
    }

    MiniCluster flink() {
        return flink;
    }

    /** Waits until all of a job's tasks run: a source does before those behind it. */
    void awaitRunning(JobID job) throws Exception {
        List<ExecutionState> states;
        do {
            Thread.sleep(20);
            states = new ArrayList<>();
            for (AccessExecutionVertex v : flink.getArchivedExecutionGraph(job).get().getAllExecutionVertices()) {
                states.add(v.getExecutionState());
            }
        } while (!states.stream().allMatch(s -> s == ExecutionState.RUNNING));
    }

    /** Where a run keeps its state. */
    Path folder(String run) {
        return folder.resolve(run);
    }

    /** An environment for one job, as its client has it. At the end of its log it waits for a checkpoint. */
    StreamTableEnvironment tables(int parallelism) {
        return StreamTableEnvironment.create(environment(parallelism, "250 ms"));
    }

    /** An environment for one job that makes no checkpoint unless told to. */
    StreamTableEnvironment withoutCheckpoints(int parallelism) {
        return StreamTableEnvironment.create(environment(parallelism, "1 h"));
    }

    /** An environment for one job that reads what is there, and ends. */
    StreamTableEnvironment batch() {
        return StreamTableEnvironment.create(environment(2, "1 h").setRuntimeMode(RuntimeExecutionMode.BATCH), EnvironmentSettings.inBatchMode());
    }

    private StreamExecutionEnvironment environment(int parallelism, String checkpoints) {
        Configuration conf = new Configuration();
        for (String setting : List.of("pipeline.object-reuse=true", "pipeline.max-parallelism=128", "execution.buffer-timeout.interval=0 ms", "state.backend.type=rocksdb",
                "state.backend.rocksdb.timer-service.factory=HEAP", "execution.checkpointing.incremental=true", "execution.checkpointing.externalized-checkpoint-retention=RETAIN_ON_CANCELLATION",
                "execution.checkpointing.unaligned.enabled=true", "execution.checkpointing.interval=" + checkpoints, "restart-strategy.type=none")) {
            int eq = setting.indexOf('=');
            conf.setString(setting.substring(0, eq), setting.substring(eq + 1));
        }
        conf.setString("parallelism.default", Integer.toString(parallelism));
        return StreamExecutionEnvironment.createRemoteEnvironment(rest.getHost(), rest.getPort(), conf);
    }

    @Override
    public void close() throws IOException {
        flink.closeAsync().join();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path p : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(p);
            }
        }
    }

    /** Gives tests the cluster. */
    static final class Extension implements ParameterResolver {
        @Override
        public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
            return parameter.getParameter().getType() == Cluster.class;
        }

        @Override
        public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
            return context.getRoot().getStore(ExtensionContext.Namespace.GLOBAL).getOrComputeIfAbsent(Cluster.class);
        }
    }
}
