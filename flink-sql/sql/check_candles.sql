-- The independent check of the ledger: closed candles of 1m, 5m and 1h out of the same log of trades, by Flink's JSON format, SQL's windows and decimals, and nothing of the engines.
-- `tickcast stack check` runs it and compares. It reads the log as it is when the job begins, and ends. In batch mode, because contracts of different times (recordings) share partitions: a watermark that one of
-- them moves would make the others' trades late. Here no trade is late, and a window is closed when all have been read.
SET 'pipeline.name' = 'tickcast-check-candles';
SET 'execution.runtime-mode' = 'batch';
SET 'table.dml-sync' = 'true';
SET 'table.local-time-zone' = 'UTC';

-- The records of all kinds, with the fields that are of use here; those that a kind does not have are null. What is no JSON is left out, the jobs have it in quarantine.
CREATE TABLE market_trades (
  k STRING,
  s STRING,
  w BIGINT,
  epoch BIGINT,
  seq BIGINT,
  ts BIGINT,
  p DECIMAL(38, 12), -- trade, correction
  qty DECIMAL(38, 12),
  m BOOLEAN,
  a BIGINT, -- trade, correction, bust: the id by which a trade is replaced or taken back
  f BIGINT,
  l BIGINT,
  `periods` ARRAY<STRING>, -- contract: what is served; empty: all
  seeds INT, -- contract: candles from before follow
  et AS TO_TIMESTAMP_LTZ(ts, 3),
  WATERMARK FOR et AS et
) WITH (
  'connector' = 'kafka',
  'topic' = '${topic.market.trades}',
  'properties.bootstrap.servers' = '${brokers}',
  ${security},
  'properties.group.id' = 'tickcast-flink-check',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset',
  'format' = 'json',
  'json.ignore-parse-errors' = 'true'
);

CREATE TABLE checked (
  k STRING,
  s STRING,
  epoch BIGINT,
  i STRING,
  t BIGINT,
  o STRING,
  h STRING,
  l STRING,
  c STRING,
  v STRING,
  qv STRING,
  n BIGINT,
  bv STRING,
  bqv STRING,
  f BIGINT,
  `L` BIGINT,
  whole BIGINT, -- from this time on the epoch's log has every trade; null: it does not say
  limited BOOLEAN -- the contract does not serve all periods
) WITH (
  'connector' = 'kafka',
  'topic' = '${topic.check.candles}',
  'properties.bootstrap.servers' = '${brokers}',
  ${security},
  'key.format' = 'raw',
  'key.fields' = 'k',
  'value.format' = 'json',
  'value.fields-include' = 'EXCEPT_KEY'
);

CREATE FUNCTION Traded AS '${function.traded}' LANGUAGE JAVA;

-- The newest record of each trade: one that was written twice counts once, a correction replaces it, a bust takes it back.
CREATE TEMPORARY VIEW trades AS
  SELECT * FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY s, epoch, a ORDER BY seq DESC, w DESC) AS newest
    FROM market_trades WHERE k IN ('trade', 'correction', 'bust')
  ) WHERE newest = 1 AND k <> 'bust' AND p IS NOT NULL AND qty IS NOT NULL AND m IS NOT NULL AND f IS NOT NULL AND l IS NOT NULL;

CREATE TEMPORARY VIEW windows AS
  SELECT s, epoch, '1m' AS i, window_start AS opens, Traded(ts, f, l, p, qty, m) AS x FROM TABLE(TUMBLE(TABLE trades, DESCRIPTOR(et), INTERVAL '1' MINUTE)) GROUP BY s, epoch, window_start, window_end
  UNION ALL
  SELECT s, epoch, '5m' AS i, window_start AS opens, Traded(ts, f, l, p, qty, m) AS x FROM TABLE(TUMBLE(TABLE trades, DESCRIPTOR(et), INTERVAL '5' MINUTE)) GROUP BY s, epoch, window_start, window_end
  UNION ALL
  SELECT s, epoch, '1h' AS i, window_start AS opens, Traded(ts, f, l, p, qty, m) AS x FROM TABLE(TUMBLE(TABLE trades, DESCRIPTOR(et), INTERVAL '1' HOUR)) GROUP BY s, epoch, window_start, window_end;

CREATE TEMPORARY VIEW beginnings AS
  SELECT s, epoch, MIN(CASE WHEN seeds > 0 THEN ts END) AS whole, MAX(CARDINALITY(`periods`)) > 0 AS limited FROM market_trades WHERE k = 'contract' GROUP BY s, epoch;

CREATE TEMPORARY VIEW candles AS
  SELECT c.*, 60000 * CAST(TIMESTAMPDIFF(MINUTE, TIMESTAMP '1970-01-01 00:00:00', c.opens) AS BIGINT) AS t, b.whole, b.limited
  FROM windows AS c LEFT JOIN beginnings AS b ON c.s = b.s AND c.epoch = b.epoch;

${verb} STATEMENT SET BEGIN
  INSERT INTO checked
    SELECT s || '/' || i || '/' || CAST(t AS STRING), s, epoch, i, t, x.o, x.h, x.l, x.c, x.v, x.qv, x.n, x.bv, x.bqv, x.f, x.`L`, whole, limited FROM candles;
END;
