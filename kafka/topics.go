package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tickcast/tickcast/catalog"
)

// topicPatience is how long a topic may be unknown: Kafka says that it has made one before every broker knows of it.
const topicPatience = 5 * time.Second

// CheckTopics sees that Kafka has these topics of the catalogue, with its number of partitions. The error names each that differs, what was found and wanted, and what to do.
func CheckTopics(ctx context.Context, cfg Config, cat *catalog.Catalog, names ...string) error {
	a, err := NewAdmin(ctx, cfg)
	if err != nil {
		return err
	}
	defer a.Close()
	for deadline := time.Now().Add(topicPatience); ; {
		md, err := a.c.GetMetadata(nil, true, int(ConnectTimeout/time.Millisecond))
		if err != nil {
			return fmt.Errorf("ask Kafka at %s for its topics: %w", cfg.Brokers, err)
		}
		var wrong []error
		absent := false
		for _, name := range names {
			want := cat.Topic(name).Partitions
			switch n := len(md.Topics[name].Partitions); {
			case n == 0:
				absent = true
				wrong = append(wrong, fmt.Errorf("topic %s: Kafka at %s does not have it, want %d partitions; `tickcast topics apply` creates it", name, cfg.Brokers, want))
			case n != want:
				wrong = append(wrong, fmt.Errorf("%s at %s: %w", Difference{name, WhatPartitions, fmt.Sprint(n), fmt.Sprint(want)}, cfg.Brokers, ErrPartitions))
			}
		}
		if err := errors.Join(wrong...); err == nil || !absent || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
