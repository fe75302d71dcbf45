package rig

import (
	"log/slog"
	"testing"
	"time"

	"github.com/tickcast/tickcast/kafka"
)

// Follow gives each record of topics, from their start on, to take, through whatever happens to Kafka, until the test ends.
func Follow(t *testing.T, brokers, name string, committed bool, topics []string, take func(*kafka.Record)) {
	t.Helper()
	r, err := kafka.NewReader(kafka.Config{Brokers: brokers}, kafka.ReaderOptions{Name: name, Committed: committed}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var from []kafka.Position
	for _, topic := range topics {
		ranges, err := r.Ranges(topic)
		if err != nil {
			t.Fatal(err)
		}
		for i := range ranges {
			from = append(from, kafka.Position{Topic: topic, Partition: int32(i), Offset: kafka.OffsetStart})
		}
	}
	if err := r.Assign(from); err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); <-done })
	go func() {
		defer close(done)
		defer r.Close()
		for {
			select {
			case <-stop:
				return
			default:
			}
			rec, err := r.Poll(100 * time.Millisecond)
			if err != nil {
				t.Errorf("reader %s: %v", name, err)
				return
			}
			if rec != nil {
				take(rec)
			}
		}
	}()
}
