package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Producer writes records in order and gives none up: it is idempotent, has no message timeout, and tries until the cluster takes them. It is safe for
// several goroutines; the order between them is the order of their Produce calls.
type Producer struct {
	cfg     Config
	p       *ck.Producer
	log     *slog.Logger
	stopped chan struct{} // closed when Run ends: nobody waits for room in the queue any more
}

// ProducerOptions are the two knobs that differ between roles.
type ProducerOptions struct {
	Name     string
	LingerMs int // 0 sends at once; 1 batches what comes at once
}

// NewProducer connects to the cluster; it fails if no broker answers within ConnectTimeout. Run must be running for errors to be seen.
func NewProducer(cfg Config, opt ProducerOptions, log *slog.Logger) (*Producer, error) {
	settings, err := cfg.base(opt.Name, ck.ConfigMap{
		"enable.idempotence":           true,
		"message.timeout.ms":           0, // nothing is given up: a hole in a log's sequence is worse than waiting
		"linger.ms":                    opt.LingerMs,
		"partitioner":                  "murmur2_random", // Java's; librdkafka's own would put a key elsewhere than Flink does
		"queue.buffering.max.messages": 100_000,
		"queue.buffering.max.kbytes":   65_536,
		"enable.gapless.guarantee":     true, // a record that cannot be written is fatal, without a report for each that can
		"go.delivery.reports":          false,
		"go.events.channel.size":       1000,
		"go.produce.channel.size":      0, // unused; by default 8 MB that every collection looks through
		"go.logs.channel.enable":       false,
	})
	if err != nil {
		return nil, err
	}
	p, err := ck.NewProducer(settings)
	if err != nil {
		return nil, fmt.Errorf("make Kafka producer %s: %w", opt.Name, err)
	}
	if err := connect(context.Background(), cfg, p, queued(p)); err != nil {
		p.Close()
		return nil, err
	}
	return &Producer{cfg: cfg, p: p, log: log, stopped: make(chan struct{})}, nil
}

// Run watches for errors and returns the first that the producer cannot recover from; it blocks until then or until ctx ends, once. Close afterwards.
func (p *Producer) Run(ctx context.Context) error {
	defer close(p.stopped)
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-p.p.Events():
			if e, ok := e.(ck.Error); ok {
				if e.IsFatal() {
					return fmt.Errorf("write to Kafka at %s: %w", p.cfg.Brokers, e)
				}
				report(p.log, p.cfg, e)
			}
		}
	}
}

// Produce queues one record; key, value and headers are copied before it returns. While the queue is full (the cluster is away or slow) it waits, until ctx ends.
func (p *Producer) Produce(ctx context.Context, topic string, key, value []byte, headers ...Header) error {
	var hs [4]ck.Header
	h := hs[:0]
	for _, x := range headers {
		h = append(h, ck.Header{Key: x.Key, Value: x.Value})
	}
	m := ck.Message{TopicPartition: ck.TopicPartition{Topic: &topic, Partition: ck.PartitionAny}, Key: key, Value: value, Headers: h}
	for {
		err := p.p.Produce(&m, nil)
		if err == nil {
			return nil
		}
		var ke ck.Error
		if !errors.As(err, &ke) || ke.Code() != ck.ErrQueueFull {
			return fmt.Errorf("write to Kafka topic %s: %w", topic, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("write to Kafka topic %s: queue is full: %w", topic, context.Cause(ctx))
		case <-p.stopped:
			return fmt.Errorf("write to Kafka topic %s: queue is full and the producer has stopped", topic)
		case <-time.After(time.Millisecond):
		}
	}
}

// Queued is the number of records that the cluster has not acknowledged yet.
func (p *Producer) Queued() int { return p.p.Len() }

// flushPoll is how often Flush looks. The driver's own flush waits for an event of delivery, of which there is none, and so takes its whole time-out.
const flushPoll = 200 * time.Microsecond

// Flush waits until every record is acknowledged; it returns an error with their number if ctx ends before.
func (p *Producer) Flush(ctx context.Context) error {
	for p.p.Len() > 0 {
		if ctx.Err() != nil {
			return fmt.Errorf("flush to Kafka: %d records not acknowledged: %w", p.p.Len(), context.Cause(ctx))
		}
		time.Sleep(flushPoll)
	}
	return nil
}

// Ranges returns the range of each partition of a topic, by partition number. It does not wait behind fetches, as a reader's would.
func (p *Producer) Ranges(topic string, within time.Duration) ([]Range, error) {
	return ranges(p.p, topic, within)
}

// Close flushes for at most the given time and lets go of the connections.
func (p *Producer) Close(wait time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	err := p.Flush(ctx)
	p.p.Close()
	return err
}
