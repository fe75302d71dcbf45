// Package kafkatest gives tests a Kafka of their own.
package kafkatest

import (
	"context"
	"log/slog"
	"testing"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/kafka/embedded"
)

// Start runs an embedded Kafka until the test ends, or stop is called. dir keeps its logs; empty: nothing does.
func Start(t testing.TB, dir string) (cfg kafka.Config, stop func()) {
	t.Helper()
	k, err := embedded.New(embedded.Config{Listen: "127.0.0.1:0", DataDir: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		if err := k.Run(ctx); err != nil {
			t.Errorf("embedded Kafka: %v", err)
		}
		close(done)
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return kafka.Config{Brokers: k.Addr()}, stop
}

// Apply makes topics, and returns what differed.
func Apply(t testing.TB, cfg kafka.Config, specs ...kafka.TopicSpec) []kafka.Difference {
	t.Helper()
	a, err := kafka.NewAdmin(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	d, err := a.Apply(t.Context(), specs, 1)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Shipped makes the topics of the shipped catalogue, as the embedded form has them.
func Shipped(t testing.TB, cfg kafka.Config) *catalog.Catalog {
	t.Helper()
	cat, err := catalog.Load("", "", catalog.Embedded)
	if err != nil {
		t.Fatal(err)
	}
	Apply(t, cfg, kafka.Specs(cat)...)
	return cat
}
