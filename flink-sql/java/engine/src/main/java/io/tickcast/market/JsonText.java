package io.tickcast.market;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Reads the JSON values of a contract record that may hold escapes: a text, or a list of texts; null is an empty one. Anything else is refused. */
final class JsonText {
    private static final String WRONG = "want a text or a list of texts";

    private final byte[] b;
    private final int end;
    private int i;

    private JsonText(byte[] b, int from, int to) {
        this.b = b;
        this.i = from;
        this.end = to;
    }

    static String one(byte[] b, int from, int to) throws Refused {
        JsonText t = new JsonText(b, from, to);
        String s = t.textOrNull();
        t.finish();
        return s;
    }

    static List<String> list(byte[] b, int from, int to) throws Refused {
        JsonText t = new JsonText(b, from, to);
        List<String> all = new ArrayList<>();
        if (t.next() == 'n') {
            t.nothing();
            t.finish();
            return all;
        }
        t.take('[');
        if (t.next() == ']') {
            t.i++;
            t.finish();
            return all;
        }
        for (;;) {
            all.add(t.textOrNull());
            if (t.next() == ']') {
                t.i++;
                t.finish();
                return all;
            }
            t.take(',');
        }
    }

    private byte next() throws Refused {
        while (i < end && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r')) {
            i++;
        }
        if (i >= end) {
            throw new Refused(WRONG);
        }
        return b[i];
    }

    private void take(char c) throws Refused {
        if (next() != c) {
            throw new Refused(WRONG);
        }
        i++;
    }

    private void finish() throws Refused {
        for (; i < end; i++) {
            if (b[i] != ' ' && b[i] != '\n' && b[i] != '\t' && b[i] != '\r') {
                throw new Refused(WRONG);
            }
        }
    }

    private void nothing() throws Refused {
        for (char c : "null".toCharArray()) {
            if (i >= end || b[i++] != c) {
                throw new Refused(WRONG);
            }
        }
    }

    private String textOrNull() throws Refused {
        if (next() == 'n') {
            nothing();
            return "";
        }
        take('"');
        StringBuilder s = new StringBuilder();
        int plain = i;
        while (i < end) {
            byte c = b[i];
            if (c >= 0 && c < ' ') {
                throw new Refused(WRONG);
            }
            if (c != '"' && c != '\\') {
                i++;
                continue;
            }
            s.append(new String(b, plain, i - plain, StandardCharsets.UTF_8));
            i++;
            if (c == '"') {
                return s.toString();
            }
            s.append(escaped());
            plain = i;
        }
        throw new Refused(WRONG);
    }

    private char escaped() throws Refused {
        if (i >= end) {
            throw new Refused(WRONG);
        }
        switch (b[i++]) {
            case '"':
                return '"';
            case '\\':
                return '\\';
            case '/':
                return '/';
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case 'u':
                int v = 0;
                for (int k = 0; k < 4; k++) {
                    int d = i < end && b[i] >= 0 ? Character.digit(b[i++], 16) : -1;
                    if (d < 0) {
                        throw new Refused(WRONG);
                    }
                    v = v << 4 | d;
                }
                return (char) v;
            default:
                throw new Refused(WRONG);
        }
    }
}
