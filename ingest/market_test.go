package ingest_test

import (
	"slices"
	"testing"

	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/simexchange"
)

func TestARandomMarketIsFollowedFromItsSeeds(t *testing.T) {
	t.Parallel()
	cfg := simexchange.DefaultConfig()
	cfg.Market.Rate = 50
	sim := startSim(t, cfg)
	log := newMemLog()
	_, stop := startIngest(t, testConfig(sim.URL()), log, contract(t, "BTCUSDT", "0.00001"), contract(t, "ETHUSDT", "0.0001"))
	for _, id := range []string{"BTCUSDT", "ETHUSDT"} {
		log.wait(t, "trades and clocks", func() bool { return len(log.trades(id)) > 100 && len(log.kind(id, market.KindClock)) > 5 })
	}
	stop()
	for _, id := range []string{"BTCUSDT", "ETHUSDT"} {
		log.check(t, id)
		// where klines come late, the feed says meanwhile that it is stale
		rs := slices.DeleteFunc(slices.Clone(log.records[id]), func(r market.Record) bool { return r.Kind == market.KindQuality })
		if rs[0].Kind != market.KindOpen || rs[1].Kind != market.KindContract || rs[1].Spec.Seeds == 0 {
			t.Fatalf("%s begins with %s and %s", id, rs[0].AppendJSON(nil), rs[1].AppendJSON(nil))
		}
		for i := range rs[1].Spec.Seeds {
			if rs[2+i].Kind != market.KindSeed {
				t.Fatalf("%s: record %d is no seed: %s", id, 2+i, rs[2+i].AppendJSON(nil))
			}
		}
	}
	if len(log.quarantined) > 0 {
		t.Errorf("%d frames in quarantine, the first: %+v", len(log.quarantined), log.quarantined[0])
	}
}
