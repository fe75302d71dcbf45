package io.tickcast.engine;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class TopicTest {
    @Test
    void namesAreThoseOfTheCatalogue() throws IOException {
        List<String> lines = Files.readAllLines(Path.of("../../../topics.yaml"));
        for (Topic t : Topic.values()) {
            assertTrue(lines.contains("  - name: " + t), t + " is not in topics.yaml");
        }
    }
}
