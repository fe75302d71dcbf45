package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/market"
)

// TestMain lets the test's own binary be the process that is killed.
func TestMain(m *testing.M) {
	setting := os.Getenv("TICKCAST_TEST_STORE")
	if setting == "" {
		code := m.Run()
		if shared.server != nil {
			shared.server.remove()
		}
		os.Exit(code)
	}
	var cfg Config
	if err := json.Unmarshal([]byte(setting), &cfg); err != nil {
		panic(err)
	}
	cfg.BatchRows, cfg.BatchEvery = 50, configs.Duration(2*time.Millisecond) // many small transactions: more places to be killed at
	s, err := New(cfg, quiet)
	if err == nil {
		fmt.Println("runs")
		err = s.Run(context.Background())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// TestKilledAtRandomMomentsEveryCandleIsThereOnce kills the process that stores while candles, revisions and replayed old versions are written to the ledger.
func TestKilledAtRandomMomentsEveryCandleIsThereOnce(t *testing.T) { each(t, killed) }

func killed(t *testing.T, fresh func(testing.TB) Config) {
	c := newCluster(t, 4, nil)
	cfg := c.with(fresh(t))
	setting, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	const seed = 11
	rnd := rand.New(rand.NewPCG(seed, seed))
	var all []market.CandleMessage
	more := func(n int) {
		var ms []market.CandleMessage
		for range n {
			seq := int64(len(all) + len(ms) + 1)
			m := candle(fmt.Sprintf("C%d", rnd.IntN(9)), market.Period1s, seq/4*1000, 3, seq)
			switch k := len(all); {
			case k > 0 && rnd.IntN(10) == 0:
				m = all[rnd.IntN(k)] // an old record again
			case k > 0 && rnd.IntN(10) == 0:
				old := all[rnd.IntN(k)]
				m = candle(old.Contract, old.Period, old.OpenMs, 3, seq) // a revision
			}
			ms = append(ms, m)
		}
		all = append(all, ms...)
		c.produce(t, ms...)
	}
	kills, tookPart := 12, 0
	if testing.Short() {
		kills = 3
	}
	for range kills {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "TICKCAST_TEST_STORE="+string(setting))
		var out syncBuffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for begun := time.Now(); !strings.Contains(out.String(), "runs") && time.Since(begun) < patience; {
			time.Sleep(time.Millisecond)
		}
		before := len(all)
		for end := time.Now().Add(time.Duration(50+rnd.IntN(400)) * time.Millisecond); time.Now().Before(end); {
			more(40)
			time.Sleep(time.Millisecond)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait() // says that it was killed
		if o := out.String(); o != "runs\n" {
			t.Fatalf("the store said: %s", o)
		}
		db := openDB(t, cfg)
		var rows int
		if err := db.w.QueryRow("SELECT count(*) FROM candles").Scan(&rows); err != nil {
			t.Fatal(err)
		}
		if rows > 0 && rows < len(newest(all[:before])) {
			tookPart++ // it was killed while there was work
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	c.flush(t)
	s, _ := run(t, cfg, quiet)
	has(t, s.DB(), newest(all))
	st := s.Stats()
	t.Logf("%d records, %d candles, %d kills, %d with work outstanding from before; the last start wrote %d and found %d not newer", len(all), len(newest(all)), kills, tookPart, st.Written, st.Old)
	if st.Written+st.Old >= int64(len(all)) {
		t.Error("the last start read everything again: positions were not kept")
	}
}

// TestAnAbandonedTransactionLeavesNeitherRowsNorPosition ends a transaction where a crash would, between the rows and the commit.
func TestAnAbandonedTransactionLeavesNeitherRowsNorPosition(t *testing.T) { each(t, abandoned) }

func abandoned(t *testing.T, fresh func(testing.TB) Config) {
	db := openDB(t, fresh(t))
	first := candle("X", market.Period1m, 60_000, 1, 1)
	if _, err := db.write(t.Context(), []market.CandleMessage{first}, []position{{ledger, 0, 1, 5}}); err != nil {
		t.Fatal(err)
	}
	bad := candle("X", market.Period1m, 180_000, 1, 3)
	refuses := "CREATE TRIGGER t BEFORE INSERT ON candles WHEN NEW.open_ms = 180000 BEGIN SELECT RAISE(ABORT, 'disk'); END"
	if db.dialect.name() == goose.DialectPostgres {
		refuses = "ALTER TABLE candles ADD CHECK (open_ms <> 180000)"
	}
	if _, err := db.w.Exec(refuses); err != nil {
		t.Fatal(err)
	}
	if _, err := db.write(t.Context(), []market.CandleMessage{candle("NEW", market.Period1m, 60_000, 1, 1), candle("X", market.Period1m, 120_000, 1, 2), bad}, []position{{ledger, 0, 4, 6}}); err == nil {
		t.Fatal("no error")
	}
	has(t, db, newest([]market.CandleMessage{first}))
	ps, err := db.positions(t.Context(), ledger)
	if err != nil || len(ps) != 1 || ps[0] != (position{ledger, 0, 1, 5}) {
		t.Errorf("positions %v, %v", ps, err)
	}
	if _, known := db.contract("NEW"); known {
		t.Error("a contract is known that was never written")
	}
}

func TestKafkaThatBeganAnewIsReadFromItsStart(t *testing.T) { each(t, beganAnew) }

func beganAnew(t *testing.T, fresh func(testing.TB) Config) {
	cfg := fresh(t)
	var all []market.CandleMessage
	add := func(c *cluster, epoch int64, from, n int64) {
		for i := from; i < from+n; i++ {
			m := candle("X", market.Period1m, i*60_000, epoch, i+1)
			all = append(all, m)
			c.produce(t, m)
		}
		c.flush(t)
	}
	for i, n := range []int64{20, 5, 40} { // the second log is shorter, the third longer than the one before
		c := newCluster(t, 1, nil)
		add(c, int64(i+1), int64(i)*10, n)
		var log syncBuffer
		s, stop := run(t, c.with(cfg), slog.New(slog.NewTextHandler(&log, nil)))
		has(t, s.DB(), newest(all))
		if anew := strings.Contains(log.String(), "Kafka began anew"); anew != (i > 0) {
			t.Errorf("log %d: told of a new beginning: %t\n%s", i, anew, log.String())
		}
		stop()
		s, stop = run(t, c.with(cfg), quiet)
		if st := s.Stats(); st.Written+st.Old != 0 {
			t.Errorf("log %d: the next start read %d records again", i, st.Written+st.Old)
		}
		stop()
	}
}

func TestALedgerThatLostRecordsIsToldOf(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1, map[string]string{"retention.bytes": "65536", "segment.bytes": "16384"})
	cfg := freshSQLite(t)
	var seq int64
	add := func() {
		for range 500 {
			seq++
			c.produce(t, candle("X", market.Period1s, seq*1000, 1, seq))
		}
		c.flush(t)
	}
	add()
	s, stop := run(t, c.with(cfg), quiet)
	before := s.Stats().Written
	stop()
	if before == 0 {
		t.Fatal("nothing was stored")
	}
	for begun := time.Now(); ; {
		add()
		var log syncBuffer
		s, stop := run(t, c.with(freshSQLite(t)), quiet)
		gone := seq - s.Stats().Written
		stop()
		if gone > 500 {
			s, stop = run(t, c.with(cfg), slog.New(slog.NewTextHandler(&log, nil)))
			st := s.Stats()
			stop()
			if st.Missing == 0 || !strings.Contains(log.String(), "candles are missing in the store") {
				t.Errorf("%+v\n%s", st, log.String())
			}
			return
		}
		if time.Since(begun) > patience {
			t.Fatal("Kafka keeps everything")
		}
	}
}

func TestOlderSchemasAreMigratedAndNewerOnesRefused(t *testing.T) {
	t.Parallel()
	cfg := freshSQLite(t)
	cfg.File = filepath.Join(t.TempDir(), "store.db")
	raw, err := sqliteFile(cfg.File, "_journal_mode=WAL", 1)
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, raw, os.DirFS("migrations/sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{
		"INSERT INTO contracts VALUES (1, 'X')",
		"INSERT INTO candles VALUES (1, 1, 60000, 9, 8, 2, 5, 100, 110, 90, 105, 7, 700, 3, 300, 2, 11, 12, 0, 0, 0)",
		"INSERT INTO positions VALUES ('ledger.candles', 3, 77)",
	} {
		if _, err := raw.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	has(t, db, newest([]market.CandleMessage{{Header: market.Header{Contract: "X", Epoch: 9, Seq: 8}, PriceScale: 2, QtyScale: 5, Candle: market.Candle{Period: market.Period1m, OpenMs: 60000,
		Open: 100, High: 110, Low: 90, Close: 105, Volume: market.Int128From(7), QuoteVolume: market.Int128From(700), BuyVolume: market.Int128From(3), BuyQuoteVolume: market.Int128From(300),
		Trades: 2, FirstID: 11, LastID: 12, Closed: true}}}))
	ps, err := db.positions(t.Context(), ledger)
	if err != nil || ps[3] != (position{ledger, 3, 77, -1}) {
		t.Errorf("positions %v, %v", ps, err)
	}
	if _, err := db.w.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "its schema is version 99, this program knows 2") {
		t.Errorf("a newer schema: %v", err)
	}
}

// syncBuffer is what a process or a logger wrote.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
