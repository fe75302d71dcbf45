package ingest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/ingest"
	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/simexchange"
)

// follow starts a random market and an ingest of it, and waits until trades flow.
func follow(t *testing.T, more func(*ingest.Config)) (*simexchange.Server, *memLog, *ingest.Ingest, func()) {
	t.Helper()
	cfg := simexchange.DefaultConfig()
	cfg.Market.Rate = 50
	sim := startSim(t, cfg)
	log := newMemLog()
	ic := testConfig(sim.URL())
	ic.Binance.Silence, ic.Binance.FirstFrame = 2500*time.Millisecond, 2500*time.Millisecond
	if more != nil {
		more(&ic)
	}
	in, stop := startIngest(t, ic, log, contract(t, "BTCUSDT", "0.00001"))
	log.wait(t, "the feed is synced", log.synced)
	return sim, log, in, stop
}

func (l *memLog) synced() bool {
	s := l.latest("BTCUSDT")
	return s.State == "SYNCED" && s.Quality == market.QualityOK
}

func (l *memLog) latest(scope string) (s market.Status) {
	for _, st := range l.statuses {
		if st.Scope == scope {
			s = st
		}
	}
	return s
}

// had says whether a status of this kind came at or after the index.
func (l *memLog) had(from int, scope, state string) bool {
	for _, s := range l.statuses[from:] {
		if s.Scope == scope && s.State == state {
			return true
		}
	}
	return false
}

// more waits for so many further trades.
func (l *memLog) more(t *testing.T, n int) {
	t.Helper()
	from := -1
	l.wait(t, "trades go on", func() bool {
		have := len(l.trades("BTCUSDT"))
		if from < 0 {
			from = have
		}
		return have >= from+n
	})
}

func (l *memLog) statusCount() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.statuses)
}

func whole(t *testing.T, log *memLog) {
	t.Helper()
	log.check(t, "BTCUSDT")
	if gaps := log.kind("BTCUSDT", market.KindGap); len(gaps) > 0 {
		t.Errorf("a gap was given up: %s", gaps[0].AppendJSON(nil))
	}
	for _, r := range log.kind("BTCUSDT", market.KindOpen)[1:] {
		t.Errorf("the log was opened again: %s", r.AppendJSON(nil))
	}
}

func TestAnOutageIsFilledAndNoClockRunsAhead(t *testing.T) {
	t.Parallel()
	sim, log, _, stop := follow(t, nil)
	from := log.statusCount()
	sim.Inject(simexchange.Fault{Kind: simexchange.FaultOutage, Duration: 4 * time.Second})
	log.wait(t, "down and stale", func() bool {
		return log.had(from, "BTCUSDT", "DOWN") && log.latest("BTCUSDT").Quality == market.QualityStale
	})
	log.wait(t, "recovered", log.synced)
	log.wait(t, "the source is back", func() bool { return log.had(from, "binance", "DOWN") && log.latest("binance").State == "SYNCED" })
	log.more(t, 50)
	stop()
	whole(t, log)
}

func TestAHalfOpenConnectionIsReplacedAndItsTradesFetched(t *testing.T) {
	t.Parallel()
	sim, log, in, stop := follow(t, nil)
	from := log.statusCount()
	sim.Inject(simexchange.Fault{Kind: simexchange.FaultSilence, Stream: "*"})
	log.wait(t, "down", func() bool { return log.had(from, "BTCUSDT", "DOWN") })
	log.wait(t, "recovered", log.synced)
	log.more(t, 50)
	stop()
	whole(t, log)
	if in.Connections().Silent.Load() == 0 {
		t.Error("the watchdog did not find the silence")
	}
}

func TestTradeFramesThatStopWhileKlinesGoOnAreNoticed(t *testing.T) {
	t.Parallel()
	sim, log, in, stop := follow(t, nil)
	from := log.statusCount()
	sim.Inject(simexchange.Fault{Kind: simexchange.FaultDrop, Stream: "*@aggTrade", For: 3 * time.Second})
	log.wait(t, "the klines tell of missing trades", func() bool { return log.had(from, "BTCUSDT", "GAP") })
	log.wait(t, "the connection was replaced", func() bool { return in.Connections().Replaced.Load() > 0 })
	log.wait(t, "recovered", log.synced)
	log.more(t, 50)
	stop()
	whole(t, log)
}

