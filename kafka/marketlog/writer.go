// Package marketlog writes and reads the logs of contracts on Kafka, market.trades and market.books, and reports of status: what ingest and the engine share.
package marketlog

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// Writer appends records. It is safe for several goroutines; one contract's records come from one goroutine at a time.
type Writer struct {
	cfg      kafka.Config
	log      *slog.Logger
	producer *kafka.Producer
	buffers  sync.Pool
	failed   chan error

	mu       sync.Mutex
	statuses map[string]market.Status // the newest of each key, said again while the embedded form would forget it
	unsent   atomic.Bool              // one of them found no room
}

// statusAgain is how often each status is written again: well within the retention that the embedded form gives push.status.
const statusAgain = time.Hour

// NewWriter connects to Kafka; name is the role's.
func NewWriter(cfg kafka.Config, name string, log *slog.Logger) (*Writer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p, err := kafka.NewProducer(cfg, kafka.ProducerOptions{Name: name}, log)
	if err != nil {
		return nil, err
	}
	w := &Writer{cfg: cfg, log: log, producer: p, failed: make(chan error, 1), statuses: map[string]market.Status{}}
	w.buffers.New = func() any { b := make([]byte, 0, 512); return &b }
	return w, nil
}

// Run watches the producer until ctx ends; an error means that records can no longer be written. Close afterwards.
func (w *Writer) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	producer := make(chan error, 1)
	go func() { producer <- w.producer.Run(ctx) }()
	tick, retry := time.NewTicker(statusAgain), time.NewTicker(time.Second)
	defer tick.Stop()
	defer retry.Stop()
	for {
		select {
		case err := <-producer:
			return err
		case err := <-w.failed:
			cancel()
			<-producer
			return err
		case <-tick.C:
			w.repeatStatuses()
		case <-retry.C:
			if w.unsent.Swap(false) {
				w.repeatStatuses()
			}
		}
	}
}

// Close waits until what was appended is in Kafka, at most the given time.
func (w *Writer) Close(wait time.Duration) error { return w.producer.Close(wait) }

// Flush waits until what was appended is in Kafka.
func (w *Writer) Flush(ctx context.Context) error { return w.producer.Flush(ctx) }

// Queued is the number of records that Kafka has not acknowledged yet.
func (w *Writer) Queued() int { return w.producer.Queued() }

// Append adds a record to a contract's log in a topic, behind all that was appended before, and does not wait for the disk; where there is no room it waits
// until ctx ends. The record is the writer's only until Append returns. An error, also one that belongs to an earlier record, is fatal: a hole would follow.
func (w *Writer) Append(ctx context.Context, topic string, rec *market.Record) error {
	buf := w.buffers.Get().(*[]byte)
	defer w.buffers.Put(buf)
	value := rec.AppendJSON((*buf)[:0])
	*buf = value
	var ver [market.VersionLen]byte
	v := rec.Version()
	return w.producer.Produce(ctx, topic, []byte(rec.Contract), value,
		kafka.Header{Key: "kind", Value: []byte(rec.Kind.String())}, kafka.Header{Key: catalog.VersionName, Value: v.Append(ver[:0])})
}

// Put writes a record of any other topic. It does not wait: where there is no room, the record is refused.
func (w *Writer) Put(topic, key string, value []byte) error {
	return w.producer.Produce(atOnce(), topic, []byte(key), value)
}

// atOnce is for records that must not wait for room.
func atOnce() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// Status reports on `status/{scope}/{kind}`. It does not wait; what goes wrong ends Run.
func (w *Writer) Status(s market.Status) {
	w.mu.Lock()
	w.statuses[catalog.StatusKey(s.Scope, s.Kind)] = s
	w.mu.Unlock()
	w.writeStatus(s)
}

func (w *Writer) writeStatus(s market.Status) {
	v := s.Version()
	err := w.producer.Produce(atOnce(), catalog.PushStatus, []byte(catalog.StatusKey(s.Scope, s.Kind)), s.AppendJSON(nil),
		kafka.Header{Key: catalog.VersionName, Value: v.Bytes()})
	switch {
	case errors.Is(err, context.Canceled): // there is no room: Run writes the newest of each key when there is
		w.unsent.Store(true)
	case err != nil:
		select {
		case w.failed <- err:
		default:
		}
	}
}

func (w *Writer) repeatStatuses() {
	w.mu.Lock()
	all := make([]market.Status, 0, len(w.statuses))
	for _, s := range w.statuses {
		all = append(all, s)
	}
	w.mu.Unlock()
	for _, s := range all {
		w.writeStatus(s)
	}
}
