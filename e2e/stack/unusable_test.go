package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/e2e/stack/stackcheck"
	"github.com/tickcast/tickcast/kafka"
	tick "github.com/tickcast/tickcast/market"
)

// Records that cannot be used are kept in quarantine with their place, and nothing else stops: not their contract, not their partition, not their job.
func TestPoisonIsKeptInQuarantineAndNothingElseStops(t *testing.T) {
	m, id, cl := randomMarket(t)
	unlisted := own("NONE")
	p, err := kafka.NewProducer(kafka.Config{Brokers: m.brokers}, kafka.ProducerOptions{Name: "test"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(10 * time.Second)
	record := func(contract string, kind tick.Kind) []byte {
		r := tick.Record{Kind: kind, Contract: contract, Source: "binance", Simulated: true, Writer: 1, Epoch: 1, Seq: 1, EventMs: time.Now().UnixMilli(), PriceScale: 2, QtyScale: 5,
			Trade: tick.Trade{Price: 1, Qty: 1, AggID: 1, FirstID: 1, LastID: 1}}
		return r.AppendJSON(nil)
	}
	var want []string
	for _, log := range []string{catalog.MarketTrades, catalog.MarketBooks} {
		for what, value := range map[string][]byte{
			"no JSON":                        []byte("poison of " + id),
			"wrong type":                     []byte(fmt.Sprintf(`{"sv":1,"k":"trade","s":%q,"seq":"poison"}`, id)),
			"another contract under its key": record(unlisted, tick.KindTrade),
			"tombstone":                      nil,
		} {
			if err := p.Produce(t.Context(), log, []byte(id), value); err != nil {
				t.Fatal(err)
			}
			want = append(want, log+" "+what+" "+string(value))
		}
		if err := p.Produce(t.Context(), log, []byte(unlisted), record(unlisted, tick.KindClock)); err != nil { // of a contract that nobody lists
			t.Fatal(err)
		}
	}
	written := time.Now()
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitCandleOf(t, cl, id, written)
	kept := map[string]string{}
	for deadline := time.Now().Add(patience); len(kept) < len(want) && time.Now().Before(deadline); time.Sleep(time.Second) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := stackcheck.ReadToEnds(ctx, kafka.Config{Brokers: m.brokers}, []string{catalog.MarketQuarantine}, func(r *kafka.Record) error {
			var q struct {
				Reason, Detail, Channel string
				Src                     string `json:"src"`
				Contract                string `json:"s"`
				Raw                     string // text as text
			}
			if err := json.Unmarshal(r.Value, &q); err != nil {
				return fmt.Errorf("%w: %.300s", err, r.Value)
			}
			if q.Contract == id && q.Src == "flink" {
				log, _, _ := strings.Cut(q.Channel, " ")
				kept[q.Channel] = log + " " + q.Raw
				if q.Reason != "unreadable" || q.Detail == "" || !strings.Contains(q.Channel, " partition ") || !strings.Contains(q.Channel, " offset ") {
					return fmt.Errorf("quarantined without its place or reason: %s", r.Value)
				}
			}
			return nil
		})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(kept) != len(want) {
		t.Errorf("%d records are in quarantine, want %d: %v", len(kept), len(want), kept)
	}
	for _, w := range want {
		log, _, _ := strings.Cut(w, " ")
		found := false
		for _, k := range kept {
			raw := strings.TrimPrefix(k, log+" ")
			found = found || raw != k && strings.HasSuffix(w, " "+raw)
		}
		if !found {
			t.Errorf("%s is not in quarantine", w)
		}
	}
	awaitCandleOf(t, cl, id, time.Now())
	cl.NoStepBack()
	m.checkParity(id)
}
