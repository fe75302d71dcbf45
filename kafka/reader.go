package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// OffsetStart stands for a partition's first offset.
const OffsetStart = int64(ck.OffsetBeginning)

// Position is where a reader begins in one partition: the offset of the next record to read, or OffsetStart.
type Position struct {
	Topic     string
	Partition int32
	Offset    int64
}

// Record is a record that was read. Its slices are its own.
type Record struct {
	Topic       string
	Partition   int32
	Offset      int64
	TimestampMs int64 // when it was produced
	Key, Value  []byte
	End         bool // no record: the partition has been read to its end, Offset is the next one's (ReaderOptions.Ends)
	headers     []ck.Header
}

// Header returns the value of the first header of that name, nil if there is none.
func (r *Record) Header(name string) []byte {
	for i := range r.headers {
		if r.headers[i].Key == name {
			return r.headers[i].Value
		}
	}
	return nil
}

// Reader reads partitions that it was given, without a consumer group. It belongs to one goroutine.
type Reader struct {
	cfg Config
	c   *ck.Consumer
	log *slog.Logger
}

// ReaderOptions say who reads and what it may see.
type ReaderOptions struct {
	Name      string
	Committed bool // only records of committed transactions: the ledger's readers
	Ends      bool // Poll tells where a partition ends: behind the last record there can be a transaction's marker, which no reader sees
	GatherMs  int  // so long a record may wait for others to come with it, since each answer costs much beside what a record in it does; 0: none waits
}

const (
	idleWaitMs  = 100       // how long the cluster holds a fetch back while there is nothing
	gatherBytes = 64 * 1024 // what is gathered at most
)

// NewReader connects to the cluster; it fails if no broker answers within ConnectTimeout.
func NewReader(cfg Config, opt ReaderOptions, log *slog.Logger) (*Reader, error) {
	isolation := "read_uncommitted" // librdkafka's default is read_committed, which waits behind open transactions
	if opt.Committed {
		isolation = "read_committed"
	}
	wait, least := idleWaitMs, 1
	if opt.GatherMs > 0 {
		wait, least = opt.GatherMs, gatherBytes
	}
	settings, err := cfg.base(opt.Name, ck.ConfigMap{
		"group.id":                   "tickcast-" + opt.Name, // required by the driver; nothing is committed
		"enable.auto.commit":         false,
		"enable.auto.offset.store":   false,
		"auto.offset.reset":          "earliest", // what was retained away is gone
		"isolation.level":            isolation,
		"enable.partition.eof":       opt.Ends,
		"fetch.wait.max.ms":          wait,
		"fetch.min.bytes":            least,
		"fetch.queue.backoff.ms":     5, // 1000 by default: a second's pause after each full queue
		"fetch.error.backoff.ms":     50,
		"queued.max.messages.kbytes": 16_384,
		"check.crcs":                 true,
		"go.logs.channel.enable":     false,
	})
	if err != nil {
		return nil, err
	}
	c, err := ck.NewConsumer(settings)
	if err != nil {
		return nil, fmt.Errorf("make Kafka reader %s: %w", opt.Name, err)
	}
	if err := connect(context.Background(), cfg, c, func() ck.Event { return c.Poll(0) }); err != nil {
		c.Close()
		return nil, err
	}
	return &Reader{cfg: cfg, c: c, log: log}, nil
}

// Assign makes the reader read exactly these partitions from these positions.
func (r *Reader) Assign(ps []Position) error {
	tps := make([]ck.TopicPartition, len(ps))
	for i := range ps {
		tps[i] = ck.TopicPartition{Topic: &ps[i].Topic, Partition: ps[i].Partition, Offset: ck.Offset(ps[i].Offset)}
	}
	if err := r.c.Assign(tps); err != nil {
		return fmt.Errorf("assign Kafka partitions: %w", err)
	}
	return nil
}

// Poll returns the next record, or nil when none came in time. Trouble with the connection is logged and outlasted; an error is final.
func (r *Reader) Poll(timeout time.Duration) (*Record, error) {
	deadline := time.Now().Add(timeout)
	for {
		left := max(time.Until(deadline), 0)
		switch e := r.c.Poll(int((left + time.Millisecond - 1) / time.Millisecond)).(type) {
		case nil:
			return nil, nil
		case *ck.Message:
			if err := e.TopicPartition.Error; err != nil {
				return nil, fmt.Errorf("read Kafka topic %s: %w", *e.TopicPartition.Topic, err)
			}
			return &Record{Topic: *e.TopicPartition.Topic, Partition: e.TopicPartition.Partition, Offset: int64(e.TopicPartition.Offset),
				TimestampMs: e.Timestamp.UnixMilli(), Key: e.Key, Value: e.Value, headers: e.Headers}, nil
		case ck.PartitionEOF:
			return &Record{Topic: *e.Topic, Partition: e.Partition, Offset: int64(e.Offset), End: true}, nil
		case ck.Error:
			if e.IsFatal() || e.Code() == ck.ErrUnknownTopicOrPart {
				return nil, fmt.Errorf("kafka reader: %w", e)
			}
			report(r.log, r.cfg, e)
		}
		if left == 0 {
			return nil, nil
		}
	}
}

// Range is what a partition holds: offsets from Low up to, but without, High.
type Range struct{ Low, High int64 }

// Ranges returns the range of each partition of a topic, by partition number. While partitions are assigned each question waits behind a fetch.
func (r *Reader) Ranges(topic string) ([]Range, error) { return ranges(r.c, topic, ConnectTimeout) }

// High is the offset behind the last record of a partition that is read, open transactions included, as the newest answer of the cluster has it; there may have been none yet.
func (r *Reader) High(topic string, partition int32) (offset int64, known bool) {
	_, high, err := r.c.GetWatermarkOffsets(topic, partition)
	return high, err == nil && high >= 0
}

// asker is what the driver's producer and consumer have in common here.
type asker interface {
	GetMetadata(topic *string, allTopics bool, timeoutMs int) (*ck.Metadata, error)
	QueryWatermarkOffsets(topic string, partition int32, timeoutMs int) (low, high int64, err error)
}

func ranges(c asker, topic string, within time.Duration) ([]Range, error) {
	limitMs := int(within / time.Millisecond)
	md, err := c.GetMetadata(&topic, false, limitMs)
	if err != nil {
		return nil, fmt.Errorf("ask Kafka for topic %s: %w", topic, err)
	}
	t := md.Topics[topic]
	if t.Error.Code() != ck.ErrNoError || len(t.Partitions) == 0 {
		return nil, fmt.Errorf("topic %s of Kafka: %w (has `tickcast topics apply` run?)", topic, t.Error)
	}
	ranges := make([]Range, len(t.Partitions))
	for i := range ranges {
		low, high, err := c.QueryWatermarkOffsets(topic, int32(i), limitMs)
		if err != nil {
			return nil, fmt.Errorf("ask Kafka for the offsets of %s partition %d: %w", topic, i, err)
		}
		ranges[i] = Range{Low: low, High: high}
	}
	return ranges, nil
}

// Close lets go of the connections.
func (r *Reader) Close() error { return r.c.Close() }
