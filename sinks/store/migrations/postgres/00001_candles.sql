-- +goose Up
CREATE TABLE contracts (
	id   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name TEXT NOT NULL UNIQUE
);

-- Prices are integers of 10^-price_scale. Volumes are of 10^-qty_scale, quote amounts of the sum of both.
CREATE TABLE candles (
	contract     BIGINT NOT NULL REFERENCES contracts (id),
	period       SMALLINT NOT NULL, -- 0 is 1s, 15 is 1M
	open_ms      BIGINT NOT NULL,
	epoch        BIGINT NOT NULL, -- the version is (epoch, open_ms, seq)
	seq          BIGINT NOT NULL,
	price_scale  SMALLINT NOT NULL,
	qty_scale    SMALLINT NOT NULL,
	open         BIGINT NOT NULL,
	high         BIGINT NOT NULL,
	low          BIGINT NOT NULL,
	close        BIGINT NOT NULL,
	volume       NUMERIC(39, 0) NOT NULL,
	quote_volume NUMERIC(39, 0) NOT NULL,
	buy_volume   NUMERIC(39, 0) NOT NULL,
	buy_quote    NUMERIC(39, 0) NOT NULL,
	trades       BIGINT NOT NULL,
	first_id     BIGINT NOT NULL, -- -1 without trades
	last_id      BIGINT NOT NULL,
	revision     INTEGER NOT NULL,
	quality      SMALLINT NOT NULL,
	fill         BOOLEAN NOT NULL,
	PRIMARY KEY (contract, period, open_ms)
);

-- Where reading of the ledger stands; written with the rows. sum is the checksum (CRC-32C) of the record before the position: a log that began anew has another
-- one there. -1: not known.
CREATE TABLE positions (
	topic     TEXT NOT NULL,
	partition INTEGER NOT NULL,
	next      BIGINT NOT NULL,
	sum       BIGINT NOT NULL,
	PRIMARY KEY (topic, partition)
);
