package store

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/configs/configtest"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/kafka/kafkatest"
	"github.com/tickcast/tickcast/market"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

const patience = time.Minute

// candle is a closed candle whose numbers follow from its version, so that a mixture of two would be seen.
func candle(contract string, p market.Period, openMs, epoch, seq int64) market.CandleMessage {
	price := 1_000_000 + seq
	return market.CandleMessage{
		Header: market.Header{Contract: contract, Epoch: epoch, Seq: seq, Quality: market.Quality(seq % 3)},
		Candle: market.Candle{Period: p, OpenMs: openMs, Open: price, High: price + 2, Low: price - 2, Close: price + 1, Volume: market.Int128From(seq), QuoteVolume: market.Mul(seq, price),
			BuyVolume: market.Int128From(seq / 2), BuyQuoteVolume: market.Mul(seq/2, price), Trades: seq % 100, FirstID: seq, LastID: seq + 9, Revision: int(seq % 2), Closed: true, Fill: seq%7 == 0},
		PriceScale: 2, QtyScale: 5,
	}
}

// cluster is an embedded Kafka with the ledger and a producer.
type cluster struct {
	cfg  kafka.Config
	prod *kafka.Producer
}

func newCluster(t testing.TB, partitions int, more map[string]string) *cluster {
	t.Helper()
	c := &cluster{}
	c.cfg, _ = kafkatest.Start(t, "")
	conf := map[string]string{"cleanup.policy": "delete"}
	for k, v := range more {
		conf[k] = v
	}
	kafkatest.Apply(t, c.cfg, kafka.TopicSpec{Name: ledger, Partitions: partitions, Config: conf})
	var err error
	if c.prod, err = kafka.NewProducer(c.cfg, kafka.ProducerOptions{Name: "test", LingerMs: 1}, quiet); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { c.prod.Run(ctx); close(done) }()
	t.Cleanup(func() {
		stop()
		<-done
		c.prod.Close(time.Second)
	})
	return c
}

func (c *cluster) produce(t testing.TB, ms ...market.CandleMessage) {
	t.Helper()
	for i := range ms {
		m := &ms[i]
		if err := c.prod.Produce(t.Context(), ledger, []byte(catalog.LedgerKey(m.Contract, m.Period, m.OpenMs)), m.AppendJSON(nil),
			kafka.Header{Key: catalog.VersionName, Value: m.Version().Bytes()}); err != nil {
			t.Fatal(err)
		}
	}
}

