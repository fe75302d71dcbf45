package io.tickcast.market;

/**
 * The length of a candle, shortest first. Periods are aligned to UTC; weeks begin on Monday, 3d is counted from 1970-01-01, months are calendar months (Binance, "Kline/Candlestick chart
 * intervals").
 */
public enum Period {
    S1("1s", 1000),
    M1("1m", 60_000),
    M3("3m", 3 * 60_000),
    M5("5m", 5 * 60_000),
    M15("15m", 15 * 60_000),
    M30("30m", 30 * 60_000),
    H1("1h", 3_600_000),
    H2("2h", 2 * 3_600_000),
    H4("4h", 4 * 3_600_000),
    H6("6h", 6 * 3_600_000),
    H8("8h", 8 * 3_600_000),
    H12("12h", 12 * 3_600_000),
    D1("1d", 86_400_000),
    D3("3d", 3 * 86_400_000),
    W1("1w", 7 * 86_400_000),
    MONTH("1M", 0);

    public static final long SECOND_MS = 1000;
    public static final long MINUTE_MS = 60 * SECOND_MS;
    public static final long HOUR_MS = 60 * MINUTE_MS;
    public static final long DAY_MS = 24 * HOUR_MS;
    private static final long MONDAY_MS = 4 * DAY_MS; // 1970-01-05, the first Monday

    private static final Period[] ALL = values();
    public static final int COUNT = ALL.length;

    private final String text;
    private final byte[] ascii;
    private final long ms;

    Period(String text, long ms) {
        this.text = text;
        this.ascii = Buffer.ascii(text);
        this.ms = ms;
    }

    /** The period of an index; they count from the shortest. */
    public static Period of(int index) {
        return ALL[index];
    }

    /** Reads Binance's name of a period; case matters ("1m" is a minute, "1M" a month). */
    public static Period parse(String s) throws Refused {
        for (Period p : ALL) {
            if (p.text.equals(s)) {
                return p;
            }
        }
        throw new Refused("unknown period \"" + s + '"');
    }

    byte[] ascii() {
        return ascii;
    }

    /** The open time of the candle that holds an event time (epoch milliseconds, not negative). */
    public long openMs(long eventMs) {
        return switch (this) {
            case W1 -> eventMs - Math.floorMod(eventMs - MONDAY_MS, ms);
            case MONTH -> monthMs(eventMs, 0);
            default -> eventMs - Math.floorMod(eventMs, ms);
        };
    }

    /** The open time of the candle after the one that opens at openMs; the close time is one less. */
    public long nextMs(long openMs) {
        return this == MONTH ? monthMs(openMs, 1) : openMs + ms;
    }

    /** The beginning of the month that holds a time, or of one after it. (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".) */
    private static long monthMs(long eventMs, int later) {
        long z = Math.floorDiv(eventMs, DAY_MS) + 719_468;
        long era = Math.floorDiv(z, 146_097);
        long day = z - era * 146_097;
        long yearOfEra = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        long dayOfYear = day - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
        long month = (5 * dayOfYear + 2) / 153 + later; // 0 is March
        long year = yearOfEra + era * 400;
        if (month == 12) {
            month = 0;
            year++;
        }
        era = Math.floorDiv(year, 400);
        yearOfEra = year - era * 400;
        day = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + (153 * month + 2) / 5;
        return (era * 146_097 + day - 719_468) * DAY_MS;
    }

    @Override
    public String toString() {
        return text;
    }
}
