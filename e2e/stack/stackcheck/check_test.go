package stackcheck

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/compute/candle"
	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/kafka/kafkatest"
	"github.com/tickcast/tickcast/market"
)

// record is one that is written to Kafka.
type record struct {
	topic, key string
	value      []byte
	headers    []kafka.Header
}

const logFile = "../../../flink-sql/testdata/candles/bust-and-correction.txt"

// Whatever departs from what compute makes of a log is found and named.
func TestWhatIsWrongIsNamed(t *testing.T) {
	first := func(rs []record, topic string) int {
		for i := range rs {
			if rs[i].topic == topic {
				return i
			}
		}
		t.Fatalf("no record of %s", topic)
		return 0
	}
	last := func(rs []record, topic string) int {
		n := first(rs, topic)
		for i := range rs {
			if rs[i].topic == topic && rs[i].key == rs[n].key {
				n = i
			}
		}
		return n
	}
	without := func(rs []record, i int) []record { return append(append([]record(nil), rs[:i]...), rs[i+1:]...) }
	for _, c := range []struct {
		name   string
		change func([]record) []record
		want   string // in the error; empty: none
	}{
		{"nothing", func(rs []record) []record { return rs }, ""},
		{"an old version once more", func(rs []record) []record { return append(rs, rs[first(rs, catalog.PushCandles)]) }, ""},
		{"an entry of the ledger twice", func(rs []record) []record { return append(rs, rs[first(rs, catalog.LedgerCandles)]) }, "is there twice"},
		{"an entry of the ledger missing", func(rs []record) []record { return without(rs, last(rs, catalog.LedgerCandles)) }, "the ledger lacks BTCUSDT/"},
		{"another digit in the ledger", func(rs []record) []record {
			r := &rs[first(rs, catalog.LedgerCandles)]
			r.value = bytes.Replace(r.value, []byte(`"c":"7`), []byte(`"c":"8`), 1)
			return rs
		}, `"c":"8`},
		{"no version", func(rs []record) []record {
			rs[first(rs, catalog.LedgerCandles)].headers = nil
			return rs
		}, "header ver"},
		{"another digit in a ticker", func(rs []record) []record {
			r := &rs[last(rs, catalog.PushTickers)]
			r.value = bytes.Replace(r.value, []byte(`"w":"7`), []byte(`"w":"6`), 1)
			return rs
		}, `"w":"6`},
		{"the last ticker missing", func(rs []record) []record { return without(rs, last(rs, catalog.PushTickers)) }, "push.tickers, key BTCUSDT: the newest version is"},
		{"a version that compute has not", func(rs []record) []record {
			newer := market.Version{Epoch: 1 << 50}
			return append(rs, record{catalog.PushTickers, "BTCUSDT", []byte("{}"), []kafka.Header{{Key: catalog.VersionName, Value: newer.Bytes()}}})
		}, "is newer than compute's"},
		{"a key that compute has not", func(rs []record) []record {
			return append(rs, record{catalog.PushCandles, "BTCUSDT/3m", []byte("{}"), []kafka.Header{{Key: catalog.VersionName, Value: market.Version{}.Bytes()}}})
		}, "compute has no such key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg, _ := kafkatest.Start(t, "")
			kafkatest.Shipped(t, cfg)
			in, out := golden(t)
			write(t, cfg, append(in, c.change(out)...))
			limit := time.Minute
			if strings.HasSuffix(c.name, "missing") { // it is waited for
				limit = 15 * time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			report, err := Check(ctx, cfg, []string{"BTCUSDT"})
			t.Logf("%v: %.300v", report, err)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("want an error with %q, got %v", c.want, err)
			case c.name == "an old version once more" && report.Old != 1:
				t.Errorf("%d old records, want 1", report.Old)
			}
		})
	}
}

// golden is a log, and what is computed from it as another program than compute would write it: with a compute time.
func golden(t *testing.T) (in, out []record) {
	t.Helper()
	f, err := os.Open(logFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := candle.New("BTCUSDT", 0, func(o *core.Output) {
		out = append(out, record{o.Topic, string(o.Key), bytes.Clone(o.Value), []kafka.Header{{Key: catalog.VersionName, Value: bytes.Clone(o.Ver)}}})
	})
	var dec market.Decoder
	for s := bufio.NewScanner(f); s.Scan(); {
		line := bytes.Clone(s.Bytes())
		if len(line) == 0 || line[0] != '{' {
			continue
		}
		var r market.Record
		if err := dec.Decode(line, &r); err != nil {
			t.Fatal(err)
		}
		in = append(in, record{topic: catalog.MarketTrades, key: r.Contract, value: line})
		if _, err := m.Apply(&core.Input{Record: &r, Value: line, ComputeMs: 1_700_000_000_000}); err != nil {
			t.Fatal(err)
		}
	}
	return in, out
}

func write(t *testing.T, cfg kafka.Config, rs []record) {
	t.Helper()
	p, err := kafka.NewProducer(cfg, kafka.ProducerOptions{Name: "test"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	for _, r := range rs {
		if err == nil {
			err = p.Produce(ctx, r.topic, []byte(r.key), r.value, r.headers...)
		}
	}
	if err == nil {
		err = p.Flush(ctx)
	}
	cancel()
	<-done
	if e := p.Close(time.Second); err == nil {
		err = e
	}
	if err != nil {
		t.Fatal(err)
	}
}
