package ingest_test

import (
	"testing"

	"github.com/tickcast/tickcast/ingest"
	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/simexchange"
)

// TestTheCatalogueChangesWhileItRuns adds, changes and delists contracts, and brings one back; what stays is not disturbed.
func TestTheCatalogueChangesWhileItRuns(t *testing.T) {
	t.Parallel()
	cfg := simexchange.DefaultConfig()
	cfg.Market.Rate = 50
	sim := startSim(t, cfg)
	log := newMemLog()
	btc, eth, sol := withBooks(contract(t, "BTCUSDT", "0.00001")), contract(t, "ETHUSDT", "0.0001"), withBooks(contract(t, "SOLUSDT", "0.001"))
	in, stop := startIngest(t, testConfig(sim.URL()), log, btc, eth)
	reload := func(cs ...market.Contract) {
		t.Helper()
		if err := in.Reload(cs); err != nil {
			t.Fatal(err)
		}
	}
	grows := func(name string, k market.Kind) {
		t.Helper()
		from := -1
		log.wait(t, name+" goes on", func() bool {
			n := len(log.kind(name, k))
			if from < 0 {
				from = n
			}
			return n > from+3
		})
	}
	delisted := func(name string) {
		t.Helper()
		log.wait(t, name+" is delisted", func() bool {
			rs := log.records[name]
			return len(rs) > 0 && rs[len(rs)-1].Kind == market.KindContract && rs[len(rs)-1].Spec.Delisted
		})
	}
	grows("BTCUSDT", market.KindTrade)
	grows(bookLog("BTCUSDT"), market.KindDiff)

	if err := in.Reload([]market.Contract{{ID: "X", Source: "engine"}}); err == nil {
		t.Error("a catalogue without a contract of the venue is taken")
	}

	reload(btc, eth, sol)
	grows("SOLUSDT", market.KindTrade)
	grows(bookLog("SOLUSDT"), market.KindDiff)

	eth = withBooks(eth) // ETH gets a book, SOL loses it, BTC serves another depth
	sol.Books, sol.Depth = nil, 0
	btc.Depth = 20
	reload(btc, eth, sol)
	grows(bookLog("ETHUSDT"), market.KindDiff)
	delisted(bookLog("SOLUSDT"))
	log.wait(t, "the new depth is in the log", func() bool {
		cs := log.kind(bookLog("BTCUSDT"), market.KindContract)
		return cs[len(cs)-1].Spec.Contract.Depth == 20
	})
	grows(bookLog("BTCUSDT"), market.KindDiff)

	reload(btc, eth)
	delisted("SOLUSDT")
	log.wait(t, "the status says so", func() bool { return log.latest("SOLUSDT").State == "DELISTED" })
	reload(btc, eth, sol)
	grows("SOLUSDT", market.KindTrade)

	fine := eth // prices with more decimals cannot be compared with those before
	fine.Tick = market.Unit{Scale: 3, Size: 1}
	reload(btc, fine, sol)
	for _, name := range []string{"ETHUSDT", bookLog("ETHUSDT")} {
		log.wait(t, name+" begins anew", func() bool {
			opens := log.kind(name, market.KindOpen)
			return len(opens) == 2 && opens[1].Epoch > opens[0].Epoch
		})
	}
	grows("ETHUSDT", market.KindTrade)
	grows(bookLog("ETHUSDT"), market.KindDiff)

	other := btc // the contract's market is another one from now on
	other.Symbol = "SOLUSDT"
	other.Tick = sol.Tick
	reload(other, fine, sol)
	log.wait(t, "the log begins anew", func() bool { return len(log.kind("BTCUSDT", market.KindOpen)) == 2 })
	grows("BTCUSDT", market.KindTrade)
	grows(bookLog("BTCUSDT"), market.KindDiff)
	stop()
	for _, id := range []string{"BTCUSDT", "ETHUSDT", "SOLUSDT"} {
		log.check(t, id)
		if gaps := log.kind(id, market.KindGap); len(gaps) > 0 {
			t.Errorf("%s: a gap: %s", id, gaps[0].AppendJSON(nil))
		}
		log.checkBooks(t, id)
	}
	for _, q := range log.quarantined {
		t.Errorf("in quarantine: %s %s", q.Reason, q.Detail)
	}
	opens, seeds := log.kind("SOLUSDT", market.KindOpen), log.kind("SOLUSDT", market.KindSeed)
	if len(opens) != 2 || opens[1].Epoch <= opens[0].Epoch || seeds[len(seeds)-1].Epoch != opens[1].Epoch {
		t.Errorf("SOLUSDT, which came back, was opened %d times, or has no new epoch with seeds: who reads the log had forgotten it", len(opens))
	}
}

func TestReloadBeforeRunCounts(t *testing.T) {
	t.Parallel()
	sim := startSim(t, simexchange.DefaultConfig())
	log := newMemLog()
	in, err := ingest.New(testConfig(sim.URL()), []market.Contract{contract(t, "BTCUSDT", "0.00001")}, log, log, testLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // only the last one counts, and none waits
		if err := in.Reload([]market.Contract{contract(t, "ETHUSDT", "0.0001")}); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "ingest", in.Run)
	log.wait(t, "the new contract", func() bool { return len(log.trades("ETHUSDT")) > 0 })
	log.wait(t, "the old one is delisted", func() bool {
		rs := log.records["BTCUSDT"]
		return len(rs) > 0 && rs[len(rs)-1].Spec.Delisted
	})
}
