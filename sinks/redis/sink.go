// Package redis keeps the newest value of every candle, ticker, best bid and offer and order book in Redis, under the key that topics.yaml gives it, and publishes each new one on
// the channel of the same name. A value is the Kafka value, untouched; its version stands beside it, and an older one is never written over a newer one.
package redis

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// Sink is made by New and works in Run.
type Sink struct {
	cfg     Config
	options *goredis.Options
	cat     *catalog.Catalog
	newest  *newest
	log     *slog.Logger
	ready   chan struct{}

	written, old, conflated, rejected, failures atomic.Int64
}

// Stats counts what a sink did since its start.
type Stats struct {
	Written   int64 // values that Redis took
	Old       int64 // values that were not newer than what the key had
	Conflated int64 // values that a newer one replaced before they were written
	Rejected  int64 // records without a place in the catalogue, or without a version
	Failures  int64 // round trips that Redis did not answer as it should
	Waiting   int   // keys that are to be written
}

// New checks the configuration; it does not connect yet.
func New(cfg Config, cat *catalog.Catalog, log *slog.Logger) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	options, err := cfg.options()
	if err != nil {
		return nil, err
	}
	return &Sink{cfg: cfg, options: options, cat: cat, newest: newNewest(), log: log, ready: make(chan struct{})}, nil
}

// Ready is closed when the newest value of every key has been read from Kafka.
func (s *Sink) Ready() <-chan struct{} { return s.ready }

// Stats returns the counts.
func (s *Sink) Stats() Stats {
	return Stats{Written: s.written.Load(), Old: s.old.Load(), Conflated: s.conflated.Load(), Rejected: s.rejected.Load(), Failures: s.failures.Load(), Waiting: s.newest.waiting()}
}

// pollEvery bounds how late the end of a context is seen.
const pollEvery = 200 * time.Millisecond

// Run reads Kafka and writes Redis until ctx ends; what has been read by then is written. Two loops, so that a Redis that is away holds nothing up.
func (s *Sink) Run(ctx context.Context) error {
	client := goredis.NewClient(s.options)
	defer client.Close()
	writing, stop := context.WithCancel(context.WithoutCancel(ctx))
	var loop sync.WaitGroup
	loop.Go(func() { (&writer{Sink: s, client: client, down: true}).run(writing) })
	err := s.read(ctx)
	stop() // after the last record
	loop.Wait()
	return err
}

func (s *Sink) read(ctx context.Context) error {
	r, err := kafka.NewReader(s.cfg.Kafka, kafka.ReaderOptions{Name: "redis"}, s.log)
	if err != nil {
		return err
	}
	defer r.Close()
	var topics []string
	for _, t := range s.cat.InRedis() {
		topics = append(topics, t.Name)
	}
	from, err := kafka.StatePositions(ctx, r, s.cat, topics, s.log)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find where the state begins: %w", err)
	}
	pending, err := kafka.Pending(r, from)
	if err != nil {
		return err
	}
	if err := r.Assign(from); err != nil {
		return err
	}
	var warned time.Time
	for loaded := false; ctx.Err() == nil; {
		if !loaded && len(pending) == 0 {
			loaded = true
			close(s.ready)
			s.log.Info("every key's newest value has been read", "written", s.written.Load(), "not_newer", s.old.Load())
		}
		rec, err := r.Poll(pollEvery)
		if err != nil {
			return err
		}
		if rec == nil {
			continue
		}
		if err := s.take(rec); err != nil {
			s.rejected.Add(1)
			if now := time.Now(); now.Sub(warned) > time.Second { // a broken writer must not flood the log
				warned = now
				s.log.Warn("record without a place in Redis", "topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "error", err, "rejected", s.rejected.Load())
			}
		}
		at := kafka.Partition{Topic: rec.Topic, N: rec.Partition}
		if end, ok := pending[at]; ok && rec.Offset+1 >= end {
			delete(pending, at)
		}
	}
	return nil
}

// take makes a record's value wait for Redis.
func (s *Sink) take(rec *kafka.Record) error {
	version, err := market.ParseVersion(rec.Header(catalog.VersionName))
	if err != nil {
		return fmt.Errorf("header ver: %w", err)
	}
	key, err := s.cat.RedisKey(rec.Topic, rec.Key)
	if err != nil {
		return err
	}
	newer, conflated := s.newest.put(value{key: key, version: version, json: rec.Value})
	if !newer {
		s.old.Add(1)
	}
	if conflated {
		s.conflated.Add(1)
	}
	return nil
}
