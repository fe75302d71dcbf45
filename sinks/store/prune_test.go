package store

import (
	"testing"
	"time"

	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/market"
)

func TestOldCandlesGoInSmallStepsCountedBackFromTheNewest(t *testing.T) { each(t, pruned) }

func pruned(t *testing.T, fresh func(testing.TB) Config) {
	db := openDB(t, fresh(t))
	cfg := DefaultConfig()
	cfg.Retention = map[string]configs.Duration{"1s": configs.Duration(10 * time.Minute)}
	keepMs, err := cfg.retention()
	if err != nil {
		t.Fatal(err)
	}
	p := newPruner(keepMs)
	var all, want []market.CandleMessage
	for i := range int64(5000) {
		old := candle("OLD", market.Period1s, i*1000, 1, i+1) // a market of 1970 beside one of today
		now := candle("NOW", market.Period1s, 1_800_000_000_000+i*1000, 1, i+1)
		all = append(all, old, now)
		if i >= 5000-1-600 {
			want = append(want, old, now)
		}
		if i < 100 {
			m := candle("NOW", market.Period1m, i*60_000, 1, i+1)
			all, want = append(all, m), append(want, m)
		}
	}
	mustWrite(t, db, all...)
	if err := p.load(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	steps := 0
	for ; steps < 100; steps++ {
		n, err := p.step(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		if n > pruneRows {
			t.Fatalf("%d rows in one step", n)
		}
		if n == 0 {
			break
		}
	}
	if steps < 9 || steps > 10 {
		t.Errorf("%d steps for 8,800 rows of at most %d", steps, pruneRows)
	}
	has(t, db, newest(want))
	p.note([]market.CandleMessage{candle("OLD", market.Period1s, 5_005_000, 1, 6000)})
	if _, _, due := p.due(); due {
		t.Error("some seconds too long are taken away one by one")
	}
	p.note([]market.CandleMessage{candle("OLD", market.Period1s, 5_060_000, 1, 6000)})
	if s, before, due := p.due(); !due || s.contract != "OLD" || before != 5_060_000-600_000 {
		t.Errorf("%v before %d is due: %t", s, before, due)
	}
}

func TestAStoreThatRunsStaysWithinItsRetention(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1, nil)
	cfg := c.with(freshSQLite(t))
	cfg.Retention = map[string]configs.Duration{"1s": configs.Duration(time.Minute)}
	s, _ := run(t, cfg, quiet)
	for i := range int64(300) {
		c.produce(t, candle("X", market.Period1s, i*1000, 1, i+1))
	}
	c.flush(t)
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		ms, err := s.DB().Candles(t.Context(), market.CandleRange{Contract: "X", ToMs: 1 << 60, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if s.Stats().Written == 300 && len(ms) <= 62 {
			if len(ms) < 60 {
				t.Errorf("%d candles are left of a minute", len(ms))
			}
			return
		}
		if time.Since(begun) > patience {
			t.Fatalf("%d candles, %+v", len(ms), s.Stats())
		}
	}
}
