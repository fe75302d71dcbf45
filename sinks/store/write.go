package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/tickcast/tickcast/market"
)

// position is where reading stands in one partition: the offset of the next record, and the checksum of the one before it, -1 where it is not known.
type position struct {
	topic     string
	partition int32
	next      int64
	sum       int64
}

const upsert = `INSERT INTO candles (contract, period, ` + columns + `) VALUES (?,?, ?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
	ON CONFLICT DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, price_scale = excluded.price_scale, qty_scale = excluded.qty_scale,
		open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume,
		quote_volume = excluded.quote_volume, buy_volume = excluded.buy_volume, buy_quote = excluded.buy_quote, trades = excluded.trades,
		first_id = excluded.first_id, last_id = excluded.last_id, revision = excluded.revision, quality = excluded.quality, fill = excluded.fill
	WHERE (excluded.epoch, excluded.seq) > (candles.epoch, candles.seq)`

const savePosition = `INSERT INTO positions (topic, partition, next, sum) VALUES (?,?,?,?)
	ON CONFLICT DO UPDATE SET next = excluded.next, sum = excluded.sum`

// write puts candles and positions into the file in one transaction: after a crash both are there or neither. A candle counts if its version is newer than that of
// its row; written says how many did.
func (db *DB) write(ctx context.Context, candles []market.CandleMessage, ps []position) (written int64, err error) {
	tx, err := db.w.BeginTx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("write candles: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	fresh := map[string]int64{}
	if written, err = db.upsert(ctx, tx, candles, fresh); err != nil {
		return 0, fmt.Errorf("write candles: %w", err)
	}
	for _, p := range ps {
		if _, err := tx.ExecContext(ctx, savePosition, p.topic, p.partition, p.next, p.sum); err != nil {
			return 0, fmt.Errorf("write position: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return 0, fmt.Errorf("write candles: %w", err)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	for name, id := range fresh {
		db.ids[name] = id
	}
	return written, nil
}

func (db *DB) upsert(ctx context.Context, tx *sql.Tx, candles []market.CandleMessage, fresh map[string]int64) (written int64, err error) {
	st, err := tx.PrepareContext(ctx, upsert)
	if err != nil {
		return 0, err
	}
	defer st.Close()
	for i := range candles {
		m := &candles[i]
		id, ok := db.contract(m.Contract)
		if !ok {
			id, ok = fresh[m.Contract]
		}
		if !ok {
			if err := tx.QueryRowContext(ctx, "INSERT INTO contracts (name) VALUES (?) RETURNING id", m.Contract).Scan(&id); err != nil {
				return 0, err
			}
			fresh[m.Contract] = id
		}
		c := &m.Candle
		res, err := st.ExecContext(ctx, id, int(c.Period), c.OpenMs, m.Epoch, m.Seq, m.PriceScale, m.QtyScale, c.Open, c.High, c.Low, c.Close,
			column(c.Volume), column(c.QuoteVolume), column(c.BuyVolume), column(c.BuyQuoteVolume), c.Trades, c.FirstID, c.LastID, c.Revision, int(m.Quality), c.Fill)
		if err != nil {
			return 0, fmt.Errorf("%s %s %d: %w", m.Contract, c.Period, c.OpenMs, err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return 0, err
		}
		written += n
	}
	return written, nil
}

// positions reads where reading of a topic stood, by partition.
func (db *DB) positions(ctx context.Context, topic string) (map[int32]position, error) {
	rows, err := db.w.QueryContext(ctx, "SELECT partition, next, sum FROM positions WHERE topic = ?", topic)
	if err != nil {
		return nil, fmt.Errorf("read positions: %w", err)
	}
	defer rows.Close()
	ps := map[int32]position{}
	for rows.Next() {
		p := position{topic: topic}
		if err := rows.Scan(&p.partition, &p.next, &p.sum); err != nil {
			return nil, fmt.Errorf("read positions: %w", err)
		}
		ps[p.partition] = p
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read positions: %w", err)
	}
	return ps, nil
}
