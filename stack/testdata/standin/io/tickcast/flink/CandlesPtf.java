package io.tickcast.flink;

import org.apache.flink.table.annotation.ArgumentHint;
import org.apache.flink.table.annotation.ArgumentTrait;
import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.annotation.StateHint;
import org.apache.flink.table.functions.ProcessTableFunction;
import org.apache.flink.types.Row;

/** A stand-in for tests of the stack: counts a contract's records, which is state, and passes each one through to the live topic and to the ledger. */
@DataTypeHint("ROW<topic STRING, k STRING, v BYTES, h MAP<STRING, BYTES>>")
public class CandlesPtf extends ProcessTableFunction<Row> {
  public void eval(@StateHint(type = @DataTypeHint("ROW<n BIGINT>")) Row state, @ArgumentHint(ArgumentTrait.SET_SEMANTIC_TABLE) Row input, Long startMs) {
    byte[] raw = input.getFieldAs("raw");
    String contract = input.getFieldAs("k");
    Object kts = input.getField("kts");
    Long before = state.getFieldAs("n");
    long n = before == null ? 1 : before + 1;
    state.setField("n", n);
    collect(StandIn.row("push.candles", contract + "/1s", raw, kts, n, "candle"));
    if (StandIn.says(raw, "clear")) {
      collect(StandIn.row("push.closed", contract + "/1s", null, kts, n, "candle"));
    }
    if (StandIn.says(raw, "elsewhere")) {
      collect(StandIn.row("push.bbo", contract, raw, kts, n, "bbo"));
    }
    collect(StandIn.row("ledger.candles", contract + "/1s/" + n, raw, kts, n, "candle"));
  }
}
