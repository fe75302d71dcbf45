// Package bridge carries what Flink or compute wrote to Kafka to MQTT: it loads the newest state of every key first, then forwards each record as it comes,
// value untouched. Versions make that safe: the edge refuses what is not newer, so records may come again.
package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
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
	cfg     Config
	cat     *catalog.Catalog
	edge    Edge
	log     *slog.Logger
	ready   chan struct{}
	changes chan *catalog.Catalog // of Reload; the newest only

	forwarded, old, rejected atomic.Int64
}

// New checks the configuration; it does not connect yet.
func New(cfg Config, cat *catalog.Catalog, edge Edge, log *slog.Logger) (*Bridge, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Bridge{cfg: cfg, cat: cat, edge: edge, log: log, ready: make(chan struct{}), changes: make(chan *catalog.Catalog, 1)}, nil
}

// Reload takes a changed catalogue of contracts, whose clocks are watched from now on. It belongs to one goroutine, and does not wait.
func (b *Bridge) Reload(cat *catalog.Catalog) {
	select {
	case <-b.changes: // it was not looked at yet, and is out of date
	default:
	}
	b.changes <- cat
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
	begun := time.Now()
	from, pending, err := b.beginning(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find where the state begins: %w", err)
	}
	records := make(chan *kafka.Record, recordsAhead)
	all, ctx := errgroup.WithContext(ctx)
	for _, l := range b.lanes(from) {
		all.Go(func() error { return b.read(ctx, l, records) })
	}
	all.Go(func() error { b.forward(ctx, records, pending, begun); return nil })
	return all.Wait()
}

// forward is the one loop that calls the edge.
func (b *Bridge) forward(ctx context.Context, records <-chan *kafka.Record, pending map[kafka.Partition]int64, begun time.Time) {
	f := &forwarder{Bridge: b, routes: newRouter(b.cat), clocks: newClockWatch(b.cat, time.Now())}
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for loaded := false; ; {
		if !loaded && len(pending) == 0 {
			loaded = true
			close(b.ready)
			b.log.Info("bridge is ready: every key's newest state is in the edge", "records", b.forwarded.Load(), "took", time.Since(begun).Round(time.Millisecond))
		}
		select {
		case rec := <-records:
			f.forward(rec, time.Now())
			at := kafka.Partition{Topic: rec.Topic, N: rec.Partition}
			if end, ok := pending[at]; ok && rec.Offset+1 >= end {
				delete(pending, at)
			}
		case <-poll.C:
		case <-ctx.Done():
			return
		}
		if loaded {
			f.watch(time.Now())
		}
	}
}

// forwarder is the state of one Run.
type forwarder struct {
	*Bridge
	routes   *router
	clocks   *clockWatch
	watched  time.Time
	warnedAt time.Time
	toldAt   time.Time // of tell
	told     int64     // old versions by then
}

func (f *forwarder) forward(rec *kafka.Record, now time.Time) {
	if rec.Topic == catalog.MarketTrades && string(rec.Header(catalog.KindName)) == market.KindClock.String() {
		f.clocks.record(rec.Key, now)
	}
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
	if rec.Topic == catalog.PushStatus {
		f.clocks.feed(rec.Key, rec.Value)
		return
	}
	fresh := now.UnixMilli()-rec.TimestampMs <= market.ClockLimit.Milliseconds()
	if s, news := f.clocks.beat(rec.Topic, rec.Key, rec.Value, fresh, now); news {
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

// tellEvery is how often the log says that old versions came.
const tellEvery = 10 * time.Second

// tell says that a job began again at its checkpoint: its records of since then come once more. A few come without that, after a revision.
func (f *forwarder) tell(now time.Time) {
	if now.Sub(f.toldAt) < tellEvery {
		return
	}
	old := f.old.Load()
	if old > f.told && !f.toldAt.IsZero() { // what the start read twice is no news
		f.log.Info("versions that the edge had already came again and were passed over", "records", old-f.told)
	}
	f.toldAt, f.told = now, old
}

func (f *forwarder) watch(now time.Time) {
	if now.Sub(f.watched) < pollEvery {
		return
	}
	f.watched = now
	f.tell(now)
	select {
	case cat := <-f.changes:
		for _, m := range f.clocks.follow(cat, now) {
			f.publish(m)
		}
	default:
	}
	silent := f.clocks.silent(now)
	for _, m := range silent {
		f.publish(m)
	}
	if len(silent) > 0 {
		f.sayStanding(now)
	}
	if again := f.clocks.again; len(again) > 0 {
		f.clocks.again = nil
		f.log.Info("clocks move again", "contracts", again[:min(len(again), mostNames)], "moving", len(again))
	}
}

const mostNames = 20 // in one line of the log

// sayStanding names what stands still: a contract, or a partition with all of its contracts. It is called when there is news of it.
func (f *forwarder) sayStanding(now time.Time) {
	for _, s := range f.clocks.stand(now) {
		what := "clocks stand still"
		if len(s.contracts) == s.all {
			what = "a partition stands still: the clock of none of its contracts moves"
		}
		side := "no clock record comes into its log"
		if s.logMoves {
			side = "its log's clock moves, what computes it stands still"
		}
		f.log.Warn(what, "topic", catalog.MarketTrades, "partition", s.partition, "contracts", s.contracts[:min(len(s.contracts), mostNames)], "standing", len(s.contracts), "of", s.all, "side", side)
	}
}

// beginning says where to begin reading: states where every key's newest one is in what follows, events at the end; and where the state has been loaded.
func (b *Bridge) beginning(ctx context.Context) (from []kafka.Position, pending map[kafka.Partition]int64, err error) {
	r, err := kafka.NewReader(b.cfg.Kafka, kafka.ReaderOptions{Name: "bridge"}, b.log)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	var states []string
	for _, t := range b.cat.Pushed() {
		if t.MQTT.Class != catalog.Event { // history is not an event
			states = append(states, t.Name)
		}
	}
	if from, err = kafka.StatePositions(ctx, r, b.cat, states, b.log); err != nil {
		return nil, nil, err
	}
	for _, t := range b.cat.Pushed() {
		if t.MQTT.Class != catalog.Event {
			continue
		}
		ranges, err := r.Ranges(t.Name)
		if err != nil {
			return nil, nil, err
		}
		for i, rg := range ranges {
			from = append(from, kafka.Position{Topic: t.Name, Partition: int32(i), Offset: rg.High})
		}
	}
	pending, err = kafka.Pending(r, from)
	return from, pending, err
}
