/**
 * The pure engines that Flink runs, without Flink. {@code flink-sql/README.md} is their specification, the Go package {@code compute} their twin: both give the same bytes but for tsc.
 *
 * <p>For each contract and log one {@link io.tickcast.engine.Engine}, made of a machine, the job's start and a {@link io.tickcast.engine.StateStore}:
 *
 * <pre>{@code
 * Engine e = new Engine(new CandleMachine("BTCUSDT"), startMs, store); // market.trades
 * Engine e = new Engine(new BookMachine("BTCUSDT"), startMs, store);   // market.books
 * Verdict v = e.apply(value, appendMs, computeMs, thin, output);
 * }</pre>
 *
 * <p>An engine is kept on the heap as long as it may be; a new one on the same store goes on where the last one was. One record costs one {@code put}. Every key of a store is of one contract,
 * so in Flink the store is a {@code MapView<Long, byte[]>} of a function that is partitioned by contract.
 */
package io.tickcast.engine;
