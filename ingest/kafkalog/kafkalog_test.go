package kafkalog_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/ingest"
	"github.com/tickcast/tickcast/ingest/feed"
	"github.com/tickcast/tickcast/ingest/kafkalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/kafka/embedded"
	"github.com/tickcast/tickcast/market"
)

// TestEachLogHasItsTopicAndItsTail writes both logs of two contracts, and reads their ends and their records' headers.
func TestEachLogHasItsTopicAndItsTail(t *testing.T) {
	t.Parallel()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	k, err := embedded.New(embedded.Config{Listen: "127.0.0.1:0"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = k.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	cfg := kafka.Config{Brokers: k.Addr()}
	cat, err := catalog.Load("", "", catalog.Embedded)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := kafka.NewAdmin(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if _, err := admin.Apply(t.Context(), kafka.Specs(cat), 1); err != nil {
		t.Fatal(err)
	}
	log, err := kafkalog.New(cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- log.Run(running) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := log.Close(10 * time.Second); err != nil {
			t.Error(err)
		}
	}()

	level := []market.Level{{Price: 100, Qty: 1}}
	write := func(contract string, to ingest.Input, n int64) {
		for seq := range n {
			r := market.Record{Kind: market.KindTrade, Contract: contract, Source: "binance", Writer: 1, Epoch: 7, Seq: seq + 1, EventMs: 1000 + seq, PriceScale: 2, QtyScale: 5,
				Trade: market.Trade{AggID: seq, FirstID: seq, LastID: seq, Price: 100, Qty: 1}}
			if to == feed.Books {
				r.Kind, r.Trade = market.KindDiff, market.Trade{}
				r.Book = market.BookChange{FirstID: seq, LastID: seq, Bids: level, Asks: nil}
			}
			if err := log.Append(to, r); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("BTCUSDT", feed.Books, 20) // the tail of BTCUSDT's books lies far behind those of the others in the same partition
	for _, id := range []string{"ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT", "ADAUSDT", "LTCUSDT"} {
		write(id, feed.Books, 3000)
	}
	write("BTCUSDT", feed.Trades, 10)
	for _, c := range []struct {
		of   ingest.Input
		kind market.Kind
		last int64
	}{{feed.Books, market.KindDiff, 20}, {feed.Trades, market.KindTrade, 10}} {
		tail, err := log.Tail(t.Context(), c.of, "BTCUSDT")
		if err != nil {
			t.Fatal(err)
		}
		if n := len(tail.Records); n == 0 || tail.Records[n-1].Kind != c.kind || tail.Records[n-1].Seq != c.last {
			t.Fatalf("%s: the tail has %d records, want it to end with %s %d", c.of, n, c.kind, c.last)
		}
	}
	if tail, err := log.Tail(t.Context(), feed.Books, "NOBODY"); err != nil || len(tail.Records) != 0 {
		t.Errorf("a contract without a log has a tail of %d records, %v", len(tail.Records), err)
	}

	r, err := kafka.NewReader(cfg, kafka.ReaderOptions{Name: "test"}, quiet)
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
