package store

import (
	"testing"
	"time"

	"github.com/tickcast/tickcast/market"
)

// BenchmarkLedger is one candle's way from the ledger on Kafka into the database.
func BenchmarkLedger(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { ledgerInto(b, freshSQLite) })
	b.Run("postgres", func(b *testing.B) { ledgerInto(b, freshPostgres) })
}

func ledgerInto(b *testing.B, fresh func(testing.TB) Config) {
	c := newCluster(b, 4, nil)
	contracts := []string{"A", "B", "C", "D"}
	for i := range b.N {
		c.produce(b, candle(contracts[i%4], market.Period1s, int64(i/4)*1000, 1, int64(i+1)))
	}
	c.flush(b)
	b.ResetTimer()
	begun := time.Now()
	s, stop := run(b, c.with(fresh(b)), quiet)
	b.StopTimer()
	b.ReportMetric(float64(b.N)/time.Since(begun).Seconds(), "rows/s")
	if n := s.Stats().Written; n != int64(b.N) {
		b.Errorf("%d written, want %d", n, b.N)
	}
	stop()
}

// BenchmarkUpsert is the database's part of it, in transactions of 2,000 rows.
func BenchmarkUpsert(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { upserts(b, freshSQLite) })
	b.Run("postgres", func(b *testing.B) { upserts(b, freshPostgres) })
}

func upserts(b *testing.B, fresh func(testing.TB) Config) {
	db := openDB(b, fresh(b))
	batch := make([]market.CandleMessage, 0, 2000)
	for i := range b.N {
		batch = append(batch, candle("A", market.Period1s, int64(i)*1000, 1, int64(i+1)))
		if len(batch) == cap(batch) || i == b.N-1 {
			mustWrite(b, db, batch...)
			batch = batch[:0]
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
