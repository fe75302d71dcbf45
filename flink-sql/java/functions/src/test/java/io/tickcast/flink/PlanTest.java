package io.tickcast.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What the planner makes of the rendered SQL, with the real Kafka connector: a change of plan may cost a shuffle, or make the state of a running job useless, and is to be seen in review. With
 * -Dtickcast.update the files are written.
 */
class PlanTest {
    private static final Path FOLDER = Path.of("../../testdata/plans");

    private static String explain(String job, EnvironmentSettings mode) {
        TableEnvironment tables = TableEnvironment.create(mode);
        tables.getConfig().set("parallelism.default", "2");
        Script script = new Script(job).with("EXECUTE STATEMENT SET", "EXPLAIN STATEMENT SET");
        return script.run(tables).collect().next().getField(0).toString().strip() + "\n";
    }

    /** What is run; the sections before it say the same in less detail. */
    private static String executed(String plan) {
        return plan.substring(plan.indexOf("== Optimized Execution Plan =="));
    }

    private static void golden(String job, String plan) throws IOException {
        Path file = FOLDER.resolve(job + ".txt");
        if (System.getProperty("tickcast.update") != null) {
            Files.createDirectories(FOLDER);
            Files.writeString(file, plan);
        }
        assertEquals(Files.readString(file), plan, file + " (-Dtickcast.update writes it)");
    }

    private static int count(String regex, String plan) {
        return (int) Pattern.compile(regex).matcher(plan).results().count();
    }

    @ParameterizedTest
    @CsvSource({"candles,Candles,candles-1,2", "books,Books,books-1,1"})
    void oneSourceOneShuffleOneFunction(String job, String function, String uid, int sinks) throws IOException {
        String plan = explain(job, EnvironmentSettings.inStreamingMode());
        String runs = executed(plan);
        assertEquals(1, count("TableSourceScan\\(", runs), runs);
        assertEquals(1, count("Exchange\\(", runs), runs);
        assertEquals(1, count("ProcessTableFunction\\(", runs), runs);
        assertEquals(sinks, count("Sink\\(table=", runs), runs);
        if (sinks > 1) {
            assertEquals(sinks, count("Reused\\(reference_id=\\[1\\]\\)", runs), runs);
        }
        assertTrue(Pattern.compile("ProcessTableFunction\\(.*" + function + "\\(.*\\b" + uid + "\\b").matcher(runs).find(), runs);
        for (String costly : new String[] {"SinkUpsertMaterializer", "upsertMaterialize", "ChangelogNormalize", "DropUpdateBefore", "WatermarkAssigner"}) {
            assertFalse(plan.contains(costly), costly + "\n" + plan);
        }
        golden(job, runs);
    }

    /** The check computes by SQL's own operators: what Tickcast adds is the aggregate. */
    @Test
    void theCheckIsSQL() throws IOException {
        String plan = explain("check_candles", EnvironmentSettings.inBatchMode());
        assertFalse(plan.contains("ProcessTableFunction"), plan);
        golden("check_candles", executed(plan));
    }
}
