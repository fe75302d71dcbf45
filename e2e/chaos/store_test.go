package chaos

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/sinks/store"
)

// stored says where PostgreSQL has not what the ledger's newest versions are.
func (l *ledger) stored(t *testing.T, s *servers, contracts []market.Contract) error {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{Postgres: &store.PostgresConfig{
		URL: fmt.Sprintf("postgres://tickcast@%s/tickcast?sslmode=disable", loopback(s.cfg.Postgres.Port)), Secret: configs.Secret{File: filepath.Join(s.cfg.DataDir, "postgres.password")}}})
	if err != nil {
		return err
	}
	defer db.Close()
	has := map[string]market.CandleMessage{}
	for _, c := range contracts {
		for _, p := range c.Period {
			ms, err := db.Candles(t.Context(), market.CandleRange{Contract: c.ID, Period: p, ToMs: math.MaxInt64, Limit: math.MaxInt32})
			if err != nil {
				return err
			}
			for _, m := range ms {
				has[catalog.LedgerKey(m.Contract, p, m.OpenMs)] = m
			}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(has) != len(l.newest) {
		return fmt.Errorf("it has %d candles, the ledger %d", len(has), len(l.newest))
	}
	for key, want := range l.newest {
		m, ok := has[key]
		if !ok {
			return fmt.Errorf("%s is missing", key)
		}
		if m.Version() != want.Version() || m.Quality != want.Quality || m.Candle != want.Candle {
			return fmt.Errorf("%s: stored %v %+v, in the ledger %v %+v", key, m.Version(), m.Candle, want.Version(), want.Candle)
		}
	}
	return nil
}
