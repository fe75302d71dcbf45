package main

import (
	"context"
	"fmt"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
)

// catalogOn loads the catalogue, and sees that the role's Kafka has the topics that the role reads and writes: without one it would wait for ever, and on another number of partitions
// contracts would change their place.
func (f *roleFile) catalogOn(ctx context.Context, role string, cfg kafka.Config) (*catalog.Catalog, error) {
	cat, err := f.catalog()
	if err != nil {
		return nil, err
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return cat, kafka.CheckTopics(ctx, cfg, cat, topicsOf(role, cat)...)
}

func topicsOf(role string, cat *catalog.Catalog) []string {
	logs := []string{catalog.MarketTrades, catalog.MarketBooks}
	pushed := []string{catalog.PushCandles, catalog.PushClosed, catalog.PushTickers, catalog.PushBBO, catalog.PushBooks}
	switch role {
	case "ingest", "engine":
		return append(logs, catalog.MarketQuarantine, catalog.PushStatus)
	case "compute":
		return append(append(logs, pushed...), catalog.MarketQuarantine, catalog.MarketLate, catalog.LedgerCandles)
	case "history":
		return append(pushed, catalog.MarketTrades, catalog.LedgerCandles)
	case "bridge":
		return names(cat.Pushed())
	case "redis":
		return names(cat.InRedis())
	}
	panic(fmt.Sprintf("role %s has no topics", role))
}

func names(topics []*catalog.Topic) (ns []string) {
	for _, t := range topics {
		ns = append(ns, t.Name)
	}
	return ns
}
