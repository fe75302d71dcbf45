package compute

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/compute/candle"
	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// minutes writes so many trades, one each 700 ms, with clock records, of several contracts.
func minutes(ls []*logWriter, from, n int64) (rs []market.Record) {
	for i := from; i < from+n; i++ {
		at := minute0 + i*700
		for _, l := range ls {
			rs = append(rs, l.record(market.KindClock, at/1000*1000), l.trade(at, 200+i%13))
		}
	}
	return rs
}

// ledgerOf is what the core alone puts into the ledger, by key and version.
func ledgerOf(t *testing.T, records []market.Record) map[string]string {
	t.Helper()
	ledger := map[string]string{}
	machines := map[string]*candle.Machine{}
	for i := range records {
		r := &records[i]
		m := machines[r.Contract]
		if m == nil {
			m = candle.New(r.Contract, 0, func(o *core.Output) {
				if o.Topic == candle.Ledger {
					ledger[fmt.Sprintf("%s %d.%d.%d", o.Key, o.Version.Epoch, o.Version.T, o.Version.Seq)] = string(o.Value)
				}
			})
			machines[r.Contract] = m
		}
		if _, err := m.Apply(&core.Input{Record: r}); err != nil {
			t.Fatal(err)
		}
	}
	return ledger
}

func TestAfterAKillBehindTheCheckpointNothingIsLostOrDifferent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.cfg.CheckpointEvery = configs.Duration(100 * time.Millisecond)
	ls := []*logWriter{{contract: "BTCUSDT"}, {contract: "ETHUSDT"}, {contract: "SOLUSDT"}}
	var all []market.Record
	write := func(rs []market.Record) {
		b.write(rs...)
		all = append(all, rs...)
	}
	for _, l := range ls {
		write(l.begin(minute0))
	}
	// what lies on disk at a kill is an older checkpoint than what was written: keep one, go on, and put it back
	var kept []byte
	for life := range int64(4) {
		c, stop := b.run()
		write(minutes(ls, life*200, 100))
		until(t, "a checkpoint", func() bool { return c.Stats().Checkpoints > 0 })
		at := c.Stats().Checkpoints
		until(t, "the next checkpoint", func() bool { return c.Stats().Checkpoints > at })
		var err error
		if kept, err = os.ReadFile(b.cfg.Checkpoint); err != nil {
			t.Fatal(err)
		}
		read := c.Stats().Records
		write(minutes(ls, life*200+100, 100))
		until(t, "more records", func() bool { return c.Stats().Records > read })
		stop()
		if err := os.WriteFile(b.cfg.Checkpoint, kept, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c, stop := b.run()
	until(t, "the end of the log", func() bool { return c.Stats().Rounds > 0 })
	stop()
	got, want := b.read(catalog.LedgerCandles), ledgerOf(t, all)
	for id := range want {
		want[id] = withoutComputeTime(want[id])
	}
	if !maps.Equal(got, want) {
		t.Errorf("ledger has %d candles, want %d, or other ones", len(got), len(want))
	}
	b.read(catalog.PushCandles)
	b.read(catalog.PushClosed)
}

func TestPoisonIsKeptInQuarantineWithItsPlace(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := &logWriter{contract: "BTCUSDT"}
	b.write(l.begin(minute0)...)
	for _, value := range []string{"", "{}", "not JSON", "\xff\xfe", strings.Repeat("[", 100_000), `{"sv":2}`, `{"sv":1,"k":"trade","s":"BTCUSDT"}`} {
		if err := b.prod.Produce(t.Context(), catalog.MarketTrades, []byte("BTCUSDT"), []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	foreign := l.trade(minute0+1, 1)
	if err := b.prod.Produce(t.Context(), catalog.MarketTrades, []byte("ETHUSDT"), foreign.AppendJSON(nil)); err != nil {
		t.Fatal(err)
	}
	l.seq--
	far := l.trade(minute0+market.DayMs*365*100, 200)
	b.write(far, l.record(market.KindClock, minute0+1000), l.trade(minute0+1001, 200))
	c, stop := b.run()
	until(t, "all records", func() bool { return c.Stats().Records == 15 })
	if s := c.Stats(); s.Poison != 9 {
		t.Errorf("%d records were counted as poison, want 9", s.Poison)
	}
	if text := stop(); !strings.Contains(text, `record cannot be used, it is kept in quarantine" topic=market.trades partition=`) || !strings.Contains(text, "offset=4") {
		t.Errorf("the log does not say where:\n%s", text)
	}
	if _, ok := b.read(catalog.LedgerCandles)[fmt.Sprintf("BTCUSDT/1s/%d 1000.%d.6", minute0, minute0)]; !ok {
		t.Error("the second after the poison was not closed")
	}
	b.quarantined([]string{"unreadable ", "unreadable {}", "unreadable not JSON", "unreadable \xff\xfe", "unreadable " + strings.Repeat("[", market.MaxRaw), `unreadable {"sv":2}`,
		`unreadable {"sv":1,"k":"trade","s":"BTCUSDT"}`, "unreadable " + string(foreign.AppendJSON(nil)), "invalid " + string(far.AppendJSON(nil))})
}

// A log that is broken altogether does not fill the topic of quarantine.
func TestQuarantineIsBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const n = 3_000
	for range n {
		if err := b.prod.Produce(t.Context(), catalog.MarketBooks, []byte("BTCUSDT"), []byte("poison")); err != nil {
			t.Fatal(err)
		}
	}
	begun := time.Now()
	c, stop := b.run()
	until(t, "all records", func() bool { return c.Stats().Poison == n })
	text := stop()
	kept, most := 0, keptPerSecond*(2+int(time.Since(begun)/time.Second))
	b.each(catalog.MarketQuarantine, func(*kafka.Record) { kept++ })
	if kept < keptPerSecond || kept > most {
		t.Errorf("%d records were kept, want %d to %d\n%s", kept, keptPerSecond, most, text)
	}
}

// quarantined compares what is in the topic of quarantine, as reason and raw bytes.
func (b *bench) quarantined(want []string) {
	b.t.Helper()
	got := map[string]int{}
	b.each(catalog.MarketQuarantine, func(rec *kafka.Record) {
		var q struct {
			Source string `json:"src"`
			Reason string `json:"reason"`
			Detail string `json:"detail"`
			Place  string `json:"channel"`
			Raw    string `json:"raw"`
			Bytes  []byte `json:"raw_base64"`
		}
		if err := json.Unmarshal(rec.Value, &q); err != nil {
			b.t.Errorf("%v: %.100s", err, rec.Value)
		}
		if q.Source != quarantineSource || string(rec.Key) != q.Source || q.Detail == "" || !strings.HasPrefix(q.Place, catalog.MarketTrades+" partition ") {
			b.t.Errorf("key %s: %.300s", rec.Key, rec.Value)
		}
		got[q.Reason+" "+q.Raw+string(q.Bytes)]++
	})
	for _, w := range want {
		if got[w] != 1 {
			b.t.Errorf("%.100q is there %d times", w, got[w])
		}
	}
	if len(got) != len(want) {
		b.t.Errorf("%d records, want %d", len(got), len(want))
	}
}

func TestUnusableCheckpointsAreNamedAndTheLogIsReadFromItsStart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := &logWriter{contract: "BTCUSDT"}
	b.write(l.begin(minute0)...)
	b.write(minutes([]*logWriter{l}, 0, 20)...)
	c, stop := b.run()
	until(t, "all records", func() bool { return c.Stats().Records == 44 })
	stop()
	good, err := os.ReadFile(b.cfg.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(good)
	damaged[len(damaged)/2] ^= 1
	other := append([]byte("tickcast compute checkpoint 9\n"), good[len(checkpointMagic):]...)
	for _, cp := range []struct {
		name, want string
		b          []byte
	}{
		{"damaged", "checksum does not match", damaged}, {"cut off", "checksum does not match", good[:len(good)-100]},
		{"another version", "of another version", other}, {"empty", "no checkpoint", nil},
	} {
		if err := os.WriteFile(b.cfg.Checkpoint, cp.b, 0o644); err != nil {
			t.Fatal(err)
		}
		c, stop := b.run()
		until(t, cp.name+": all records", func() bool { return c.Stats().Records == 44 })
		if text := stop(); !strings.Contains(text, cp.want) || !strings.Contains(text, "read from its start") {
			t.Errorf("%s: the log does not say so:\n%s", cp.name, text)
		}
	}
	// Kafka's data is gone, and as many records are there again
	b2 := newBench(t)
	if err := os.WriteFile(b2.cfg.Checkpoint, good, 0o644); err != nil {
		t.Fatal(err)
	}
	l2 := &logWriter{contract: "BTCUSDT", id: 7}
	b2.write(l2.begin(minute0)...)
	b2.write(minutes([]*logWriter{l2}, 0, 25)...)
	c, stop = b2.run()
	until(t, "all records of the other log", func() bool { return c.Stats().Records == 54 })
	if text := stop(); !strings.Contains(text, "does not fit the log") || !strings.Contains(text, "another record at offset 43") {
		t.Errorf("the log does not say that the checkpoint is of another one:\n%s", text)
	}
}

// TestALogThatLostItsSeedsIsSaid: without a state a log is enough that is there from its first record on; of books any part is, they have a beginning each minute.
func TestALogThatLostItsSeedsIsSaid(t *testing.T) {
	t.Parallel()
	whole, cut, empty := kafka.Range{High: 9}, kafka.Range{Low: 3, High: 9}, kafka.Range{Low: 9, High: 9}
	for i, c := range []struct {
		trades, books []kafka.Range
		want          string
	}{
		{[]kafka.Range{whole, {}}, []kafka.Range{cut}, ""},
		{[]kafka.Range{empty, whole}, []kafka.Range{whole}, ""}, // nobody's state
		{[]kafka.Range{whole, cut}, []kafka.Range{whole}, "compute has no state, and market.trades partition 1 begins at offset 3: its seeds may be gone"},
	} {
		if got := lost([][]kafka.Range{c.trades, c.books}); got != c.want {
			t.Errorf("%d: %q, want %q", i, got, c.want)
		}
	}
	b := newBench(t)
	l := &logWriter{contract: "BTCUSDT"}
	b.write(l.begin(minute0)...)
	c, stop := b.run()
	defer stop()
	select {
	case <-c.Begun():
	case <-time.After(20 * time.Second):
		t.Fatal("it does not say that it goes on")
	}
	if why := c.Lost(); why != "" {
		t.Errorf("a log that is there from its first record on: %s", why)
	}
}

func TestConfigurationErrorsNameTheKey(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"kafka.brokers: is missing":                           func(c *Config) { c.Kafka.Brokers = "" },
		"checkpoint_every: 10ms is too short, at least 100ms": func(c *Config) { c.CheckpointEvery = configs.Duration(10 * time.Millisecond) },
		"round_every: 999ms is too short, at least 1s":        func(c *Config) { c.RoundEvery = configs.Duration(999 * time.Millisecond) },
	} {
		c := DefaultConfig()
		change(&c)
		if _, err := New(c, nil, nil); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestNothingIsLeftBesideTheCheckpoint(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "new", "file")
	for range 2 {
		if err := writeFile(name, [][]byte{[]byte("a"), []byte("b")}); err != nil {
			t.Fatal(err)
		}
	}
	if es, err := os.ReadDir(filepath.Dir(name)); err != nil || len(es) != 1 {
		t.Errorf("%v %v", es, err)
	}
}
