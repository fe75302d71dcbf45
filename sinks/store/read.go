package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/tickcast/tickcast/market"
)

const columns = `open_ms, epoch, seq, price_scale, qty_scale, open, high, low, close, volume, quote_volume, buy_volume, buy_quote,
	trades, first_id, last_id, revision, quality, fill`

const (
	oldestFirst = "SELECT " + columns + " FROM candles WHERE contract = $1 AND period = $2 AND open_ms BETWEEN $3 AND $4 ORDER BY open_ms LIMIT $5"
	newestFirst = "SELECT " + columns + " FROM candles WHERE contract = $1 AND period = $2 AND open_ms BETWEEN $3 AND $4 ORDER BY open_ms DESC LIMIT $5"
)

// Candles returns closed candles, oldest first; none of a contract that is not known. Of the envelope they have the contract, epoch, sequence and quality.
func (db *DB) Candles(ctx context.Context, q market.CandleRange) ([]market.CandleMessage, error) {
	id, err := db.lookUp(ctx, q.Contract)
	if err != nil || id == 0 {
		return nil, err
	}
	text := oldestFirst
	if q.Newest {
		text = newestFirst
	}
	rows, err := db.r.QueryContext(ctx, text, id, int(q.Period), q.FromMs, q.ToMs, q.Limit)
	if err != nil {
		return nil, fmt.Errorf("read candles: %w", err)
	}
	defer rows.Close()
	var ms []market.CandleMessage
	for rows.Next() {
		m := market.CandleMessage{Header: market.Header{Contract: q.Contract}, Candle: market.Candle{Period: q.Period, Closed: true}}
		c := &m.Candle
		if err := rows.Scan(&c.OpenMs, &m.Epoch, &m.Seq, &m.PriceScale, &m.QtyScale, &c.Open, &c.High, &c.Low, &c.Close,
			(*wide)(&c.Volume), (*wide)(&c.QuoteVolume), (*wide)(&c.BuyVolume), (*wide)(&c.BuyQuoteVolume),
			&c.Trades, &c.FirstID, &c.LastID, &c.Revision, &m.Quality, &c.Fill); err != nil {
			return nil, fmt.Errorf("read candles: %w", err)
		}
		ms = append(ms, m)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read candles: %w", err)
	}
	if q.Newest {
		slices.Reverse(ms)
	}
	return ms, nil
}

// lookUp returns the id of a contract, 0 if it has no candles. Another process may have written the first ones.
func (db *DB) lookUp(ctx context.Context, name string) (id int64, err error) {
	if id, ok := db.contract(name); ok {
		return id, nil
	}
	switch err = db.r.QueryRowContext(ctx, "SELECT id FROM contracts WHERE name = $1", name).Scan(&id); {
	case errors.Is(err, sql.ErrNoRows):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("read contracts: %w", err)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.ids[name] = id
	return id, nil
}

// wide is a sum as a column holds it: see column, and NUMERIC as text.
type wide market.Int128

// Scan implements sql.Scanner.
func (w *wide) Scan(v any) (err error) {
	switch v := v.(type) {
	case int64:
		*w = wide(market.Int128From(v))
		return nil
	case string:
		n, err := market.ParseInt128(v, 0)
		*w = wide(n)
		return err
	case []byte:
		if len(v) == 16 {
			*w = wide{Hi: int64(binary.BigEndian.Uint64(v)), Lo: binary.BigEndian.Uint64(v[8:])}
			return nil
		}
	}
	return fmt.Errorf("a sum is stored as %T", v)
}
