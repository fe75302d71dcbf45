package io.tickcast.flink;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;

/** A job's SQL, as it was rendered for production: flink-sql/testdata/sql, which Go's tests hold equal to what flink-sql/sql gives. */
final class Script {
    private static final Path FOLDER = Path.of("../../testdata/sql");
    private static final Pattern SET = Pattern.compile("SET '([^']*)' = '([^']*)'");

    private String text;

    /** @param job the file's name */
    Script(String job) {
        try {
            text = Files.readString(FOLDER.resolve(job + ".sql"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Replaces what a test must have otherwise; everything else is as in production. */
    Script with(String regex, String replacement) {
        Matcher m = Pattern.compile(regex, Pattern.DOTALL).matcher(text);
        if (!m.find()) {
            throw new AssertionError("there is no " + regex + " in the SQL");
        }
        text = m.replaceAll(replacement);
        return this;
    }

    /** Puts tables in memory in the place of those in Kafka, with the same columns and topics. */
    Script inMemory(String run) {
        return with("'connector' = 'kafka',\\s*('topic' = '[^']*').*?(?=\\n\\);)", "'connector' = '" + MemoryTables.NAME + "', 'run' = '" + run + "', $1");
    }

    /** Puts the job's state below a folder. */
    Script onDisk(Path folder) {
        return with("file:///data/(checkpoints|savepoints)(?=';)", folder.toUri() + "/$1");
    }

    /** Begins without a state. */
    Script fromNothing() {
        return with("SET 'execution.state-recovery.path' = '[^']*';", "");
    }

    /** Begins with a state. */
    Script from(String state) {
        return with("(?<=SET 'execution.state-recovery.path' = ')[^']*", state);
    }

    /** Sets the functions' scalar argument. */
    Script startMs(long startMs) {
        return with("startMs => CAST\\(\\d+ AS BIGINT\\)", "startMs => CAST(" + startMs + " AS BIGINT)");
    }

    /** Runs the statements, and returns what the last one gives. */
    TableResult run(TableEnvironment tables) {
        TableResult last = null;
        for (String statement : statements()) {
            Matcher set = SET.matcher(statement);
            if (set.matches()) {
                tables.getConfig().set(set.group(1), set.group(2));
            } else {
                last = tables.executeSql(statement);
            }
        }
        return last;
    }

    /** The statements: each ends with a semicolon at a line's end, a statement set with END. */
    private List<String> statements() {
        List<String> all = new ArrayList<>();
        StringBuilder statement = new StringBuilder();
        boolean set = false;
        for (String line : text.replaceAll("(?m)(^| )--.*$", "").lines().toList()) {
            set |= line.endsWith(" STATEMENT SET BEGIN");
            statement.append(line.stripTrailing()).append('\n');
            if (line.stripTrailing().endsWith(";") && (!set || line.equals("END;"))) {
                String s = statement.toString().strip();
                all.add(s.substring(0, s.length() - 1));
                statement.setLength(0);
                set = false;
            }
        }
        if (!statement.toString().isBlank()) {
            throw new AssertionError("the SQL ends within a statement: " + statement);
        }
        return all;
    }
}
