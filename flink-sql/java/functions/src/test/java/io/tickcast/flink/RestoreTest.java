package io.tickcast.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tickcast.flink.MemoryTables.Input;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.JobID;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A job that ends in the middle of a log, of all golden files at once, and another that goes on from its state, with another parallelism, write what one job does. */
@ExtendWith(Cluster.Extension.class)
class RestoreTest {
    @ParameterizedTest
    @CsvSource({"candles,SAVEPOINT,2,3", "books,SAVEPOINT,3,2", "candles,CHECKPOINT,3,1", "books,CHECKPOINT,1,3"})
    void goesOnFromItsState(String job, String kind, int before, int after, Cluster cluster) throws Exception {
        List<GoldenFile> files = (job.equals("books") ? GoldenFile.of("books") : GoldenFile.of("candles", "tickers")).stream().filter(f -> f.inputs.get(0).appendMs() >= f.startMs).toList();
        assertTrue(files.size() >= 9, files + " begin when their job does");
        long startMs = files.get(0).startMs;
        files.forEach(f -> assertEquals(startMs, f.startMs, f.toString()));
        List<Input> log = GoldenFilesTest.mixed(files, 2);
        Written written = new Written(files);

        String run = job + "-" + kind;
        Path folder = cluster.folder(run);
        MemoryTables.Run first = MemoryTables.begin(run + "-1", log, written, log.size() / 2);
        JobClient stopped = new Script(job).inMemory(run + "-1").onDisk(folder).fromNothing().startMs(startMs).run(cluster.withoutCheckpoints(before)).getJobClient().orElseThrow();
        first.paused.get(5, TimeUnit.MINUTES); // seconds, on a machine that has time
        cluster.awaitRunning(stopped.getJobID());
        String state = stop(cluster, stopped, kind, folder);
        assertTrue(state.contains(kind.equals("SAVEPOINT") ? "savepoints" : "/chk-"), state);

        MemoryTables.begin(run + "-2", log, written, Integer.MAX_VALUE);
        new Script(job).inMemory(run + "-2").onDisk(folder).from(state).startMs(startMs).run(cluster.tables(after)).getJobClient().orElseThrow().getJobExecutionResult().get();
        for (GoldenFile f : files) {
            if (kind.equals("SAVEPOINT")) {
                GoldenFilesTest.assertSame(f, written);
            } else { // what was written after the checkpoint comes again; readers drop it by its version
                assertEquals(distinct(f.outputs), distinct(written.of(f.contract)), f.toString());
            }
        }
    }

    private static Map<String, List<String>> distinct(Map<String, List<String>> lines) {
        Map<String, List<String>> all = new TreeMap<>();
        lines.forEach((key, of) -> all.put(key, List.copyOf(new LinkedHashSet<>(of))));
        return all;
    }

    /** An orderly stop, or a job that is gone after a checkpoint. */
    private static String stop(Cluster cluster, JobClient job, String kind, Path folder) throws Exception {
        if (kind.equals("SAVEPOINT")) {
            return job.stopWithSavepoint(false, folder.resolve("savepoints").toUri().toString(), SavepointFormatType.CANONICAL).get();
        }
        JobID id = job.getJobID();
        String state = cluster.flink().triggerCheckpoint(id).get();
        job.cancel().get();
        cluster.flink().requestJobResult(id).get();
        return state;
    }
}
