package kafkalog_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/ingest"
	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/ingest/kafkalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/kafka/embedded"
	"github.com/tickcast/tickcast/kafka/kafkatest"
	"github.com/tickcast/tickcast/market"
)

func cluster(t *testing.T) kafka.Config {
	t.Helper()
	cfg, _ := kafkatest.Start(t, "")
	kafkatest.Shipped(t, cfg)
	return cfg
}

func newLog(t *testing.T, cfg kafka.Config) *kafkalog.Log {
	t.Helper()
	l, err := kafkalog.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(10 * time.Second); err != nil {
			t.Error(err)
		}
	})
	return l
}

const contract = "BTCUSDT"

var btc = market.Contract{ID: contract, Source: "binance"}

// script writes records of one contract's log, with seq in order.
type script struct {
	t      *testing.T
	log    *kafkalog.Log
	writer int64
	seq    int64
}

func (s *script) write(kind market.Kind, n int) {
	s.t.Helper()
	for range n {
		s.seq++
		r := market.Record{Kind: kind, Contract: contract, Source: "binance", Writer: s.writer, Epoch: 1000, Seq: s.seq, EventMs: 1_700_000_000_000 + s.seq, PriceScale: 2, QtyScale: 5,
			Trade: market.Trade{Price: 1, Qty: 1, AggID: s.seq, FirstID: s.seq, LastID: s.seq}}
		r.Spec.Contract.Tick, r.Spec.Contract.Step, r.Spec.Seeds = market.Unit{Scale: 2, Size: 1}, market.Unit{Scale: 5, Size: 1}, 3
		r.Seed = market.Candle{Period: market.Period1m, OpenMs: 60_000 * s.seq, Open: 1, High: 1, Low: 1, Close: 1}
		if err := s.log.Append(s.t.Context(), core.Trades, r); err != nil {
			s.t.Fatal(err)
		}
	}
}

// inLog waits until so many records are in market.trades: Append does not.
func inLog(t *testing.T, cfg kafka.Config, want int64) {
	t.Helper()
	r, err := kafka.NewReader(cfg, kafka.ReaderOptions{Name: "test"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		ranges, err := r.Ranges(catalog.MarketTrades)
		if err != nil {
			t.Fatal(err)
		}
		var have int64
		for _, rg := range ranges {
			have += rg.High
		}
		if have >= want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d records are in the log, want %d", have, want)
		}
	}
}

// TestAnEarlierWriterIsShutOutBeforeTheTailIsRead: what an earlier writer, which does not know yet that it has a successor, writes after the tail was read
// must not count: the successor gives the same sequence numbers to other records.
func TestAnEarlierWriterIsShutOutBeforeTheTailIsRead(t *testing.T) {
	t.Parallel()
	cfg := cluster(t)
	old, next := newLog(t, cfg), newLog(t, cfg)
	ahead := time.Now().Add(time.Hour).UnixMilli() // the earlier writer's clock may be ahead of ours
	s := script{t: t, log: old, writer: ahead}
	s.write(market.KindOpen, 1)
	s.write(market.KindTrade, 10)
	inLog(t, cfg, 11)
	first, err := next.Tail(t.Context(), core.Trades, &btc)
	if err != nil {
		t.Fatal(err)
	}
	if first.Writer <= ahead {
		t.Errorf("writer %d after %d", first.Writer, ahead)
	}
	s.write(market.KindTrade, 5)
	inLog(t, cfg, 18)                                      // with two open records: the first one was not above the earlier writer
	again, err := old.Tail(t.Context(), core.Trades, &btc) // all that a reader sees
	if err != nil {
		t.Fatal(err)
	}
	var writer int64
	var counts int
	for _, r := range again.Records {
		if r.Kind == market.KindOpen {
			writer = max(writer, r.Writer)
		}
		if r.Kind == market.KindTrade && r.Writer >= writer {
			counts++
		}
	}
	if counts != 10 {
		t.Errorf("%d trades count, want the ten that the new writer knows of", counts)
	}
}

// TestTheTailReachesBackToWhatItNeeds on quiet markets, within a block of seeds, and after writers that came to nothing.
func TestTheTailReachesBackToWhatItNeeds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		write func(s *script)
		want  market.Kind
	}{
		{"three hours without a trade", func(s *script) { s.write(market.KindTrade, 1); s.write(market.KindClock, 11_000) }, market.KindTrade},
		{"a block of seeds that was cut short", func(s *script) {
			s.write(market.KindContract, 1)
			s.write(market.KindSeed, 2)
			s.writer++
			s.write(market.KindOpen, 1)
		}, market.KindContract},
		{"other contracts between", func(s *script) {
			s.write(market.KindTrade, 1)
			other := market.Record{Kind: market.KindClock, Contract: "ETHUSDT", Source: "binance", Epoch: 1, EventMs: 1}
			for i := range 9000 { // the shipped catalogue may have both in one partition
				other.Seq = int64(i)
				if err := s.log.Append(s.t.Context(), core.Trades, other); err != nil {
					s.t.Fatal(err)
				}
			}
		}, market.KindTrade},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := cluster(t)
			l := newLog(t, cfg)
			s := script{t: t, log: l, writer: 1}
			s.write(market.KindOpen, 1)
			c.write(&s)
			tail, err := l.Tail(t.Context(), core.Trades, &btc)
			if err != nil {
				t.Fatal(err)
			}
			found := false
			var seq int64
			for _, r := range tail.Records {
				found, seq = found || r.Kind == c.want, max(seq, r.Seq)
			}
			if !found || seq != s.seq {
				t.Errorf("%d records up to seq %d, want %d and a %s record among them", len(tail.Records), seq, s.seq, c.want)
			}
		})
	}
}

