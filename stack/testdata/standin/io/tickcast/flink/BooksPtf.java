package io.tickcast.flink;

import org.apache.flink.table.annotation.ArgumentHint;
import org.apache.flink.table.annotation.ArgumentTrait;
import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.annotation.StateHint;
import org.apache.flink.table.functions.ProcessTableFunction;
import org.apache.flink.types.Row;

/** A stand-in for tests of the stack: counts a contract's records and passes each one through. */
@DataTypeHint("ROW<topic STRING, k STRING, v BYTES, h MAP<STRING, BYTES>>")
public class BooksPtf extends ProcessTableFunction<Row> {
  public void eval(@StateHint(type = @DataTypeHint("ROW<n BIGINT>")) Row state, @ArgumentHint(ArgumentTrait.SET_SEMANTIC_TABLE) Row input, Long startMs) {
    Long before = state.getFieldAs("n");
    long n = before == null ? 1 : before + 1;
    state.setField("n", n);
    String contract = input.getFieldAs("k");
    byte[] raw = input.getFieldAs("raw");
    collect(StandIn.row("push.bbo", contract, raw, input.getField("kts"), n, "bbo"));
    collect(StandIn.row("push.books", contract + "/1", raw, input.getField("kts"), n, "book"));
  }
}
