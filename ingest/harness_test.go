package ingest_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tickcast/tickcast/ingest"
	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/simexchange"
)

// memLog is the log, the quarantine and the status topic in memory.
type memLog struct {
	mu          sync.Mutex
	changed     chan struct{}              // closed and replaced at each change
	records     map[string][]market.Record // of trades by contract, of books by bookLog
	appended    []time.Time                // of the records of all contracts
	quarantined []ingest.Quarantined
	statuses    []market.Status
	failAfter   int // Append fails from this record on; 0: never
}

func newMemLog() *memLog {
	return &memLog{records: map[string][]market.Record{}, changed: make(chan struct{})}
}

func (l *memLog) change() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// bookLog is where the log of a contract's books is.
func bookLog(contract string) string { return contract + "/books" }

func logName(of ingest.Input, contract string) string {
	if of == core.Books {
		return bookLog(contract)
	}
	return contract
}

func (l *memLog) Append(_ context.Context, to ingest.Input, r market.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.appended = append(l.appended, time.Now())
	if l.failAfter > 0 && len(l.appended) >= l.failAfter {
		return fmt.Errorf("the log is full")
	}
	name := logName(to, r.Contract)
	l.records[name] = append(l.records[name], r)
	l.change()
	return nil
}

func (l *memLog) Tail(_ context.Context, of ingest.Input, c *market.Contract) (ingest.Tail, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.records[logName(of, c.ID)]
	writer := time.Now().UnixMilli()
	for i := range all {
		writer = max(writer, all[i].Writer+1)
	}
	return ingest.Tail{Writer: writer, Records: append([]market.Record(nil), all[max(0, len(all)-3000):]...)}, nil
}

// EndAbsent has nothing to do: no log is older than its test.
func (l *memLog) EndAbsent(context.Context, string, []market.Contract) error { return nil }

func (l *memLog) Quarantine(q ingest.Quarantined) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.quarantined = append(l.quarantined, q)
	l.change()
	return nil
}

func (l *memLog) Status(s market.Status) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.statuses = append(l.statuses, s)
	l.change()
}

// wait returns when ok says so; it is called under the log's lock after each change.
func (l *memLog) wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(60 * time.Second)
	for {
		l.mu.Lock()
		if ok() {
			l.mu.Unlock()
			return
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-deadline:
			l.mu.Lock()
			defer l.mu.Unlock()
			t.Fatalf("waited in vain: %s\n%s", what, l.summary())
		}
	}
}

func (l *memLog) summary() string {
	var b strings.Builder
	for c, rs := range l.records {
		fmt.Fprintf(&b, "%s: %d records\n", c, len(rs))
		for i := max(0, len(rs)-12); i < len(rs); i++ {
			fmt.Fprintf(&b, "  %.300s\n", rs[i].AppendJSON(nil))
		}
	}
	for i := max(0, len(l.statuses)-12); i < len(l.statuses); i++ {
		fmt.Fprintf(&b, "  %s\n", l.statuses[i].AppendJSON(nil))
	}
	return b.String()
}

// trades are the trades of a contract's log, of its newest epoch.
func (l *memLog) trades(contract string) []market.Record {
	var out []market.Record
	rs := l.records[contract]
	for _, r := range rs {
		if r.Kind == market.KindTrade && r.Epoch == rs[len(rs)-1].Epoch {
			out = append(out, r)
		}
	}
	return out
}

func (l *memLog) kind(contract string, k market.Kind) (out []market.Record) {
	for _, r := range l.records[contract] {
		if r.Kind == k {
			out = append(out, r)
		}
	}
	return out
}

// check proves what holds in every log: seq without holes, trades in the order of ids without holes that no gap names, no trade of before a clock record.
func (l *memLog) check(t *testing.T, contract string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var epoch, seq, next, clock, lastTrade int64
	for i, r := range l.records[contract] {
		if r.Epoch != epoch {
			if r.Epoch < epoch || r.Kind != market.KindOpen {
				t.Fatalf("record %d: epoch %d after %d begins with %s", i, r.Epoch, epoch, r.Kind)
			}
			epoch, seq, next, clock, lastTrade = r.Epoch, 0, 0, 0, 0
		}
		if seq++; r.Seq != seq {
			t.Fatalf("record %d: seq %d, want %d", i, r.Seq, seq)
		}
		switch r.Kind {
		case market.KindTrade:
			if next != 0 && r.Trade.AggID != next {
				t.Fatalf("record %d: trade %d, want %d", i, r.Trade.AggID, next)
			}
			if r.EventMs < clock && r.EventMs >= lastTrade { // a late trade of the source itself is allowed
				t.Fatalf("record %d: trade %d at %d after the clock said %d", i, r.Trade.AggID, r.EventMs, clock)
			}
			next, lastTrade = r.Trade.AggID+1, r.EventMs
		case market.KindGap:
			next = r.GapTo + 1
		case market.KindClock:
			if r.EventMs <= clock {
				t.Fatalf("record %d: clock %d after %d", i, r.EventMs, clock)
			}
			clock = r.EventMs
		}
	}
}

func testLogger(t *testing.T) *slog.Logger {
	if os.Getenv("TICKCAST_TEST_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

// run runs something until the test or the returned function ends it.
func run(t *testing.T, what string, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-done:
				if err != nil && ctx.Err() == nil {
					t.Errorf("%s: %v", what, err)
				}
			case <-time.After(20 * time.Second):
				t.Errorf("%s does not stop", what)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func startSim(t *testing.T, cfg simexchange.Config) *simexchange.Server {
	t.Helper()
	s, err := simexchange.New(cfg, testLogger(t).With("at", "sim"))
	if err != nil {
		t.Fatal(err)
	}
	run(t, "simulator", s.Run)
	return s
}

// testConfig is impatient: what takes seconds in the field takes a fraction here.
func testConfig(url string) ingest.Config {
	cfg := ingest.DefaultConfig()
	cfg.Simulated = true
	cfg.Binance.RestURL = url
	cfg.Binance.WsURL = "ws" + strings.TrimPrefix(url, "http")
	cfg.Binance.BackoffMin, cfg.Binance.BackoffMax = 50*time.Millisecond, 200*time.Millisecond
	cfg.Binance.ReplaceMin = 200 * time.Millisecond
	return cfg
}

func startIngest(t *testing.T, cfg ingest.Config, log *memLog, contracts ...market.Contract) (*ingest.Ingest, func()) {
	t.Helper()
	in, err := ingest.New(cfg, contracts, log, log, testLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	return in, run(t, "ingest", in.Run)
}

func contract(t *testing.T, id, step string) market.Contract {
	t.Helper()
	c := market.Contract{ID: id, Source: "binance", Symbol: id, Base: strings.TrimSuffix(id, "USDT"), Quote: "USDT", Period: market.Periods()}
	var err1, err2 error
	c.Tick, err1 = market.ParseUnit("0.01")
	c.Step, err2 = market.ParseUnit(step)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return c
}
