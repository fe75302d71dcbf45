package io.tickcast.flink;

import io.tickcast.engine.Verdict;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps records apart that cannot be used, in the form of ingest's: {@code sv src s ts reason detail channel truncated}, and the record as {@code raw} if it is text, else as {@code raw_base64}. A broken log must fill neither the disk nor our log, so a second's first ones
 * are kept; all are counted.
 */
final class Quarantine {
    static final String TOPIC = "market.quarantine";
    static final String SOURCE = "flink";

    private static final Logger LOG = LoggerFactory.getLogger(Quarantine.class);
    private static final int SCHEMA_VERSION = 1;
    private static final int PER_SECOND = 100;
    private static final int MAX_RAW = 64 << 10;

    private final String log;
    private long second;
    private int inSecond;
    private long left;

    /** @param log the topic that the records are of */
    Quarantine(String log) {
        this.log = log;
    }

    /** The record's value in the topic of quarantine, or null if there are too many. */
    byte[] keep(Verdict verdict, String problem, int partition, long offset, String contract, byte[] value, long appendMs, long nowMs) {
        if (nowMs / 1000 != second) {
            if (left > 0) {
                LOG.warn("quarantine of {} was full: {} records not kept", log, left);
            }
            second = nowMs / 1000;
            inSecond = 0;
            left = 0;
        }
        if (inSecond++ >= PER_SECOND) {
            left++;
            return null;
        }
        String place = log + " partition " + partition + " offset " + offset;
        LOG.warn("record cannot be used, it is kept in {}: {}, key {}: {}", TOPIC, place, contract, problem);
        StringBuilder b = new StringBuilder(256);
        b.append("{\"sv\":").append(SCHEMA_VERSION).append(",\"src\":\"").append(SOURCE).append('"');
        if (contract != null && !contract.isEmpty()) {
            text(b.append(",\"s\":"), contract);
        }
        b.append(",\"ts\":").append(appendMs);
        text(b.append(",\"reason\":"), verdict.name().toLowerCase(Locale.ROOT));
        text(b.append(",\"detail\":"), problem);
        text(b.append(",\"channel\":"), place);
        if (value != null && value.length > MAX_RAW) {
            b.append(",\"truncated\":true");
            value = java.util.Arrays.copyOf(value, MAX_RAW);
        }
        if (value != null && value.length > 0) {
            String utf8 = text(value);
            if (utf8 != null) {
                text(b.append(",\"raw\":"), utf8);
            } else {
                b.append(",\"raw_base64\":\"").append(Base64.getEncoder().encodeToString(value)).append('"');
            }
        }
        return b.append('}').toString().getBytes(StandardCharsets.UTF_8);
    }

    /** The bytes as text, or null if they are none. */
    private static String text(byte[] value) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(value)).toString();
        } catch (CharacterCodingException e) {
            return null;
        }
    }

    private static void text(StringBuilder b, String s) {
        b.append('"');
        for (int i = 0; i < s.length(); i++) {
            char c = s.charAt(i);
            if (c == '"' || c == '\\') {
                b.append('\\').append(c);
            } else if (c < 0x20 || Character.isSurrogate(c)) { // a lone surrogate is no text
                b.append(String.format("\\u%04x", (int) c));
            } else {
                b.append(c);
            }
        }
        b.append('"');
    }
}