// TestAppendEndsWhenKafkaIsAway: a writer that waits for room must let the process stop, and reports must not wait at all.
func TestAppendEndsWhenKafkaIsAway(t *testing.T) {
	t.Parallel()
	k, err := embedded.New(embedded.Config{Listen: "127.0.0.1:0"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := kafkalog.New(kafka.Config{Brokers: k.Addr()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.Run(gone); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	r := market.Record{Kind: market.KindClock, Contract: contract, EventMs: 1}
	for err == nil {
		err = l.Append(ctx, core.Trades, r)
	}
	l.Status(market.Status{Scope: contract, Kind: "feed"})
	if err := l.Quarantine(ingest.Quarantined{Source: "binance", Reason: "BAD_JSON"}); err == nil {
		t.Error("quarantine found room")
	}
	if err := l.Close(time.Millisecond); err == nil {
		t.Error("Close says that everything is in Kafka")
	}
}

// TestEachLogHasItsTopicAndItsTail writes both logs of two contracts, and reads their ends and their records' headers.
func TestEachLogHasItsTopicAndItsTail(t *testing.T) {
	t.Parallel()
	cfg := cluster(t)
	log := newLog(t, cfg)

	level := []market.Level{{Price: 100, Qty: 1}}
	write := func(contract string, to ingest.Input, n int64) {
		for seq := range n {
			r := market.Record{Kind: market.KindTrade, Contract: contract, Source: "binance", Writer: 1, Epoch: 7, Seq: seq + 1, EventMs: 1000 + seq, PriceScale: 2, QtyScale: 5,
				Trade: market.Trade{AggID: seq, FirstID: seq, LastID: seq, Price: 100, Qty: 1}}
			if to == core.Books {
				r.Kind, r.Trade = market.KindDiff, market.Trade{}
				r.Book = market.BookChange{FirstID: seq, LastID: seq, Bids: level, Asks: nil}
			}
			if err := log.Append(t.Context(), to, r); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("BTCUSDT", core.Books, 20) // the tail of BTCUSDT's books lies far behind those of the others in the same partition
	for _, id := range []string{"ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT", "ADAUSDT", "LTCUSDT"} {
		write(id, core.Books, 3000)
	}
	write("BTCUSDT", core.Trades, 10)
	for _, c := range []struct {
		of   ingest.Input
		kind market.Kind
		last int64
	}{{core.Books, market.KindDiff, 20}, {core.Trades, market.KindTrade, 10}} {
		tail, err := log.Tail(t.Context(), c.of, &btc)
		if err != nil {
			t.Fatal(err)
		}
		n := len(tail.Records) - 1 // the last is the open record of who asks
		if n < 1 || tail.Records[n-1].Kind != c.kind || tail.Records[n-1].Seq != c.last {
			t.Fatalf("%s: the tail has %d records, want it to end with %s %d", c.of, n, c.kind, c.last)
		}
	}
	if tail, err := log.Tail(t.Context(), core.Books, &market.Contract{ID: "NOBODY", Source: "binance"}); err != nil || len(tail.Records) != 1 { // its own open record
		t.Errorf("a contract without a log has a tail of %d records, %v", len(tail.Records), err)
	}

	r, err := kafka.NewReader(cfg, kafka.ReaderOptions{Name: "test"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for topic, kind := range map[string]string{catalog.MarketTrades: "trade", catalog.MarketBooks: "diff"} {
		ranges, err := r.Ranges(topic)
		if err != nil {
			t.Fatal(err)
		}
		part := kafka.PartitionOf([]byte("BTCUSDT"), len(ranges))
		if err := r.Assign([]kafka.Position{{Topic: topic, Partition: part, Offset: ranges[part].Low}}); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); ; {
			rec, err := r.Poll(time.Second)
			if err != nil || time.Now().After(deadline) {
				t.Fatalf("%s: no record, %v", topic, err)
			}
			if rec == nil || string(rec.Key) != "BTCUSDT" {
				continue
			}
			v, err := market.ParseVersion(rec.Header(catalog.VersionName))
			if got := string(rec.Header("kind")); got != kind || err != nil || v.Epoch != 7 || v.Seq == 0 {
				t.Errorf("%s: header kind is %q, version %v, %v", topic, got, v, err)
			}
			break
		}
	}
}
