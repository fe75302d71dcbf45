-- Best bid and offer, and order books: one keyed operator reads each contract's log of books. The comments of candles.sql hold here too.
SET 'pipeline.name' = 'tickcast-books';
SET 'execution.checkpointing.dir' = 'file:///data/checkpoints';
SET 'execution.checkpointing.savepoint-dir' = 'file:///data/savepoints';
SET 'execution.state-recovery.path' = 'file:///data/checkpoints/0/chk-7';

CREATE TABLE market_books (
  `raw` BYTES,
  k STRING,
  kts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  part INT METADATA FROM 'partition' VIRTUAL,
  off BIGINT METADATA FROM 'offset' VIRTUAL
) WITH (
  'connector' = 'kafka',
  'topic' = 'market.books',
  'properties.bootstrap.servers' = '127.0.0.1:19092',
  'properties.security.protocol' = 'PLAINTEXT',
  'properties.group.id' = 'tickcast-flink-books',
  'scan.startup.mode' = 'earliest-offset',
  'key.format' = 'raw',
  'key.fields' = 'k',
  'value.format' = 'raw',
  'value.fields-include' = 'EXCEPT_KEY'
);

CREATE TABLE live (
  topic STRING METADATA,
  k STRING,
  v BYTES,
  h MAP<STRING, BYTES> METADATA FROM 'headers'
) WITH (
  'connector' = 'kafka',
  'topic' = 'push.bbo;push.books;market.quarantine',
  'properties.bootstrap.servers' = '127.0.0.1:19092',
  'properties.security.protocol' = 'PLAINTEXT',
  'properties.linger.ms' = '0',
  'properties.acks' = 'all',
  'properties.compression.type' = 'none',
  'key.format' = 'raw',
  'key.fields' = 'k',
  'value.format' = 'raw',
  'value.fields-include' = 'EXCEPT_KEY',
  'sink.delivery-guarantee' = 'at-least-once'
);

CREATE FUNCTION Books AS 'io.tickcast.flink.BooksPtf' LANGUAGE JAVA;
CREATE TEMPORARY VIEW computed AS
  SELECT * FROM Books(input => TABLE market_books PARTITION BY k, startMs => CAST(1795470000000 AS BIGINT), uid => 'books-1') AS T(contract, topic, k, v, h);

EXECUTE STATEMENT SET BEGIN
  INSERT INTO live SELECT topic, k, v, h FROM computed;
END;
