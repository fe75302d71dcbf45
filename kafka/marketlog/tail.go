package marketlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// maxTail bounds what Tail returns: a seed block with its contract record is about 1,500 records.
const maxTail = 5000

// Tail reads the newest records of a contract's log in a topic, oldest first: the end of its partition, and farther back until enough says so or nothing is left.
func Tail(ctx context.Context, cfg kafka.Config, topic, contract string, enough func([]market.Record) bool, log *slog.Logger) ([]market.Record, error) {
	r, err := kafka.NewReader(cfg, kafka.ReaderOptions{Name: "tail"}, log)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	ranges, err := r.Ranges(topic)
	if err != nil {
		return nil, err
	}
	part := kafka.PartitionOf([]byte(contract), len(ranges))
	rg := ranges[part]
	for back := int64(4000); ; back *= 4 {
		from := max(rg.Low, rg.High-back)
		tail, err := read(ctx, r, contract, kafka.Position{Topic: topic, Partition: part, Offset: from}, rg.High, log)
		if err != nil {
			return nil, fmt.Errorf("read the tail of %s of %s: %w", topic, contract, err)
		}
		if from == rg.Low || enough(tail) {
			return tail, nil
		}
	}
}

// Tail is the function Tail for the writer's cluster.
func (w *Writer) Tail(ctx context.Context, topic, contract string, enough func([]market.Record) bool) ([]market.Record, error) {
	return Tail(ctx, w.cfg, topic, contract, enough, w.log)
}

func read(ctx context.Context, r *kafka.Reader, contract string, from kafka.Position, end int64, log *slog.Logger) ([]market.Record, error) {
	if from.Offset >= end {
		return nil, nil
	}
	if err := r.Assign([]kafka.Position{from}); err != nil {
		return nil, err
	}
	var dec market.Decoder
	var tail []market.Record
	silent := time.Now()
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rec, err := r.Poll(200 * time.Millisecond)
		if err != nil {
			return nil, err
		}
		if rec == nil {
			if time.Since(silent) > kafka.ConnectTimeout {
				return nil, errors.New("nothing comes from Kafka")
			}
			continue
		}
		silent = time.Now()
		if string(rec.Key) == contract {
			var m market.Record
			if err := dec.Decode(rec.Value, &m); err != nil {
				log.Warn("unreadable record in the log", "topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "error", err)
			} else if tail = append(tail, m); len(tail) > 2*maxTail {
				tail = append(tail[:0], tail[len(tail)-maxTail:]...)
			}
		}
		if rec.Offset+1 >= end {
			return tail[max(0, len(tail)-maxTail):], nil
		}
	}
}
