package engine_test

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
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/book"
	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/engine"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/kafka/kafkatest"
	"github.com/tickcast/tickcast/kafka/marketlog"
	"github.com/tickcast/tickcast/market"
)

var perp = market.Contract{ID: "BTC-PERP", Source: "engine", Symbol: "BTC-PERP", Base: "BTC", Quote: "USDT",
	Tick: market.Unit{Scale: 1, Size: 5}, Step: market.Unit{Scale: 3, Size: 1}, Books: []market.Unit{{Scale: 1, Size: 5}}, Depth: 50,
	Period: []market.Period{market.Period1s, market.Period1m, market.Period1d}}

var quiet = slog.New(slog.DiscardHandler)

// TestMain is also the engine's process, which the tests kill.
func TestMain(m *testing.M) {
	if setting := os.Getenv("TICKCAST_TEST_ENGINE"); setting != "" {
		var p process
		if err := json.Unmarshal([]byte(setting), &p); err != nil {
			panic(err)
		}
		if err := p.run(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

type process struct {
	Brokers string
	Config  engine.Config
	Anew    string // for Engine.BeginAnew
}

func (p *process) run(ctx context.Context) error {
	log, err := marketlog.NewWriter(kafka.Config{Brokers: p.Brokers}, "engine", quiet)
	if err != nil {
		return err
	}
	e, err := engine.New(p.Config, []market.Contract{perp}, log, quiet)
	if err != nil {
		return err
	}
	if p.Anew != "" {
		e.BeginAnew(p.Anew)
	}
	writing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go func() { _ = log.Run(writing) }()
	err = e.Run(ctx)
	if e := log.Close(10 * time.Second); err == nil {
		err = e
	}
	return err
}

func cluster(t *testing.T) string {
	t.Helper()
	cfg, _ := kafkatest.Start(t, "")
	kafkatest.Shipped(t, cfg)
	return cfg.Brokers
}

// readLog returns the records of a topic that count for a reader, and their values.
func readLog(t *testing.T, brokers, topic string) (rs []market.Record, values []string) {
	t.Helper()
	r, err := kafka.NewReader(kafka.Config{Brokers: brokers}, kafka.ReaderOptions{Name: "test"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ranges, err := r.Ranges(topic)
	if err != nil {
		t.Fatal(err)
	}
	n := kafka.PartitionOf([]byte(perp.ID), len(ranges))
	if err := r.Assign([]kafka.Position{{Topic: topic, Partition: n, Offset: ranges[n].Low}}); err != nil {
		t.Fatal(err)
	}
	var writer int64
	var dec market.Decoder
	for at, deadline := ranges[n].Low, time.Now().Add(time.Minute); at < ranges[n].High; {
		rec, err := r.Poll(time.Second)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("%s at %d of %d: %v", topic, at, ranges[n].High, err)
		}
		if rec == nil {
			continue
		}
		at = rec.Offset + 1
		var m market.Record
		if err := dec.Decode(rec.Value, &m); err != nil {
			t.Fatal(err)
		}
		if m.Kind == market.KindOpen {
			writer = max(writer, m.Writer)
		}
		if m.Writer < writer || m.Epoch == 0 {
			continue
		}
		m.Book.Bids, m.Book.Asks = slices.Clone(m.Book.Bids), slices.Clone(m.Book.Asks)
		rs, values = append(rs, m), append(values, string(rec.Value))
	}
	return rs, values
}

// checkLog holds a log against the rules: one epoch, sequence numbers, trade ids and updates without a hole or a double, a book that is never crossed and
// whose diffs make its snapshots.
func checkLog(t *testing.T, rs []market.Record) (trades, diffs int) {
	t.Helper()
	var b book.Book
	var agg, update, clock int64
	for i := range rs {
		r := &rs[i]
		if r.Seq != int64(i)+1 || r.Epoch != rs[0].Epoch {
			t.Fatalf("record %d is %d/%d (%s), the log began with epoch %d", i+1, r.Epoch, r.Seq, r.Kind, rs[0].Epoch)
		}
		switch r.Kind {
		case market.KindTrade:
			if agg != 0 && r.Trade.AggID != agg+1 {
				t.Fatalf("trade %d after %d", r.Trade.AggID, agg)
			}
			agg = r.Trade.AggID
			trades++
		case market.KindDiff:
			if r.Book.FirstID != update+1 || r.Book.LastID != update+1 {
				t.Fatalf("update %d to %d after %d", r.Book.FirstID, r.Book.LastID, update)
			}
			update++
			if b.Apply(&r.Book); b.Crossed() {
				t.Fatalf("update %d crosses the book", update)
			}
			diffs++
		case market.KindSnapshot:
			if update != 0 && (r.Book.LastID != update || !slices.Equal(b.AppendBids(nil, 1<<20), r.Book.Bids) || !slices.Equal(b.AppendAsks(nil, 1<<20), r.Book.Asks)) {
				t.Fatalf("the diffs do not make the snapshot of update %d", r.Book.LastID)
			}
			b.Set(&r.Book)
			update = r.Book.LastID
		case market.KindClock:
			if r.EventMs <= clock {
				t.Fatalf("clock %d after %d", r.EventMs, clock)
			}
			clock = r.EventMs
		}
		if r.Kind <= market.KindTrade && r.EventMs < clock && r.Kind == market.KindTrade {
			t.Fatalf("a trade at %d after the clock %d", r.EventMs, clock)
		}
	}
	return trades, diffs
}

// TestAKilledEngineGoesOnWithoutAHoleOrADouble kills the process at random moments, under load, and while it starts.
func TestAKilledEngineGoesOnWithoutAHoleOrADouble(t *testing.T) {
	t.Parallel()
	p := process{Brokers: cluster(t), Config: engine.DefaultConfig()}
	p.Config.DataDir, p.Config.Snapshot, p.Config.History = t.TempDir(), time.Second, 0
	p.Config.Markets = map[string]engine.FlowConfig{perp.ID: {Price: "100000", Qty: "0.01", Rate: 800}}
	setting, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	killAtRandom := func() {
		var errs bytes.Buffer
		cmd := exec.Command(os.Args[0])
		cmd.Env, cmd.Stderr = append(os.Environ(), "TICKCAST_TEST_ENGINE="+string(setting)), &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(50+rand.IntN(1500)) * time.Millisecond) // the moment is the test's input
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("it had ended by itself: %v", err)
		}
		_ = cmd.Wait()
		if errs.Len() > 0 {
			t.Fatalf("the engine says: %s", errs.String())
		}
	}
	var opens, trades, diffs int
	count := func() (enough bool) {
		opens, trades, diffs = 0, 0, 0
		for _, topic := range []string{catalog.MarketTrades, catalog.MarketBooks} {
			rs, _ := readLog(t, p.Brokers, topic)
			a, b := checkLog(t, rs)
			trades, diffs = trades+a, diffs+b
			for i := range rs {
				if rs[i].Kind == market.KindOpen {
					opens++
				}
			}
		}
		return opens >= 6 && trades >= 1000 && diffs >= 1000
	}
	for kills := 1; kills <= 60; kills++ { // 12 do, but where a process takes as long to start as it may live
		killAtRandom()
		if kills%12 == 0 && count() {
			break
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := p.run(ctx); err != nil { // writes what the last one could not
		t.Fatal(err)
	}
	if !count() {
		t.Errorf("%d opens, %d trades, %d diffs: too little happened for a test", opens, trades, diffs)
	}
	t.Logf("%d opens, %d trades, %d diffs", opens, trades, diffs)
}

// TestALogOfTradesBeginsAnewWhereItIsAskedTo: with seeds, from which somebody without a state can go on; the market and its log of books are the same.
func TestALogOfTradesBeginsAnewWhereItIsAskedTo(t *testing.T) {
	t.Parallel()
	p := process{Brokers: cluster(t), Config: engine.DefaultConfig()}
	p.Config.DataDir, p.Config.History = t.TempDir(), 2*time.Hour
	p.Config.Markets = map[string]engine.FlowConfig{perp.ID: {Price: "100000", Qty: "0.01", Rate: 50}}
	for _, p.Anew = range []string{"", "compute has no state"} {
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		if err := p.run(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	books, _ := readLog(t, p.Brokers, catalog.MarketBooks)
	checkLog(t, books) // one epoch
	all, _ := readLog(t, p.Brokers, catalog.MarketTrades)
	second := slices.IndexFunc(all, func(r market.Record) bool { return r.Epoch > all[0].Epoch })
	if second < 0 {
		t.Fatal("the log of trades goes on in its epoch")
	}
	rs := all[second:]
	if trades, _ := checkLog(t, rs); trades == 0 || len(rs) < 3 || rs[1].Kind != market.KindContract || rs[1].Spec.Seeds < 60 || rs[2].Kind != market.KindSeed {
		t.Errorf("the new epoch has %d trades, and begins with %s and %s", trades, rs[0].Kind, rs[1].Kind)
	}
}

// TestACommandFileGivesTheSameBytes: whoever runs it, whenever, and however often it is interrupted.
func TestACommandFileGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	var file strings.Builder
	file.WriteString("# a market by hand\n\n")
	at, rnd := int64(1_767_312_000_000_000), rand.New(rand.NewPCG(1, 2))
	for id := int64(1); id <= 20_000; id++ {
		at += rnd.Int64N(20_000)
		side := [...]string{"buy", "sell"}[rnd.IntN(2)]
		price := 100_000 + 5*rnd.IntN(200)
		switch rnd.IntN(5) {
		case 0:
			fmt.Fprintf(&file, "%d market %s %d 0.0%02d\n", at, side, id, 1+rnd.IntN(99))
		case 1:
			fmt.Fprintf(&file, "%d cancel %d\n", at, 1+rnd.Int64N(id))
		case 2:
			fmt.Fprintf(&file, "%d ioc %s %d %d.0 0.0%02d\n", at, side, id, price, 1+rnd.IntN(99))
		default:
			fmt.Fprintf(&file, "%d limit %s %d %d.5 0.0%02d\n", at, side, id, price, 1+rnd.IntN(99))
		}
	}
	path := filepath.Join(t.TempDir(), "commands.txt")
	if err := os.WriteFile(path, []byte(file.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(interrupted bool) (logs [2][]string) {
		p := process{Brokers: cluster(t), Config: engine.DefaultConfig()}
		p.Config.DataDir = t.TempDir()
		p.Config.Markets = map[string]engine.FlowConfig{perp.ID: {Commands: path}}
		for tries, done := 1, false; !done; tries++ {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- p.run(ctx) }()
			if interrupted {
				time.Sleep(time.Duration(rand.IntN(100*tries)) * time.Millisecond) // ever longer, so that it ends on any machine
			}
			for !interrupted && !done {
				time.Sleep(20 * time.Millisecond)
				done = atEnd(t, p.Brokers, at/1000)
			}
			cancel()
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			done = done || atEnd(t, p.Brokers, at/1000)
		}
		for i, topic := range []string{catalog.MarketTrades, catalog.MarketBooks} {
			rs, values := readLog(t, p.Brokers, topic)
			checkLog(t, rs)
			for j, v := range values {
				if k := rs[j].Kind; k == market.KindTrade || k == market.KindDiff {
					logs[i] = append(logs[i], payload(v))
				}
			}
		}
		return logs
	}
	want, got := run(false), run(true)
	for i := range want {
		if len(want[i]) < 1000 || !slices.Equal(want[i], got[i]) {
			t.Errorf("log %d: %d records in one go, %d with interruptions, or others", i, len(want[i]), len(got[i]))
		}
	}
}

// payload is a record without its writer's id and its place, which differ where another writer has opened the log.
func payload(value string) string {
	_, rest, _ := strings.Cut(value, `"ts":`)
	return rest
}

// atEnd says whether the last command's clock is in the log of books.
func atEnd(t *testing.T, brokers string, lastMs int64) bool {
	t.Helper()
	rs, _ := readLog(t, brokers, catalog.MarketBooks)
	return len(rs) > 0 && rs[len(rs)-1].EventMs >= lastMs && rs[len(rs)-1].Kind == market.KindQuality
}

func TestConfigurationErrorsNameTheKey(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*engine.Config){
		`snapshot: 1ms, must be at least 1s`:                       func(c *engine.Config) { c.Snapshot = time.Millisecond },
		`history: 10000h0m0s, must be at most 9600h0m0s`:           func(c *engine.Config) { c.History = 10_000 * time.Hour },
		`contracts: X is not in the catalogue with source engine`:  func(c *engine.Config) { c.Contracts = []string{"X"} },
		`markets: X is no contract of the engine`:                  func(c *engine.Config) { c.Markets = map[string]engine.FlowConfig{"X": {}} },
		`markets.BTC-PERP.price: "0.1": must be at least 0.5`:      func(c *engine.Config) { c.Markets = map[string]engine.FlowConfig{perp.ID: {Price: "0.1"}} },
		`markets.BTC-PERP.rate: -1, must be 0 (default) to 100000`: func(c *engine.Config) { c.Markets = map[string]engine.FlowConfig{perp.ID: {Rate: -1}} },
	} {
		cfg := engine.DefaultConfig()
		change(&cfg)
		if _, err := engine.New(cfg, []market.Contract{perp}, nil, quiet); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
