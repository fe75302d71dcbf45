package compute

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/kafka/kafkatest"
	"github.com/tickcast/tickcast/market"
)

// bench is an embedded Kafka with the shipped topics, and a log of trades to write.
type bench struct {
	t    *testing.T
	cat  *catalog.Catalog
	cfg  Config
	prod *kafka.Producer
}

func newBench(t *testing.T) *bench {
	t.Helper()
	cfg, _ := kafkatest.Start(t, "")
	return newBenchOn(t, cfg.Brokers)
}

// newBenchOn makes the topics of an empty Kafka.
func newBenchOn(t *testing.T, addr string) *bench {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	b := &bench{t: t, cfg: DefaultConfig()}
	b.cfg.Kafka.Brokers = addr
	b.cfg.Checkpoint = filepath.Join(t.TempDir(), "compute.checkpoint")
	b.cat = kafkatest.Shipped(t, b.cfg.Kafka)
	var err error
	if b.prod, err = kafka.NewProducer(b.cfg.Kafka, kafka.ProducerOptions{Name: "test"}, quiet); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.prod.Close(5 * time.Second) })
	return b
}

func (b *bench) write(records ...market.Record) {
	b.t.Helper()
	b.writeTo(catalog.MarketTrades, records...)
}

func (b *bench) writeTo(topic string, records ...market.Record) {
	b.t.Helper()
	for i := range records {
		if err := b.prod.Produce(b.t.Context(), topic, []byte(records[i].Contract), records[i].AppendJSON(nil)); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := b.prod.Flush(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// run starts compute; the returned function ends it and returns its log.
func (b *bench) run() (c *Compute, stop func() string) {
	b.t.Helper()
	var text lockedBuilder
	c, err := New(b.cfg, b.cat, slog.New(slog.NewTextHandler(&text, nil)))
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	return c, func() string {
		cancel()
		if err := <-ended; err != nil {
			b.t.Errorf("Run: %v", err)
		}
		return text.String()
	}
}

// newest returns the value of the greatest version of each key of a topic.
func (b *bench) newest(topic string) map[string]string {
	b.t.Helper()
	values, versions := map[string]string{}, map[string]market.Version{}
	b.each(topic, func(rec *kafka.Record) {
		v, err := market.ParseVersion(rec.Header(catalog.VersionName))
		if err != nil {
			b.t.Fatal(err)
		}
		if had, ok := versions[string(rec.Key)]; !ok || had.Less(v) {
			values[string(rec.Key)], versions[string(rec.Key)] = string(rec.Value), v
		}
		if rec.Value != nil && len(rec.Value) == 0 {
			b.t.Errorf("%s %s: an empty value where null clears", topic, rec.Key)
		}
	})
	return values
}

// each reads a topic from its start to its end.
func (b *bench) each(topic string, do func(*kafka.Record)) {
	b.t.Helper()
	r, err := kafka.NewReader(b.cfg.Kafka, kafka.ReaderOptions{Name: "test"}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	ranges, err := r.Ranges(topic)
	if err != nil {
		b.t.Fatal(err)
	}
	var ps []kafka.Position
	var n int64
	for i, rg := range ranges {
		ps = append(ps, kafka.Position{Topic: topic, Partition: int32(i), Offset: rg.Low})
		n += rg.High - rg.Low
	}
	if err := r.Assign(ps); err != nil {
		b.t.Fatal(err)
	}
	for ; n > 0; n-- {
		rec, err := r.Poll(10 * time.Second)
		if err != nil || rec == nil {
			b.t.Fatalf("read %s: %v %v", topic, rec, err)
		}
		do(rec)
	}
}

// read returns all records of a topic, by key and version, and fails if one version came with two values.
func (b *bench) read(topic string) map[string]string {
	b.t.Helper()
	got := map[string]string{}
	b.each(topic, func(rec *kafka.Record) {
		v, _ := market.ParseVersion(rec.Header(catalog.VersionName))
		id := fmt.Sprintf("%s %d.%d.%d", rec.Key, v.Epoch, v.T, v.Seq)
		value := withoutComputeTime(string(rec.Value))
		if had, ok := got[id]; ok && had != value {
			b.t.Errorf("%s: version %s came as\n%s\nand as\n%s", topic, id, had, value)
		}
		got[id] = value
	})
	return got
}

func withoutComputeTime(v string) string {
	i := strings.Index(v, `,"tsc":`)
	if i < 0 {
		return v
	}
	j := strings.Index(v[i+1:], ",")
	return v[:i] + v[i+1+j:]
}
