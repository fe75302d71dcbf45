package history

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/history/live"
	"github.com/tickcast/tickcast/market"
)

// lagging is a store that is behind the ledger by some records, as a store is after a crash.
type lagging struct {
	rows []market.CandleMessage // by open time
	late []market.CandleMessage // read from the ledger some time
}

func (s *lagging) store(n int) {
	for _, m := range s.late[:n] {
		s.rows = join(s.rows, &m)
	}
	s.late = s.late[n:]
}

func (s *lagging) Candles(_ context.Context, q market.CandleRange) (out []market.CandleMessage, err error) {
	for _, m := range s.rows {
		if m.OpenMs >= q.FromMs && m.OpenMs <= q.ToMs {
			out = append(out, m)
		}
	}
	if n := len(out) - q.Limit; n > 0 && q.Newest {
		out = out[n:]
	} else if n > 0 {
		out = out[:q.Limit]
	}
	return slices.Clone(out), nil
}

// TestTheSeamHoldsAtEveryMoment: whatever the store lacks, and whatever is revised, each answer is what one list of all candles would give.
func TestTheSeamHoldsAtEveryMoment(t *testing.T) {
	t.Parallel()
	c := market.Contract{ID: "A", Source: "binance", Symbol: "A", Tick: market.Unit{Size: 1, Scale: 2}, Step: market.Unit{Size: 1, Scale: 3}, Period: []market.Period{market.Period1m}}
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		stored := &lagging{}
		h, err := New(DefaultConfig(), &catalog.Catalog{Contracts: []market.Contract{c}}, stored, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		var truth []market.CandleMessage
		var seq int64
		tell := func(topic string, m market.CandleMessage) {
			seq++
			m.Contract, m.Source, m.Epoch, m.Seq, m.PriceScale, m.QtyScale, m.Period = c.ID, c.Source, 1, seq, 2, 3, market.Period1m
			truth = join(truth, &m)
			value := m.Candle.AppendJSON(m.Header.AppendJSON(nil), 2, 3)
			if _, err := h.state.Apply(live.Record{Topic: topic, Key: []byte("A/1m"), Value: value, Version: m.Version()}, 1); err != nil {
				t.Fatalf("%s: %v", value, err)
			}
			if topic == catalog.PushClosed {
				stored.late = append(stored.late, m)
			}
		}
		candle := func(minute int64, closed bool) (m market.CandleMessage) {
			m.OpenMs, m.Closed = minute*market.MinuteMs, closed
			m.Open, m.High, m.Low, m.Close, m.Trades, m.FirstID, m.LastID = 100, 200, 50, 50+rnd.Int64N(150), 1+rnd.Int64N(9), seq, seq
			return m
		}
		for minute := int64(1000); minute < 1060; minute++ {
			for range rnd.IntN(4) {
				tell(catalog.PushCandles, candle(minute, false))
			}
			if rnd.IntN(5) == 0 { // a late trade: the candle before comes again
				tell(catalog.PushClosed, candle(minute-1, true))
			}
			tell(catalog.PushClosed, candle(minute, true))
			if over := len(stored.late) - 10; over > 0 || rnd.IntN(3) == 0 {
				stored.store(max(over, rnd.IntN(len(stored.late)+1)))
			}
			q := market.CandleRange{Contract: c.ID, Period: market.Period1m, FromMs: (990 + rnd.Int64N(70)) * market.MinuteMs, Limit: 1 + rnd.IntN(80), Newest: rnd.IntN(2) == 0}
			q.ToMs = q.FromMs + rnd.Int64N(80)*market.MinuteMs
			want, _ := (&lagging{rows: truth}).Candles(t.Context(), q)
			got, err := h.candles(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(want) {
				t.Fatalf("seed %d, minute %d: %d candles, want %d, for %+v", seed, minute, len(got), len(want), q)
			}
			for i := range want {
				if got[i].Version() != want[i].Version() || !reflect.DeepEqual(got[i].Candle, want[i].Candle) {
					t.Fatalf("seed %d, minute %d: candle %+v, want %+v", seed, minute, got[i], want[i])
				}
			}
		}
	}
}

func TestAmountsHaveEightDecimals(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"1": "1.00000000", "0.5": "0.50000000", "7.123456789": "7.12345678", "-3.10": "-3.10000000", "0.00000001": "0.00000001"} {
		if got := string(appendText([]byte("x"), in)); got != "x"+want {
			t.Errorf("%s: %s, want %s", in, got[1:], want)
		}
	}
}
