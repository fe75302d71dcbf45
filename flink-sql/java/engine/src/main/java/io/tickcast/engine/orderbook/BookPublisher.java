package io.tickcast.engine.orderbook;

import io.tickcast.engine.Input;
import io.tickcast.engine.Output;
import io.tickcast.engine.Topic;
import io.tickcast.engine.Version;
import io.tickcast.market.BookMessages;
import io.tickcast.market.Buffer;
import io.tickcast.market.Header;
import io.tickcast.market.Quality;
import io.tickcast.market.Unit;

/** Writes versions of best prices and order books. */
final class BookPublisher {
    private final String contract;
    private final byte[] topKey;
    final Header header;
    private final Buffer buffer = new Buffer();
    private Output out;
    private Input in;
    private long epoch;

    int priceScale;
    int qtyScale;
    Quality shown = Quality.OK; // of all keys

    BookPublisher(String contract) {
        this.contract = contract;
        this.topKey = Buffer.ascii(contract);
        this.header = new Header(contract);
    }

    void begin(Output o, Input i, long e) {
        out = o;
        in = i;
        epoch = e;
    }

    byte[] key(Unit resolution) {
        return Buffer.ascii(contract + "/" + resolution);
    }

    private void begin(Change c) {
        c.dirty = false;
        header.appendJson(buffer.clear(), epoch, c.seq, c.eventMs, in.computeMs, shown);
    }

    void top(Top t) {
        begin(t);
        BookMessages.appendBest(buffer, t.bid, t.bidQty, t.ask, t.askQty, t.update, priceScale, qtyScale);
        out.write(Topic.BBO, "bbo", Version.of(epoch, 0, t.seq), topKey, buffer.copy());
    }

    void book(View v) {
        begin(v);
        BookMessages.appendBook(buffer, v.resolution, v.update, v.shown[BookMachine.BIDS], v.shown[BookMachine.ASKS], priceScale, qtyScale);
        out.write(Topic.BOOKS, "orderbook", Version.of(epoch, 0, v.seq), v.key, buffer.copy());
    }

    /** Takes a book's retained value from the clients. */
    void clearBook(byte[] key, long seq) {
        out.write(Topic.BOOKS, "orderbook", Version.of(epoch, 0, seq), key, null);
    }

    void clearTop(long seq) {
        out.write(Topic.BBO, "bbo", Version.of(epoch, 0, seq), topKey, null);
    }
}
