package io.tickcast.flink;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.types.Row;

/** A stand-in for tests of the stack: it passes records through, and computes nothing. */
final class StandIn {
  private StandIn() {}

  /** Whether a record's value asks for this: for tests of one path each. */
  static boolean says(byte[] raw, String word) {
    return new String(raw, StandardCharsets.UTF_8).contains(word);
  }

  static Row row(String topic, String key, byte[] value, Object kts, long n, String kind) {
    Map<String, byte[]> headers = new HashMap<>();
    headers.put("ver", ByteBuffer.allocate(24).putLong(((Instant) kts).toEpochMilli()).putLong(0).putLong(n).array());
    headers.put("kind", kind.getBytes(StandardCharsets.UTF_8));
    return Row.of(topic, key, value, headers);
  }
}
