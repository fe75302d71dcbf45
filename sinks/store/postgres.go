package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/market"
)

// PostgresConfig says which PostgreSQL database, and as whom.
type PostgresConfig struct {
	URL            string `yaml:"url"` // postgres://user@host:5432/database?sslmode=verify-full, without a password
	configs.Secret `yaml:",inline"`
}

// Validate names the key that is wrong. The error never contains what the URL holds.
func (c PostgresConfig) Validate() error {
	if err := c.Secret.Validate(); err != nil {
		return err
	}
	cc, err := pgx.ParseConfig(c.URL)
	switch {
	case c.URL == "" || err != nil:
		return errors.New("url: want postgres://user@host:5432/database?sslmode=verify-full")
	case cc.Password != "":
		return errors.New("url: must not hold a password; use password_file or password_env")
	}
	return nil
}

const postgresTimeout = 10 * time.Second

// openPostgres connects to a database that exists.
func openPostgres(ctx context.Context, cfg PostgresConfig) (_ *DB, err error) {
	cc, err := pgx.ParseConfig(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if cc.Password, err = cfg.Read(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	cc.ConnectTimeout = postgresTimeout
	cc.RuntimeParams["application_name"] = "tickcast"
	cc.RuntimeParams["statement_timeout"] = fmt.Sprint(postgresTimeout.Milliseconds())
	pool := stdlib.OpenDB(*cc)
	pool.SetMaxOpenConns(readers + 1)
	pool.SetMaxIdleConns(readers + 1)
	db := &DB{w: pool, r: pool, ids: map[string]int64{}, dialect: postgres{}}
	if err := db.prepare(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("store %s@%s:%d/%s: %w", cc.User, cc.Host, cc.Port, cc.Database, err)
	}
	return db, nil
}

type postgres struct{}

func (postgres) name() goose.Dialect { return goose.DialectPostgres }

const postgresUpsert = "INSERT INTO candles (contract, period, " + columns + `)
	SELECT c, p, t, e, s, ps, qs, o, h, l, cl, v::numeric, qv::numeric, bv::numeric, bqv::numeric, n, f, la, r, q, fi
	FROM unnest($1::int8[], $2::int2[], $3::int8[], $4::int8[], $5::int8[], $6::int2[], $7::int2[], $8::int8[], $9::int8[], $10::int8[], $11::int8[],
		$12::text[], $13::text[], $14::text[], $15::text[], $16::int8[], $17::int8[], $18::int8[], $19::int4[], $20::int2[], $21::bool[])
		AS u (c, p, t, e, s, ps, qs, o, h, l, cl, v, qv, bv, bqv, n, f, la, r, q, fi)` + ifNewer

// upsert is one statement: a round trip for each row would be most of the cost.
func (postgres) upsert(ctx context.Context, tx *sql.Tx, rows []row) (int64, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	n := len(rows)
	var wide [11][]int64 // contract, open time, epoch, seq, open, high, low, close, trades, first and last id
	for i := range wide {
		wide[i] = make([]int64, n)
	}
	var sums [4][]string
	for i := range sums {
		sums[i] = make([]string, n)
	}
	var narrow [4][]int16 // period, scales of price and quantity, quality
	for i := range narrow {
		narrow[i] = make([]int16, n)
	}
	revisions, fills := make([]int32, n), make([]bool, n)
	for i, m := range rows {
		c := &m.Candle
		for k, v := range [...]int64{m.contract, c.OpenMs, m.Epoch, m.Seq, c.Open, c.High, c.Low, c.Close, c.Trades, c.FirstID, c.LastID} {
			wide[k][i] = v
		}
		for k, v := range [...]market.Int128{c.Volume, c.QuoteVolume, c.BuyVolume, c.BuyQuoteVolume} {
			sums[k][i] = v.String()
		}
		for k, v := range [...]int{int(c.Period), m.PriceScale, m.QtyScale, int(m.Quality)} {
			narrow[k][i] = int16(v)
		}
		revisions[i], fills[i] = int32(c.Revision), c.Fill
	}
	res, err := tx.ExecContext(ctx, postgresUpsert, wide[0], narrow[0], wide[1], wide[2], wide[3], narrow[1], narrow[2], wide[4], wide[5], wide[6], wide[7],
		sums[0], sums[1], sums[2], sums[3], wide[8], wide[9], wide[10], revisions, narrow[3], fills)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
