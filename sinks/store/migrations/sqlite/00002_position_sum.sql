-- +goose Up
-- Checksum (CRC-32C) of the record before the position: a log that began anew has another one there. -1: not known.
ALTER TABLE positions ADD COLUMN sum INTEGER NOT NULL DEFAULT -1;
