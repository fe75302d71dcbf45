package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	_ "github.com/mattn/go-sqlite3" // the driver
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// DB is the SQLite file with the closed candles. It is safe for any number of goroutines; one of them at a time writes.
type DB struct {
	w, r *sql.DB
	temp string // folder to remove at the end

	mu  sync.RWMutex
	ids map[string]int64 // of contracts
}

// readers is how many questions are answered at once; what comes then waits.
const readers = 4

// Open opens the file, makes it if there is none, and brings its schema up to date. An empty name means a temporary file.
func Open(ctx context.Context, file string) (_ *DB, err error) {
	db := &DB{ids: map[string]int64{}}
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
	if db.w, err = open(file, "_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=10000&_txlock=immediate", 1); err != nil {
		return nil, err
	}
	if err := migrate(ctx, db.w); err != nil {
		return nil, fmt.Errorf("store %s: %w", file, err)
	}
	if _, err := db.w.ExecContext(ctx, "PRAGMA journal_size_limit = 16777216"); err != nil { // otherwise one long reader leaves a large file behind for good
		return nil, fmt.Errorf("store %s: %w", file, err)
	}
	if err := db.loadContracts(ctx); err != nil {
		return nil, fmt.Errorf("store %s: %w", file, err)
	}
	db.r, err = open(file, "mode=ro&_query_only=1&_busy_timeout=10000", readers)
	return db, err
}

func open(file, options string, conns int) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", "file:"+(&url.URL{Path: file}).EscapedPath()+"?"+options)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", file, err)
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// migrate brings the schema up to date; a file of a newer program is refused.
func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files)
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

// Close lets go of the file.
func (db *DB) Close() error {
	var errs []error
	for _, d := range []*sql.DB{db.r, db.w} { // the writer last: it takes what the WAL holds into the file
		if d != nil {
			errs = append(errs, d.Close())
		}
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
	for rows.Next() {
		var id int64
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			return err
		}
		db.ids[name] = id
	}
	return rows.Err()
}

// contract returns the id of a contract that has candles.
func (db *DB) contract(name string) (int64, bool) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	id, ok := db.ids[name]
	return id, ok
}
