package io.tickcast.flink;

import io.tickcast.engine.orderbook.BookMachine;
import org.apache.flink.table.annotation.ArgumentHint;
import org.apache.flink.table.annotation.ArgumentTrait;
import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.annotation.StateHint;
import org.apache.flink.table.api.dataview.MapView;
import org.apache.flink.table.data.RowData;

/** Best bid and offer, and order books at each resolution, of the log of books. */
@DataTypeHint(value = LogFunction.OUTPUT, bridgedTo = RowData.class)
public final class BooksPtf extends LogFunction {
    public BooksPtf() {
        super("market.books", BookMachine::new);
    }

    /**
     * Takes one record.
     *
     * @param state the contract's, of the engine
     * @param input the columns {@code raw, k, kts, part, off} of the record
     * @param startMs the job's start: until a contract has a record that was produced since, nothing is written
     */
    public void eval(
            @StateHint MapView<Long, byte[]> state,
            @ArgumentHint(value = ArgumentTrait.SET_SEMANTIC_TABLE, type = @DataTypeHint(value = LogFunction.INPUT, bridgedTo = RowData.class)) RowData input,
            Long startMs) {
        take(state, input, startMs);
    }
}
