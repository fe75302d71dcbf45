-- +goose Up
CREATE TABLE contracts (
	id   INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE
) STRICT;

-- Prices are integers of 10^-price_scale. Volumes are of 10^-qty_scale, quote amounts of the sum of both: integers where they fit into 64 bits,
-- 16 bytes big endian where not.
CREATE TABLE candles (
	contract     INTEGER NOT NULL REFERENCES contracts (id),
	period       INTEGER NOT NULL, -- 0 is 1s, 15 is 1M
	open_ms      INTEGER NOT NULL,
	epoch        INTEGER NOT NULL, -- the version is (epoch, open_ms, seq)
	seq          INTEGER NOT NULL,
	price_scale  INTEGER NOT NULL,
	qty_scale    INTEGER NOT NULL,
	open         INTEGER NOT NULL,
	high         INTEGER NOT NULL,
	low          INTEGER NOT NULL,
	close        INTEGER NOT NULL,
	volume       ANY NOT NULL,
	quote_volume ANY NOT NULL,
	buy_volume   ANY NOT NULL,
	buy_quote    ANY NOT NULL,
	trades       INTEGER NOT NULL,
	first_id     INTEGER NOT NULL, -- -1 without trades
	last_id      INTEGER NOT NULL,
	revision     INTEGER NOT NULL,
	quality      INTEGER NOT NULL,
	fill         INTEGER NOT NULL,
	PRIMARY KEY (contract, period, open_ms)
) STRICT, WITHOUT ROWID;

-- Where reading of the ledger stands; written with the rows.
CREATE TABLE positions (
	topic     TEXT NOT NULL,
	partition INTEGER NOT NULL,
	next      INTEGER NOT NULL,
	PRIMARY KEY (topic, partition)
) STRICT, WITHOUT ROWID;
