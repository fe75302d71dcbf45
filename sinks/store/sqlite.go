package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "github.com/mattn/go-sqlite3" // the driver
	"github.com/pressly/goose/v3"

	"github.com/tickcast/tickcast/market"
)

// openSQLite opens the file, and makes it if there is none. An empty name means a temporary file.
func openSQLite(ctx context.Context, file string) (_ *DB, err error) {
	db := &DB{ids: map[string]int64{}, dialect: sqlite{}}
	defer func() {
		if err != nil {
			db.Close()
		}
	}()
	if file == "" {
		if db.temp, err = os.MkdirTemp("", "tickcast-store-"); err != nil {
			return nil, fmt.Errorf("open store: %w", err)
		}
		file = filepath.Join(db.temp, "store.db")
	} else if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	// WAL: readers never wait for the writer. NORMAL: a power cut may cost the last transactions, rows and positions alike, which are then read again.
	if db.w, err = sqliteFile(file, "_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=10000&_txlock=immediate", 1); err != nil {
		return nil, err
	}
	if err := db.prepare(ctx); err != nil {
		return nil, fmt.Errorf("store %s: %w", file, err)
	}
	if _, err := db.w.ExecContext(ctx, "PRAGMA journal_size_limit = 16777216"); err != nil { // otherwise one long reader leaves a large file behind for good
		return nil, fmt.Errorf("store %s: %w", file, err)
	}
	db.r, err = sqliteFile(file, "mode=ro&_query_only=1&_busy_timeout=10000", readers)
	return db, err
}

func sqliteFile(file, options string, conns int) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", "file:"+(&url.URL{Path: file}).EscapedPath()+"?"+options)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", file, err)
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

type sqlite struct{}

func (sqlite) name() goose.Dialect { return goose.DialectSQLite3 }

const sqliteUpsert = "INSERT INTO candles (contract, period, " + columns + ") VALUES (?,?, ?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)" + ifNewer

func (sqlite) upsert(ctx context.Context, tx *sql.Tx, rows []row) (written int64, err error) {
	st, err := tx.PrepareContext(ctx, sqliteUpsert)
	if err != nil {
		return 0, err
	}
	defer st.Close()
	for _, m := range rows {
		c := &m.Candle
		res, err := st.ExecContext(ctx, m.contract, int(c.Period), c.OpenMs, m.Epoch, m.Seq, m.PriceScale, m.QtyScale, c.Open, c.High, c.Low, c.Close,
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

// column is the form in which SQLite has a sum: an integer if it has 63 bits, else 16 bytes big endian.
func column(v market.Int128) any {
	if v.Hi == 0 && v.Lo < 1<<63 {
		return int64(v.Lo)
	}
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(v.Hi)), v.Lo)
}
