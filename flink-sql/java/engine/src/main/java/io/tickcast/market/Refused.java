package io.tickcast.market;

/** A record, or a number in one, that cannot be taken; the message says why, in the words of the Go side. It has no stack trace: the log is data from outside, and may hold many such. */
public final class Refused extends Exception {
    private static final long serialVersionUID = 1;

    public Refused(String why) {
        super(why, null, false, false);
    }

    /** The same, with the place in front. */
    public Refused in(String place) {
        return new Refused(place + ": " + getMessage());
    }
}
