package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/kafka/embedded"
	"github.com/tickcast/tickcast/kafka/kafkatest"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func produce(t *testing.T, cfg kafka.Config, topic string, from, to int) {
	t.Helper()
	p, err := kafka.NewProducer(cfg, kafka.ProducerOptions{Name: "test"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	for i := from; i < to; i++ {
		if err := p.Produce(t.Context(), topic, fmt.Appendf(nil, "K%d", i%17), fmt.Appendf(nil, "%d", i), kafka.Header{Key: "ver", Value: []byte{byte(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(5 * time.Second); err != nil {
		t.Fatal(err)
	}
}

func readAll(t *testing.T, cfg kafka.Config, topic string) (rs []*kafka.Record, parts int) {
	t.Helper()
	r, err := kafka.NewReader(cfg, kafka.ReaderOptions{Name: "test"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ranges, err := r.Ranges(topic)
	if err != nil {
		t.Fatal(err)
	}
	var ps []kafka.Position
	var want int64
	for i, rg := range ranges {
		ps = append(ps, kafka.Position{Topic: topic, Partition: int32(i), Offset: kafka.OffsetStart})
		want += rg.High - rg.Low
	}
	if err := r.Assign(ps); err != nil {
		t.Fatal(err)
	}
	for int64(len(rs)) < want {
		rec, err := r.Poll(5 * time.Second)
		if err != nil || rec == nil {
			t.Fatalf("after %d of %d records: %v", len(rs), want, err)
		}
		rs = append(rs, rec)
	}
	return rs, len(ranges)
}

func TestRecordsSurviveARestartInOrderAndInTheirPartition(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg, stop := kafkatest.Start(t, dir)
	kafkatest.Apply(t, cfg, kafka.TopicSpec{Name: "log", Partitions: 4, Config: map[string]string{"cleanup.policy": "delete"}})
	produce(t, cfg, "log", 0, 500)
	stop()
	cfg, _ = kafkatest.Start(t, dir)
	produce(t, cfg, "log", 500, 1000)

	rs, parts := readAll(t, cfg, "log")
	if len(rs) != 1000 {
		t.Fatalf("%d records, want 1000", len(rs))
	}
	last := map[string]int{}
	for _, r := range rs {
		var n int
		fmt.Sscan(string(r.Value), &n)
		key := string(r.Key)
		if want := kafka.PartitionOf(r.Key, parts); r.Partition != want {
			t.Fatalf("key %s is in partition %d, PartitionOf says %d", key, r.Partition, want)
		}
		if prev, ok := last[key]; ok && n != prev+17 {
			t.Fatalf("key %s: %d follows %d", key, n, prev)
		}
		last[key] = n
		if h := r.Header("ver"); len(h) != 1 || h[0] != byte(n) {
			t.Fatalf("record %d has header %v", n, h)
		}
	}
}

func TestApplyCreatesChangesAndRefusesPartitions(t *testing.T) {
	t.Parallel()
	cfg, _ := kafkatest.Start(t, "")
	spec := kafka.TopicSpec{Name: "a.b", Partitions: 2, Config: map[string]string{"cleanup.policy": "delete", "retention.ms": "60000"}}
	if d := kafkatest.Apply(t, cfg, spec); len(d) != 1 || d[0].What != kafka.WhatTopic {
		t.Fatalf("first apply did %v", d)
	}
	if d := kafkatest.Apply(t, cfg, spec); len(d) != 0 {
		t.Fatalf("second apply did %v", d)
	}
	spec.Config["retention.ms"] = "90000"
	if d := kafkatest.Apply(t, cfg, spec); len(d) != 1 || d[0].String() != "a.b: retention.ms is 60000, want 90000" {
		t.Fatalf("third apply did %v", d)
	}
	spec.Partitions = 3
	a, err := kafka.NewAdmin(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	spec.Config["retention.ms"] = "1000"
	if _, err := a.Apply(t.Context(), []kafka.TopicSpec{spec}, 1); !errors.Is(err, kafka.ErrPartitions) || !strings.Contains(err.Error(), "a.b: partitions is 2, want 3") {
		t.Fatalf("other partitions: %v", err)
	}
	if d, err := a.Check(t.Context(), []kafka.TopicSpec{spec}); err != nil || len(d) != 2 {
		t.Fatalf("the refused apply left %v, %v", d, err)
	}
}

func TestReaderTellsWhereEachPartitionEnds(t *testing.T) {
	t.Parallel()
	cfg, _ := kafkatest.Start(t, "")
	kafkatest.Apply(t, cfg, kafka.TopicSpec{Name: "ends", Partitions: 3, Config: map[string]string{"cleanup.policy": "delete"}})
	produce(t, cfg, "ends", 0, 50)
	r, err := kafka.NewReader(cfg, kafka.ReaderOptions{Name: "test", Committed: true, Ends: true}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Assign([]kafka.Position{{Topic: "ends", Partition: 0}, {Topic: "ends", Partition: 1}, {Topic: "ends", Partition: 2}}); err != nil {
		t.Fatal(err)
	}
	next, ends := map[int32]int64{}, map[int32]int64{}
	for len(ends) < 3 {
		rec, err := r.Poll(30 * time.Second)
		if err != nil || rec == nil {
			t.Fatalf("after %v: %v, %v", ends, rec, err)
		}
		if rec.End {
			ends[rec.Partition] = rec.Offset
		} else {
			next[rec.Partition] = rec.Offset + 1
		}
	}
	for p, end := range ends {
		if end != next[p] {
			t.Errorf("partition %d ends at %d, its next record is %d", p, end, next[p])
		}
	}
}

// Also in a folder whose topics are all there: what is retained is no matter of how often the process was started.
func TestRetentionByBytesDropsTheOldestAlsoAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const bound, segment = 65536, 16384
	low := int64(0)
	for run := range 2 {
		cfg, stop := kafkatest.Start(t, dir)
		kafkatest.Apply(t, cfg, kafka.TopicSpec{Name: "small", Partitions: 1, Config: map[string]string{"cleanup.policy": "delete", "retention.bytes": fmt.Sprint(bound), "segment.bytes": fmt.Sprint(segment)}})
		r, err := kafka.NewReader(cfg, kafka.ReaderOptions{Name: "test"}, quiet)
		if err != nil {
			t.Fatal(err)
		}
		for begun := time.Now(); ; {
			produce(t, cfg, "small", 0, 1000)
			rg, err := r.Ranges("small")
			if err != nil {
				t.Fatal(err)
			}
			if rg[0].Low > low {
				low = rg[0].High // the next run must drop what it has written itself
				break
			}
			if time.Since(begun) > 30*time.Second {
				t.Fatalf("run %d: %v: nothing was dropped", run, rg)
			}
		}
		r.Close()
		stop()
	}
}

func TestKafkaAwayIsAnErrorThatNamesIt(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // listens and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := kafka.Config{Brokers: l.Addr().String()}
	if _, err := kafka.NewAdmin(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "no answer from Kafka at "+cfg.Brokers) {
		t.Fatalf("error %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if _, err := kafka.NewAdmin(ctx, cfg); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer from Kafka at "+cfg.Brokers) || time.Since(begun) > kafka.ConnectTimeout/2 {
		t.Fatalf("who waited for 100 ms: after %s error %v", time.Since(begun), err)
	}
}

func TestEmbeddedKafkaRefusesWhatOthersCouldReach(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"0.0.0.0:0", "192.0.2.1:19092", "localhost", ":19092"} {
		if _, err := embedded.New(embedded.Config{Listen: listen}, quiet); err == nil || !strings.Contains(err.Error(), "kafka.listen") {
			t.Errorf("%s: error %v", listen, err)
		}
	}
}
