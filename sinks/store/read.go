package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/tickcast/tickcast/market"
)

const columns = `open_ms, epoch, seq, price_scale, qty_scale, open, high, low, close, volume, quote_volume, buy_volume, buy_quote,
	trades, first_id, last_id, revision, quality, fill`

const (
	oldestFirst = "SELECT " + columns + " FROM candles WHERE contract = ? AND period = ? AND open_ms BETWEEN ? AND ? ORDER BY open_ms LIMIT ?"
	newestFirst = "SELECT " + columns + " FROM candles WHERE contract = ? AND period = ? AND open_ms BETWEEN ? AND ? ORDER BY open_ms DESC LIMIT ?"
)

// Candles returns closed candles, oldest first; none of a contract that is not known. Of the envelope they have the contract, epoch, sequence and quality.
func (db *DB) Candles(ctx context.Context, q market.CandleRange) ([]market.CandleMessage, error) {
	id, ok := db.contract(q.Contract)
	if !ok {
		return nil, nil
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

// wide is a sum as a column holds it: an integer if it has 63 bits, else 16 bytes big endian.
type wide market.Int128

// Scan implements sql.Scanner.
func (w *wide) Scan(v any) error {
	switch v := v.(type) {
	case int64:
		*w = wide(market.Int128From(v))
		return nil
	case []byte:
		if len(v) == 16 {
			*w = wide{Hi: int64(binary.BigEndian.Uint64(v)), Lo: binary.BigEndian.Uint64(v[8:])}
			return nil
		}
	}
	return fmt.Errorf("a sum is stored as %T", v)
}

// column is the form that Scan reads.
func column(v market.Int128) any {
	if v.Hi == 0 && v.Lo < 1<<63 {
		return int64(v.Lo)
	}
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(v.Hi)), v.Lo)
}
