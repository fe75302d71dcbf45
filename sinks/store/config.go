package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// Config of the store.
type Config struct {
	Kafka      kafka.Config                `yaml:"kafka"`
	File       string                      `yaml:"file"`        // SQLite file; empty: a temporary one, gone at the end
	Postgres   *PostgresConfig             `yaml:"postgres"`    // nil: SQLite
	BatchRows  int                         `yaml:"batch_rows"`  // candles per transaction, at most
	BatchEvery configs.Duration            `yaml:"batch_every"` // how long a candle waits for its transaction, at most
	Retention  map[string]configs.Duration `yaml:"retention"`   // by period, counted back from its newest candle; 0 or absent: for ever
}

const day = configs.Duration(24 * time.Hour)

// DefaultConfig keeps seconds for a day, minutes for a month, and what is longer than half an hour for ever.
func DefaultConfig() Config {
	return Config{Kafka: kafka.DefaultConfig(), BatchRows: 2000, BatchEvery: configs.Duration(100 * time.Millisecond),
		Retention: map[string]configs.Duration{"1s": day, "1m": 31 * day, "3m": 93 * day, "5m": 93 * day, "15m": 366 * day, "30m": 366 * day}}
}

// Validate names the key that is wrong.
func (c Config) Validate() error {
	if err := c.Kafka.Validate(); err != nil {
		return err
	}
	if c.BatchRows < 1 || c.BatchRows > 100_000 {
		return fmt.Errorf("batch_rows: %d, want 1 to 100000", c.BatchRows)
	}
	if d := c.BatchEvery.D(); d < time.Millisecond || d > time.Minute {
		return fmt.Errorf("batch_every: %s, want 1ms to 1m", d)
	}
	if c.Postgres != nil {
		if c.File != "" {
			return errors.New("file and postgres: only one can be given")
		}
		if err := c.Postgres.Validate(); err != nil {
			return fmt.Errorf("postgres.%w", err)
		}
	}
	_, err := c.retention()
	return err
}

// retention is how long each period's candles are kept, in milliseconds; 0: for ever.
func (c Config) retention() (keepMs [market.PeriodCount]int64, err error) {
	for name, d := range c.Retention {
		p, err := market.ParsePeriod(name)
		if err != nil {
			return keepMs, fmt.Errorf("retention: %w", err)
		}
		if d < 0 || d > 0 && d.D().Milliseconds() < p.NextMs(0) {
			return keepMs, fmt.Errorf("retention.%s: %s is shorter than one candle", name, d)
		}
		keepMs[p] = d.D().Milliseconds()
	}
	return keepMs, nil
}
