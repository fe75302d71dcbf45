// Package bridge carries what Flink or compute wrote to Kafka to MQTT: it loads the newest state of every key first, then forwards each record as it comes,
// value untouched. Versions make that safe: the edge refuses what is not newer, so records may come again.
package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
)

// Edge takes messages for clients. Publish returns at once; false means that the edge has a newer version already. It is called by one goroutine.
// Two edges exist: the hub of the same process, and Remote.
type Edge interface {
	Publish(catalog.Message) bool
}

// Config of the bridge.
type Config struct {
	Kafka  kafka.Config  `yaml:"kafka"`
	Remote *RemoteConfig `yaml:"remote"` // nil: the edge is in this process
}

// DefaultConfig reads from the embedded Kafka's usual port.
func DefaultConfig() Config { return Config{Kafka: kafka.DefaultConfig()} }

// Validate names the key that is wrong.
func (c Config) Validate() error {
	if err := c.Kafka.Validate(); err != nil {
		return err
	}
	if c.Remote != nil {
		return c.Remote.Validate()
	}
	return nil
}

// Stats counts what a bridge did since its start.
type Stats struct {
	Forwarded int64 // messages that the edge took
	Old       int64 // messages that were not newer than what the edge had
	Rejected  int64 // records without a place in the catalogue, or without a version
}

// Bridge is made by New and works in Run.
type Bridge struct {
	cfg   Config
	cat   *catalog.Catalog
	edge  Edge
	log   *slog.Logger
	ready chan struct{}

	forwarded, old, rejected atomic.Int64
}

// New checks the configuration; it does not connect yet.
func New(cfg Config, cat *catalog.Catalog, edge Edge, log *slog.Logger) (*Bridge, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Bridge{cfg: cfg, cat: cat, edge: edge, log: log, ready: make(chan struct{})}, nil
}

// Ready is closed when the newest state of every key is in the edge: from then on a client that connects gets all of it.
func (b *Bridge) Ready() <-chan struct{} { return b.ready }

// Stats returns the counts.
func (b *Bridge) Stats() Stats {
	return Stats{Forwarded: b.forwarded.Load(), Old: b.old.Load(), Rejected: b.rejected.Load()}
}

// pollEvery bounds how late a silent clock is seen.
const pollEvery = 200 * time.Millisecond

// Run loads the state, closes Ready and forwards until ctx ends.
func (b *Bridge) Run(ctx context.Context) error {
	r, err := kafka.NewReader(b.cfg.Kafka, kafka.ReaderOptions{Name: "bridge"}, b.log)
	if err != nil {
		return err
	}
	defer r.Close()
	begun := time.Now()
	from, err := b.startPositions(ctx, r)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find where the state begins: %w", err)
	}
	pending, err := b.untilEnd(r, from)
	if err != nil {
		return err
	}
	if err := r.Assign(from); err != nil {
		return err
	}
	f := &forwarder{Bridge: b, routes: newRouter(b.cat), clocks: newClockWatch(b.cat, time.Now())}
	loaded := false
	for ctx.Err() == nil {
		if !loaded && len(pending) == 0 {
			loaded = true
			close(b.ready)
			b.log.Info("bridge is ready: every key's newest state is in the edge", "records", b.forwarded.Load(), "took", time.Since(begun).Round(time.Millisecond))
		}
		rec, err := r.Poll(pollEvery)
		if err != nil {
			return err
		}
		now := time.Now()
		if rec != nil {
			f.forward(rec, now)
			at := partition{rec.Topic, rec.Partition}
			if end, ok := pending[at]; ok && rec.Offset+1 >= end {
				delete(pending, at)
			}
		}
		if loaded {
			f.watch(now)
		}
	}
	return nil
}

// forwarder is the state of one Run.
type forwarder struct {
	*Bridge
	routes   *router
	clocks   *clockWatch
	watched  time.Time
	warnedAt time.Time
}

