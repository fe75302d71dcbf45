package io.tickcast.flink;

import io.tickcast.engine.candle.CandleMachine;
import org.apache.flink.table.annotation.ArgumentHint;
import org.apache.flink.table.annotation.ArgumentTrait;
import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.annotation.StateHint;
import org.apache.flink.table.api.dataview.MapView;
import org.apache.flink.table.data.RowData;

/** Candles of all periods and the 24 h ticker, of the log of trades. */
@DataTypeHint(value = LogFunction.OUTPUT, bridgedTo = RowData.class)
public final class CandlesPtf extends LogFunction {
    public CandlesPtf() {
        super("market.trades", CandleMachine::new);
    }

    /**
     * Takes one record.
     *
     * @param state the contract's, of the engine
     * @param input the columns {@code raw, k, kts, part, off} of the record
     * @param startMs the job's start: until a contract has a record that was produced since, only the ledger is written
     */
    public void eval(
            @StateHint MapView<Long, byte[]> state,
            @ArgumentHint(value = ArgumentTrait.SET_SEMANTIC_TABLE, type = @DataTypeHint(value = LogFunction.INPUT, bridgedTo = RowData.class)) RowData input,
            Long startMs) {
        take(state, input, startMs);
    }
}
