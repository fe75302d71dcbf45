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

// ifNewer ends an upsert: a row takes the new values if their version is greater than its own.
const ifNewer = ` ON CONFLICT (contract, period, open_ms) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, price_scale = excluded.price_scale, qty_scale = excluded.qty_scale,
		open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume,
		quote_volume = excluded.quote_volume, buy_volume = excluded.buy_volume, buy_quote = excluded.buy_quote, trades = excluded.trades,
		first_id = excluded.first_id, last_id = excluded.last_id, revision = excluded.revision, quality = excluded.quality, fill = excluded.fill
	WHERE (excluded.epoch, excluded.seq) > (candles.epoch, candles.seq)`

const savePosition = `INSERT INTO positions (topic, partition, next, sum) VALUES ($1, $2, $3, $4)
	ON CONFLICT (topic, partition) DO UPDATE SET next = excluded.next, sum = excluded.sum`

// listContract gives a contract its id; another process may have done so meanwhile.
const listContract = "INSERT INTO contracts (name) VALUES ($1) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id"

// write puts candles and positions into the database in one transaction: after a crash both are there or neither. A candle counts if its version is newer than that of
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

// upsert gives each key's newest candle to the database: no statement may touch a row twice.
func (db *DB) upsert(ctx context.Context, tx *sql.Tx, candles []market.CandleMessage, fresh map[string]int64) (written int64, err error) {
	type key struct {
		contract, openMs int64
		period           market.Period
	}
	rows := make([]row, 0, len(candles))
	at := make(map[key]int, len(candles))
	for i := range candles {
		m := &candles[i]
		id, ok := db.contract(m.Contract)
		if !ok {
			id, ok = fresh[m.Contract]
		}
		if !ok {
			if err := tx.QueryRowContext(ctx, listContract, m.Contract).Scan(&id); err != nil {
				return 0, err
			}
			fresh[m.Contract] = id
		}
		k := key{id, m.OpenMs, m.Period}
		if n, twice := at[k]; !twice {
			at[k] = len(rows)
			rows = append(rows, row{id, m})
		} else if rows[n].Version().Less(m.Version()) {
			rows[n].CandleMessage = m
		}
	}
	return db.dialect.upsert(ctx, tx, rows)
}

// positions reads where reading of a topic stood, by partition.
func (db *DB) positions(ctx context.Context, topic string) (map[int32]position, error) {
	rows, err := db.w.QueryContext(ctx, "SELECT partition, next, sum FROM positions WHERE topic = $1", topic)
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