func (f *forwarder) forward(rec *kafka.Record, now time.Time) {
	m, forwards, err := f.routes.message(rec)
	if err == nil && !forwards {
		return
	}
	if err != nil {
		f.rejected.Add(1)
		if now.Sub(f.warnedAt) > time.Second { // a broken writer must not flood the log
			f.warnedAt = now
			f.log.Warn("record without a way to clients", "topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "error", err, "rejected", f.rejected.Load())
		}
		return
	}
	f.publish(m)
	if now.UnixMilli()-rec.TimestampMs > clockLimit.Milliseconds() {
		return // an old record says nothing about now
	}
	if s, news := f.clocks.beat(rec.Topic, rec.Key, now); news {
		f.publish(s)
	}
}

func (f *forwarder) publish(m catalog.Message) {
	if f.edge.Publish(m) {
		f.forwarded.Add(1)
	} else {
		f.old.Add(1)
	}
}

func (f *forwarder) watch(now time.Time) {
	if now.Sub(f.watched) < pollEvery {
		return
	}
	f.watched = now
	for _, m := range f.clocks.silent(now) {
		f.publish(m)
	}
}

type partition struct {
	topic string
	n     int32
}

// untilEnd returns the end offset of each partition that holds records from its position on.
func (b *Bridge) untilEnd(r *kafka.Reader, from []kafka.Position) (map[partition]int64, error) {
	ranges := map[string][]kafka.Range{}
	pending := map[partition]int64{}
	for _, p := range from {
		if ranges[p.Topic] == nil {
			rs, err := r.Ranges(p.Topic)
			if err != nil {
				return nil, err
			}
			ranges[p.Topic] = rs
		}
		if rg := ranges[p.Topic][p.Partition]; rg.High > max(rg.Low, p.Offset) {
			pending[partition{p.Topic, p.Partition}] = rg.High
		}
	}
	return pending, nil
}

// startPositions says where to begin reading so that no key's newest state is missed: at the start of compacted topics; in the embedded form, where nothing is
// compacted, at the beginning of compute's last complete round. Events are read from the end on.
func (b *Bridge) startPositions(ctx context.Context, r *kafka.Reader) ([]kafka.Position, error) {
	var offsets map[string][]int64
	if b.cat.Form == catalog.Embedded {
		round, err := b.lastRound(ctx, r)
		if err != nil {
			return nil, err
		}
		offsets = round.Offsets
	}
	var ps []kafka.Position
	for _, t := range b.cat.Pushed() {
		ranges, err := r.Ranges(t.Name)
		if err != nil {
			return nil, err
		}
		for i, rg := range ranges {
			p := kafka.Position{Topic: t.Name, Partition: int32(i), Offset: kafka.OffsetStart}
			if of := offsets[t.Name]; i < len(of) {
				p.Offset = of[i]
			}
			if t.MQTT.Class == catalog.Event { // history is not an event
				p.Offset = rg.High
			}
			ps = append(ps, p)
		}
	}
	return ps, nil
}

// round is a record of push.rounds: the offsets at which compute began to write every key's full state.
type round struct {
	Offsets map[string][]int64 `json:"offsets"`
}

// lastRound returns the newest round whose records are all still there; it waits for the next one while there is none.
func (b *Bridge) lastRound(ctx context.Context, r *kafka.Reader) (round, error) {
	ranges, err := r.Ranges(catalog.PushRounds)
	if err != nil {
		return round{}, err
	}
	newest := max(ranges[0].High-1, ranges[0].Low)
	if err := r.Assign([]kafka.Position{{Topic: catalog.PushRounds, Offset: newest}}); err != nil {
		return round{}, err
	}
	waiting := time.Now()
	for ctx.Err() == nil {
		rec, err := r.Poll(pollEvery)
		if err != nil {
			return round{}, err
		}
		if rec == nil {
			if time.Since(waiting) > 5*time.Second {
				waiting = time.Now()
				b.log.Info("bridge waits for compute to write its state", "topic", catalog.PushRounds)
			}
			continue
		}
		var rd round
		if err := json.Unmarshal(rec.Value, &rd); err != nil {
			b.log.Warn("unreadable round", "topic", rec.Topic, "offset", rec.Offset, "error", err)
			continue
		}
		// asking for offsets while a fetch waits on the same connection would take its 100 ms each time
		if err := r.Assign(nil); err != nil {
			return round{}, err
		}
		whole, err := b.whole(r, rd)
		if err != nil {
			return round{}, err
		}
		if whole {
			return rd, nil
		}
		if err := r.Assign([]kafka.Position{{Topic: catalog.PushRounds, Offset: rec.Offset + 1}}); err != nil {
			return round{}, err
		}
	}
	return round{}, context.Cause(ctx)
}

// whole says whether nothing of a round has been retained away, or is lost with a Kafka that began anew.
func (b *Bridge) whole(r *kafka.Reader, rd round) (bool, error) {
	for topic, offsets := range rd.Offsets {
		ranges, err := r.Ranges(topic)
		if err != nil {
			return false, err
		}
		for i, at := range offsets {
			if i >= len(ranges) || at < ranges[i].Low || at > ranges[i].High {
				return false, nil
			}
		}
	}
	return true, nil
}
