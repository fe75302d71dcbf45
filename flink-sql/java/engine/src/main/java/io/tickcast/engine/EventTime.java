package io.tickcast.engine;

import io.tickcast.market.Period;
import io.tickcast.market.Refused;

/** Bounds of event times, so that a poisoned record costs nothing. */
public final class EventTime {
    /** Before it, weeks and months would open before 1970. */
    public static final long MIN_MS = 31 * Period.DAY_MS;

    /** The year 10000. */
    public static final long END_MS = 253_402_300_800_000L;

    /** Ahead of the contract's clock: market.trades is kept so long. After a longer outage a log begins anew. */
    public static final long MAX_JUMP_MS = 72 * Period.HOUR_MS;

    private EventTime() {}

    /** Refuses impossible event times. */
    public static void check(long ms) throws Refused {
        if (ms < MIN_MS || ms >= END_MS) {
            throw new Refused("event time " + ms + " is impossible");
        }
    }

    public static Refused jump() {
        return new Refused("event time is too far ahead of the contract's clock");
    }
}