func (c *cluster) flush(t testing.TB) {
	t.Helper()
	if err := c.prod.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// with is a configuration that reads this cluster.
func (c *cluster) with(cfg Config) Config {
	cfg.Kafka = c.cfg
	return cfg
}

// run starts a store, waits until it has caught up, and returns it and what ends it.
func run(t testing.TB, cfg Config, log *slog.Logger) (*Store, func()) {
	t.Helper()
	s, err := New(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	select {
	case <-s.Ready():
	case err := <-done:
		done <- err
		t.Fatalf("store ended: %v", err)
	case <-time.After(patience):
		t.Fatal("store does not catch up")
	}
	return s, stop
}

// has compares everything that a file holds with what it should.
func has(t *testing.T, db *DB, want map[string]market.CandleMessage) {
	t.Helper()
	got := map[string]market.CandleMessage{}
	for name := range db.ids {
		for _, p := range market.Periods() {
			ms, err := db.Candles(t.Context(), market.CandleRange{Contract: name, Period: p, ToMs: 1 << 62, Limit: 1_000_000})
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range ms {
				key := catalog.LedgerKey(name, p, m.OpenMs)
				if _, twice := got[key]; twice {
					t.Errorf("%s is there twice", key)
				}
				got[key] = m
			}
		}
	}
	for key, w := range want {
		if g, ok := got[key]; !ok {
			t.Errorf("%s is lost", key)
		} else if g != w {
			t.Errorf("%s\ngot  %+v\nwant %+v", key, g, w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d candles, want %d", len(got), len(want))
	}
}

func newest(all []market.CandleMessage) map[string]market.CandleMessage {
	want := map[string]market.CandleMessage{}
	for _, m := range all {
		key := catalog.LedgerKey(m.Contract, m.Period, m.OpenMs)
		if old, ok := want[key]; !ok || old.Version().Less(m.Version()) {
			want[key] = m
		}
	}
	return want
}

func TestCandlesAreReadBackByRangeFromEitherEnd(t *testing.T) { each(t, readBack) }

func readBack(t *testing.T, fresh func(testing.TB) Config) {
	db := openDB(t, fresh(t))
	var all []market.CandleMessage
	for i := range int64(10) {
		all = append(all, candle("X", market.Period1m, i*60_000, 7, 100+i), candle("X", market.Period3m, i*180_000, 7, 200+i), candle("Y", market.Period1m, i*60_000, 7, 300+i))
	}
	all[0].QuoteVolume = market.Int128{Hi: 1 << 40, Lo: 5} // more than 64 bits
	all[0].Volume = market.Int128{Lo: 1 << 63}
	mustWrite(t, db, all...)
	has(t, db, newest(all))
	for _, c := range []struct {
		q    market.CandleRange
		want string
	}{
		{market.CandleRange{FromMs: 0, ToMs: 600_000, Limit: 3}, "[0 1 2]"},
		{market.CandleRange{FromMs: 0, ToMs: 600_000, Limit: 3, Newest: true}, "[7 8 9]"},
		{market.CandleRange{FromMs: 60_000, ToMs: 180_000, Limit: 9}, "[1 2 3]"},
		{market.CandleRange{FromMs: 60_001, ToMs: 179_999, Limit: 9, Newest: true}, "[2]"},
		{market.CandleRange{FromMs: 180_000, ToMs: 60_000, Limit: 9}, "[]"},
	} {
		c.q.Contract, c.q.Period = "X", market.Period1m
		ms, err := db.Candles(t.Context(), c.q)
		if err != nil {
			t.Fatal(err)
		}
		minutes := []int64{}
		for _, m := range ms {
			minutes = append(minutes, m.OpenMs/60_000)
		}
		if got := fmt.Sprint(minutes); got != c.want {
			t.Errorf("%+v: %s, want %s", c.q, got, c.want)
		}
	}
	if ms, err := db.Candles(t.Context(), market.CandleRange{Contract: "Z", ToMs: 1 << 60, Limit: 1}); err != nil || ms != nil {
		t.Errorf("unknown contract: %v, %v", ms, err)
	}
}

func TestOlderVersionsChangeNothing(t *testing.T) { each(t, olderVersions) }

func olderVersions(t *testing.T, fresh func(testing.TB) Config) {
	db := openDB(t, fresh(t))
	var all []market.CandleMessage
	for _, v := range [][2]int64{{5, 10}, {5, 9}, {5, 11}, {5, 11}, {4, 99}, {6, 1}, {5, 50}, {6, 1}} {
		m := candle("X", market.Period1h, 3_600_000, v[0], v[1])
		wasNewest := len(all) == 0 || newest(all)[catalog.LedgerKey("X", market.Period1h, 3_600_000)].Version().Less(m.Version())
		all = append(all, m)
		n, err := db.write(t.Context(), []market.CandleMessage{m}, nil)
		if err != nil || (n == 1) != wasNewest {
			t.Errorf("version %v: %d rows written, %v; newer is %t", v, n, err, wasNewest)
		}
		has(t, db, newest(all))
	}
}

func TestOneBatchMayHoldAKeyTwice(t *testing.T) {
	each(t, func(t *testing.T, fresh func(testing.TB) Config) {
		db := openDB(t, fresh(t))
		all := []market.CandleMessage{candle("X", market.Period1m, 0, 1, 2), candle("X", market.Period1m, 0, 1, 3), candle("X", market.Period1m, 0, 1, 1), candle("X", market.Period3m, 0, 1, 1)}
		if n, err := db.write(t.Context(), all, nil); err != nil || n != 2 {
			t.Errorf("%d rows written, %v; want 2", n, err)
		}
		has(t, db, newest(all))
	})
}

// TestAReaderFindsWhatAnotherProcessWrites: its contracts too.
func TestAReaderFindsWhatAnotherProcessWrites(t *testing.T) {
	each(t, func(t *testing.T, fresh func(testing.TB) Config) {
		cfg := fresh(t)
		reader, writer := openDB(t, cfg), openDB(t, cfg)
		m := candle("NEW", market.Period1m, 0, 1, 1)
		mustWrite(t, writer, m)
		ms, err := reader.Candles(t.Context(), market.CandleRange{Contract: "NEW", Period: market.Period1m, ToMs: 1, Limit: 1})
		if err != nil || len(ms) != 1 || ms[0] != m {
			t.Errorf("read %v, %v", ms, err)
		}
		mustWrite(t, reader, candle("NEW", market.Period1m, 0, 1, 2), candle("OTHER", market.Period1m, 0, 1, 2))
		mustWrite(t, writer, candle("OTHER", market.Period1m, 60_000, 1, 3))
		has(t, reader, newest([]market.CandleMessage{candle("NEW", market.Period1m, 0, 1, 2), candle("OTHER", market.Period1m, 0, 1, 2), candle("OTHER", market.Period1m, 60_000, 1, 3)}))
	})
}

func TestRecordsThatAreNoCandleArePassedOver(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1, nil)
	good := candle("X", market.Period1m, 60_000, 1, 1)
	open := candle("X", market.Period1m, 120_000, 1, 2)
	open.Closed = false
	for _, r := range []struct{ key, value, ver string }{
		{"X/1m/60000", "{", string(good.Version().Bytes())},
		{"X/1m/60000", string(good.AppendJSON(nil)), "short"},
		{"X/1m/0", string(good.AppendJSON(nil)), string(good.Version().Bytes())},
		{"X/1m/60000", string(good.AppendJSON(nil)), string(open.Version().Bytes())},
		{"X/1m/120000", string(open.AppendJSON(nil)), string(open.Version().Bytes())},
	} {
		if err := c.prod.Produce(t.Context(), ledger, []byte(r.key), []byte(r.value), kafka.Header{Key: catalog.VersionName, Value: []byte(r.ver)}); err != nil {
			t.Fatal(err)
		}
	}
	c.produce(t, good)
	c.flush(t)
	s, _ := run(t, c.with(freshSQLite(t)), quiet)
	if st := s.Stats(); st.Rejected != 5 || st.Written != 1 {
		t.Errorf("%+v, want 5 rejected and 1 written", st)
	}
	has(t, s.DB(), newest([]market.CandleMessage{good}))
}

func TestBadConfigurationsAreRefusedWithTheKey(t *testing.T) {
	configtest.BadFiles(t, "testdata/*.bad.yaml", func(file string, data []byte) error {
		cfg := DefaultConfig()
		if err := configs.Decode(file, data, &cfg); err != nil {
			return err
		}
		return cfg.Validate()
	})
}

func openDB(t testing.TB, cfg Config) *DB {
	t.Helper()
	db, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func mustWrite(t testing.TB, db *DB, ms ...market.CandleMessage) {
	t.Helper()
	if _, err := db.write(context.Background(), ms, nil); err != nil {
		t.Fatal(err)
	}
}
