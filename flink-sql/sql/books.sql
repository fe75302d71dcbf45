-- Best bid and offer, and order books: one keyed operator reads each contract's log of books. The comments of candles.sql hold here too.
SET 'pipeline.name' = 'tickcast-books';
SET 'execution.checkpointing.dir' = '${checkpoints}';
SET 'execution.checkpointing.savepoint-dir' = '${savepoints}';
${recovery}

CREATE TABLE market_books (
  `raw` BYTES,
  k STRING,
  kts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  part INT METADATA FROM 'partition' VIRTUAL,
  off BIGINT METADATA FROM 'offset' VIRTUAL
) WITH (
  'connector' = 'kafka',
  'topic' = '${topic.market.books}',
  'properties.bootstrap.servers' = '${brokers}',
  ${security},
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
  'topic' = '${topic.push.bbo};${topic.push.books};${topic.market.quarantine}',
  'properties.bootstrap.servers' = '${brokers}',
  ${security},
  'properties.linger.ms' = '0',
  'properties.acks' = 'all',
  'properties.compression.type' = 'none',
  'key.format' = 'raw',
  'key.fields' = 'k',
  'value.format' = 'raw',
  'value.fields-include' = 'EXCEPT_KEY',
  'sink.delivery-guarantee' = 'at-least-once'
);

CREATE FUNCTION Books AS '${function.books}' LANGUAGE JAVA;
CREATE TEMPORARY VIEW computed AS
  SELECT * FROM Books(input => TABLE market_books PARTITION BY k, startMs => CAST(${start_ms} AS BIGINT), uid => 'books-1') AS T(contract, topic, k, v, h);

${verb} STATEMENT SET BEGIN
  INSERT INTO live SELECT topic, k, v, h FROM computed;
END;
