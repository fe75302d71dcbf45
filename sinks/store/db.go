package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/pressly/goose/v3"

	"github.com/tickcast/tickcast/market"
)

//go:embed migrations/sqlite/*.sql migrations/postgres/*.sql
var migrations embed.FS

// DB is the database with the closed candles: an SQLite file or a PostgreSQL database. It is safe for any number of goroutines; one of them at a time writes.
type DB struct {
	w, r    *sql.DB // of PostgreSQL the same
	dialect dialect
	temp    string // folder to remove at the end

	mu  sync.RWMutex
	ids map[string]int64 // of contracts
}

// dialect is what the two databases do differently. Both know statements with $1, $2 and so on, if each first comes in this order.
type dialect interface {
	// name is that of goose, and of the folder with the migrations.
	name() goose.Dialect
	// upsert writes rows, each key once, over those of older versions, and says how many it wrote.
	upsert(ctx context.Context, tx *sql.Tx, rows []row) (written int64, err error)
}

// row is a candle with its contract's id.
type row struct {
	contract int64
	*market.CandleMessage
}

// readers is how many questions are answered at once; what comes then waits.
const readers = 4

// Open opens the database that the configuration names, and brings its schema up to date.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Postgres != nil {
		return openPostgres(ctx, *cfg.Postgres)
	}
	return openSQLite(ctx, cfg.File)
}

// prepare brings the schema up to date and reads what is kept in memory.
func (db *DB) prepare(ctx context.Context) error {
	if err := migrate(ctx, db.w, db.dialect.name()); err != nil {
		return err
	}
	return db.loadContracts(ctx)
}

// migrate brings the schema up to date; one of a newer program is refused.
func migrate(ctx context.Context, db *sql.DB, name goose.Dialect) error {
	files, err := fs.Sub(migrations, "migrations/"+folders[name])
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(name, db, files)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	is, knows, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read its schema's version: %w", err)
	}
	if is > knows {
		return fmt.Errorf("its schema is version %d, this program knows %d: it was written by a newer one", is, knows)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate its schema from version %d to %d: %w", is, knows, err)
	}
	return nil
}

var folders = map[goose.Dialect]string{goose.DialectSQLite3: "sqlite", goose.DialectPostgres: "postgres"}

// Close lets go of the database.
func (db *DB) Close() error {
	var errs []error
	if db.r != nil && db.r != db.w {
		errs = append(errs, db.r.Close())
	}
	if db.w != nil { // the writer last: it takes what SQLite's WAL holds into the file
		errs = append(errs, db.w.Close())
	}
	if db.temp != "" {
		errs = append(errs, os.RemoveAll(db.temp))
	}
	return errors.Join(errs...)
}

func (db *DB) loadContracts(ctx context.Context) error {
	rows, err := db.w.QueryContext(ctx, "SELECT id, name FROM contracts")
	if err != nil {
		return err
	}
	defer rows.Close()
	ids := map[string]int64{}
	for rows.Next() {
		var id int64
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			return err
		}
		ids[name] = id
	}
	if err := rows.Err(); err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.ids = ids
	return nil
}

// contract returns the id of a contract that has candles.
func (db *DB) contract(name string) (int64, bool) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	id, ok := db.ids[name]
	return id, ok
}
