package io.tickcast.market;

import java.nio.charset.StandardCharsets;

/** Walks over one flat JSON object. Our writers escape nothing on the paths that count; what may hold anything is read by JsonText. */
final class Scanner {
    private static final String TRUNCATED = "record ends too early";

    byte[] b;
    int i;
    int from; // of the text or value that was read last
    int to;

    void reset(byte[] bytes) {
        b = bytes;
        i = 0;
    }

    void blanks() {
        while (i < b.length && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r')) {
            i++;
        }
    }

    /** The next byte that is no blank; it stays. */
    byte peek() throws Refused {
        blanks();
        if (i >= b.length) {
            throw new Refused(TRUNCATED);
        }
        return b[i];
    }

    void expect(char c) throws Refused {
        byte found = peek();
        if (found != c) {
            throw new Refused("byte " + i + ": found " + quoteByte(found) + ", want '" + c + "'");
        }
        i++;
    }

    /** Reads a quoted string without escapes into from and to. */
    void text() throws Refused {
        expect('"');
        from = i;
        for (; i < b.length; i++) {
            byte c = b[i];
            if (c == '"') {
                to = i++;
                return;
            }
            if (c == '\\' || c >= 0 && c < ' ') {
                throw new Refused("byte " + i + ": escape or control character");
            }
        }
        throw new Refused(TRUNCATED);
    }

    long integer() throws Refused {
        blanks();
        boolean neg = i < b.length && b[i] == '-';
        if (neg) {
            i++;
        }
        int start = i;
        long u = 0;
        for (; i < b.length; i++) {
            int d = b[i] - '0';
            if (d < 0 || d > 9) {
                break;
            }
            if (u > Decimals.LAST_BEFORE_OVERFLOW) {
                throw new Refused("byte " + start + ": integer too large");
            }
            u = u * 10 + d;
        }
        if (i == start) {
            throw new Refused("byte " + start + ": want an integer");
        }
        if (i < b.length && (b[i] == '.' || b[i] == 'e' || b[i] == 'E')) {
            throw new Refused("byte " + i + ": want an integer");
        }
        return neg ? -u : u;
    }

    boolean bool() throws Refused {
        blanks();
        if (startsWith("true")) {
            i += 4;
            return true;
        }
        if (startsWith("false")) {
            i += 5;
            return false;
        }
        throw new Refused("byte " + i + ": want true or false");
    }

    private boolean startsWith(String word) {
        if (b.length - i < word.length()) {
            return false;
        }
        for (int k = 0; k < word.length(); k++) {
            if (b[i + k] != word.charAt(k)) {
                return false;
            }
        }
        return true;
    }

    /** Takes one value of any kind, to from and to. */
    void raw() throws Refused {
        blanks();
        int depth = 0;
        boolean quoted = false;
        from = i;
        for (; i < b.length; i++) {
            byte c = b[i];
            if (quoted) {
                if (c == '\\') {
                    i++;
                } else if (c == '"') {
                    quoted = false;
                }
            } else if (c == '"') {
                quoted = true;
            } else if (c == '[' || c == '{') {
                depth++;
            } else if (depth > 0 && (c == ']' || c == '}')) {
                depth--;
            } else if (depth == 0 && (c == ',' || c == '}')) {
                if (i == from) {
                    throw new Refused("byte " + from + ": value is missing");
                }
                to = i;
                return;
            }
        }
        throw new Refused(TRUNCATED);
    }

    static boolean same(byte[] word, byte[] b, int from, int to) {
        if (to - from != word.length) {
            return false;
        }
        for (int k = 0; k < word.length; k++) {
            if (b[from + k] != word[k]) {
                return false;
            }
        }
        return true;
    }

    /** Text for a message: at most 20 bytes of it. */
    static String quote(byte[] b, int from, int to) {
        return '"' + new String(b, from, Math.min(to - from, 20), StandardCharsets.UTF_8) + '"';
    }

    private static String quoteByte(byte c) {
        return c > ' ' && c < 127 ? "'" + (char) c + "'" : String.format("'\\x%02x'", c);
    }
}