func TestAServerShutdownLosesNothingAndIsNoOutage(t *testing.T) {
	t.Parallel()
	sim, log, in, stop := follow(t, nil)
	from, replaced := log.statusCount(), in.Connections().Replaced.Load()
	sim.Inject(simexchange.Fault{Kind: simexchange.FaultShutdown, Stream: "*", Duration: 5 * time.Second})
	log.wait(t, "a new connection took over", func() bool { return in.Connections().Replaced.Load() > replaced })
	log.more(t, 100)
	stop()
	whole(t, log)
	for _, s := range log.statuses[from:] { // a short GAP may be: the simulator sends nothing more on the old connection
		if s.State == "DOWN" || s.Quality != market.QualityOK {
			t.Errorf("the feed was out: %s", s.AppendJSON(nil))
		}
	}
}

func TestAConnectionIsReplacedBeforeItsLifetimeIsOver(t *testing.T) {
	t.Parallel()
	_, log, in, stop := follow(t, func(c *ingest.Config) { c.Binance.Lifetime = 700 * time.Millisecond })
	log.wait(t, "three generations", func() bool { return in.Connections().Replaced.Load() >= 3 })
	stop()
	whole(t, log)
	if log.had(0, "BTCUSDT", "DOWN") {
		t.Error("the feed was down between two connections")
	}
}

func TestARestartGoesOnWhereTheLogEnds(t *testing.T) {
	t.Parallel()
	sim, log, _, stop := follow(t, nil)
	log.more(t, 20)
	for range 3 {
		stop()
		log.mu.Lock()
		log.statuses = nil
		log.mu.Unlock()
		_, stop = startIngest(t, testConfig(sim.URL()), log, contract(t, "BTCUSDT", "0.00001"))
		log.wait(t, "synced again", log.synced)
		log.more(t, 20)
	}
	stop()
	log.check(t, "BTCUSDT")
	opens := log.kind("BTCUSDT", market.KindOpen)
	for i, r := range opens {
		if r.Epoch != opens[0].Epoch || i > 0 && r.Writer <= opens[i-1].Writer {
			t.Errorf("open %d: epoch %d, writer %d after epoch %d, writer %d", i, r.Epoch, r.Writer, opens[0].Epoch, opens[max(0, i-1)].Writer)
		}
	}
	if len(opens) != 4 || len(log.kind("BTCUSDT", market.KindSeed)) != log.records["BTCUSDT"][1].Spec.Seeds {
		t.Errorf("%d opens and %d seeds, want 4 and the seeds of the beginning", len(opens), len(log.kind("BTCUSDT", market.KindSeed)))
	}
}

func TestAnExchangeThatRefusesRestIsLeftInPeace(t *testing.T) {
	t.Parallel()
	sim, log, _, stop := follow(t, nil)
	refused := sim.Inject(simexchange.Fault{Kind: simexchange.FaultStatus, Path: "/api/v3/*", Status: 429, RetryAfter: 2, For: time.Second})
	sim.Inject(simexchange.Fault{Kind: simexchange.FaultDrop, Stream: "*@aggTrade"})
	log.wait(t, "refused", func() bool { return refused.Hits() > 0 })
	from := log.statusCount()
	log.wait(t, "recovered", func() bool { return log.had(from, "BTCUSDT", "SYNCED") || log.synced() })
	log.more(t, 100)
	stop()
	whole(t, log)
	if n := refused.Hits(); n > 2 {
		t.Errorf("%d requests while the exchange asked for two seconds of peace", n)
	}
}

func TestALogThatCannotBeWrittenEndsTheRun(t *testing.T) {
	t.Parallel()
	sim := startSim(t, simexchange.DefaultConfig())
	log := newMemLog()
	log.failAfter = 100
	in, err := ingest.New(testConfig(sim.URL()), []market.Contract{contract(t, "BTCUSDT", "0.00001")}, log, log, testLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := in.Run(ctx); err == nil || !strings.Contains(err.Error(), "append to the log of BTCUSDT: the log is full") {
		t.Errorf("Run: %v", err)
	}
}
