-- Candles and tickers: one keyed operator reads each contract's log of trades and writes four topics of live state and the ledger.
-- Rendered by package flinksql; a variable that is not set is an error. One SET per line, or the client takes only the first.
SET 'pipeline.name' = 'tickcast-candles';
SET 'execution.checkpointing.dir' = 'file:///data/checkpoints';
SET 'execution.checkpointing.savepoint-dir' = 'file:///data/savepoints';
SET 'execution.state-recovery.path' = 'file:///data/checkpoints/0/chk-7';

-- Records as raw bytes. `raw` is a reserved word and stands in quotes. kts is the time of producing; part and off say where a record is that cannot be used.
CREATE TABLE market_trades (
  `raw` BYTES,
  k STRING,
  kts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  part INT METADATA FROM 'partition' VIRTUAL,
  off BIGINT METADATA FROM 'offset' VIRTUAL
) WITH (
  'connector' = 'kafka',
  'topic' = 'market.trades',
  'properties.bootstrap.servers' = '127.0.0.1:19092',
  'properties.security.protocol' = 'PLAINTEXT',
  'properties.group.id' = 'tickcast-flink-candles',
  'scan.startup.mode' = 'earliest-offset', -- without a state to restore, which has its offsets
  'key.format' = 'raw',
  'key.fields' = 'k',
  'value.format' = 'raw',
  'value.fields-include' = 'EXCEPT_KEY'
);

-- Live state: at least once and outside transactions, visible at once. A row says which of these topics it is for. A null value clears a key.
CREATE TABLE live (
  topic STRING METADATA,
  k STRING,
  v BYTES,
  h MAP<STRING, BYTES> METADATA FROM 'headers'
) WITH (
  'connector' = 'kafka',
  'topic' = 'push.candles;push.closed;push.tickers;market.late;market.quarantine',
  'properties.bootstrap.servers' = '127.0.0.1:19092',
  'properties.security.protocol' = 'PLAINTEXT',
  'properties.linger.ms' = '0', -- 5 is the default since Kafka 4
  'properties.acks' = 'all',
  'properties.compression.type' = 'none',
  'key.format' = 'raw',
  'key.fields' = 'k',
  'value.format' = 'raw',
  'value.fields-include' = 'EXCEPT_KEY',
  'sink.delivery-guarantee' = 'at-least-once'
);

-- The ledger: exactly once, so visible to its readers with the next checkpoint. The timeout is below Kafka's transaction.max.timeout.ms (15 minutes), which would
-- refuse the producer's default here (an hour), and far above the time between two checkpoints plus a restart: a transaction that times out would be lost.
CREATE TABLE ledger (
  k STRING,
  v BYTES,
  h MAP<STRING, BYTES> METADATA FROM 'headers'
) WITH (
  'connector' = 'kafka',
  'topic' = 'ledger.candles',
  'properties.bootstrap.servers' = '127.0.0.1:19092',
  'properties.security.protocol' = 'PLAINTEXT',
  'properties.transaction.timeout.ms' = '600000',
  'properties.linger.ms' = '100', -- its readers wait for the next checkpoint anyway, and a request for each record costs more than all else that is done for it
  'properties.batch.size' = '131072',
  'properties.compression.type' = 'none',
  'key.format' = 'raw',
  'key.fields' = 'k',
  'value.format' = 'raw',
  'value.fields-include' = 'EXCEPT_KEY',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'tickcast-ledger-candles'
);

CREATE FUNCTION Candles AS 'io.tickcast.flink.CandlesPtf' LANGUAGE JAVA;
-- An argument's name is that of the Java parameter. State belongs to the uid, and outlives changes of the query around the function. The first column is the key of the partition,
-- which a function's rows get in front of their own.
CREATE TEMPORARY VIEW computed AS
  SELECT * FROM Candles(input => TABLE market_trades PARTITION BY k, startMs => CAST(1795470000000 AS BIGINT), uid => 'candles-1') AS T(contract, topic, k, v, h);

EXECUTE STATEMENT SET BEGIN
  INSERT INTO live SELECT topic, k, v, h FROM computed WHERE topic <> 'ledger.candles';
  INSERT INTO ledger SELECT k, v, h FROM computed WHERE topic = 'ledger.candles';
END;
