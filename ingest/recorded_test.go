package ingest_test

import (
	"testing"
	"time"

	"github.com/tickcast/tickcast/ingest"
	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/simexchange"
)

const (
	recordedTrades = "../simexchange/testdata/BTCUSDT-aggTrades-2020-01-02T1510-1518.json"
	recordedKlines = "../simexchange/testdata/BTCUSDT-1m-2020-01-02T1510-1517.csv"
	firstRecorded  = 202790190 // aggregate id; the others follow without a hole
	recorded       = 1000      // trades
)

// TestRecordedTradesReachTheLogInTheSameOrder plays 1,000 recorded trades of 2020-01-02 at sixty times their speed, with the faults of real networks and
// exchanges: the log holds the same trades in the same order, and quarantine what could not be true.
func TestRecordedTradesReachTheLogInTheSameOrder(t *testing.T) {
	t.Parallel()
	const frames = "*@aggTrade"
	for _, c := range []struct {
		name    string
		faults  []simexchange.Fault
		reasons []string // in quarantine, each at least once
	}{
		{name: "as recorded"},
		{name: "dropped, doubled and reordered frames, cut connections, a failing REST side", faults: []simexchange.Fault{
			{Kind: simexchange.FaultDrop, Stream: frames, Probability: 0.1, Seed: 1}, {Kind: simexchange.FaultDuplicate, Stream: frames, Probability: 0.1, Seed: 2},
			{Kind: simexchange.FaultReorder, Stream: frames, Probability: 0.1, Seed: 3}, {Kind: simexchange.FaultRST, Stream: frames, After: 150},
			{Kind: simexchange.FaultFIN, Stream: frames, After: 400}, {Kind: simexchange.FaultShutdown, Stream: frames, After: 550, Duration: 200 * time.Millisecond},
			{Kind: simexchange.FaultStatus, Path: "/api/v3/aggTrades", Status: 503, After: 3, Count: 3},
			{Kind: simexchange.FaultTruncate, Path: "/api/v3/aggTrades", After: 8},
		}},
		{name: "frames that cannot be true", faults: []simexchange.Fault{
			{Kind: simexchange.FaultTruncate, Stream: frames, After: 20}, {Kind: simexchange.FaultZeroPrice, Stream: frames, After: 80},
			{Kind: simexchange.FaultBadNumber, Stream: frames, After: 140}, {Kind: simexchange.FaultWrongSymbol, Stream: frames, After: 200},
			{Kind: simexchange.FaultBadTime, Stream: frames, After: 260}, {Kind: simexchange.FaultBinary, Stream: frames, After: 320},
			{Kind: simexchange.FaultHuge, Stream: frames, After: 380},
		}, reasons: []string{"BAD_JSON", "NON_POSITIVE", "BAD_NUMBER", "SYMBOL_MISMATCH", "FUTURE_TS", "NON_TEXT_FRAME", "FRAME_TOO_BIG"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sim := startSim(t, recording(c.faults...))
			log := newMemLog()
			cfg := testConfig(sim.URL())
			cfg.Feed.MaxAhead, cfg.Binance.Silence, cfg.Binance.FirstFrame = 10*time.Minute, time.Second, time.Second
			_, stop := startIngest(t, cfg, log, contract(t, "BTCUSDT", "0.000001"))
			log.wait(t, "the last trade", func() bool {
				ts := log.trades("BTCUSDT")
				return len(ts) > 0 && ts[len(ts)-1].Trade.AggID == firstRecorded+recorded-1
			})
			stop()
			log.check(t, "BTCUSDT")
			ts := log.trades("BTCUSDT")
			if ts[0].Trade.AggID != firstRecorded || len(ts) != recorded {
				t.Errorf("%d trades from %d on, want %d from %d on", len(ts), ts[0].Trade.AggID, recorded, firstRecorded)
			}
			if gaps := log.kind("BTCUSDT", market.KindGap); len(gaps) > 0 {
				t.Errorf("a gap was given up: %s", gaps[0].AppendJSON(nil))
			}
			found := map[string]ingest.Quarantined{}
			for _, q := range log.quarantined {
				found[q.Reason] = q
			}
			for _, r := range c.reasons {
				if q, ok := found[r]; !ok || len(q.Raw) == 0 {
					t.Errorf("%s is not in quarantine with its bytes", r)
				}
			}
		})
	}
}

func recording(faults ...simexchange.Fault) simexchange.Config {
	cfg := simexchange.DefaultConfig()
	cfg.Symbols = []simexchange.Symbol{{Symbol: "BTCUSDT", Base: "BTC", Quote: "USDT", Tick: "0.01", Step: "0.000001"}}
	cfg.Recording = &simexchange.RecordingConfig{Times: "kept", Speed: 60, WaitForSubscriber: true,
		Markets: []simexchange.Recording{{Symbol: "BTCUSDT", AggTrades: []string{recordedTrades}, Klines: recordedKlines}}}
	cfg.Faults = faults
	return cfg
}
