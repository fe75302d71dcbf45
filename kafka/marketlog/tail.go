package marketlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// maxTail bounds what TakeOver returns: a seed block with its contract record is about 1,500 records.
const maxTail = 5000

// tailPoll bounds how late the end of a context is seen.
const tailPoll = 200 * time.Millisecond

var errSilent = errors.New("nothing comes from Kafka")

// TakeOver makes this process the writer of a contract's log in a topic. It writes an open record, which shuts earlier writers out, and reads the newest records
// up to it, oldest first: nothing that counts can come between. It reads farther back until enough says so or nothing is left. writer is the new writer's id,
// greater than all before it. The open record's epoch and seq are 0, because they are found only now; the writer's own first open is in the log's count.
func (w *Writer) TakeOver(ctx context.Context, topic string, c *market.Contract, enough func([]market.Record) bool) (writer int64, tail []market.Record, err error) {
	r, err := kafka.NewReader(w.cfg, kafka.ReaderOptions{Name: "tail"}, w.log)
	if err != nil {
		return 0, nil, err
	}
	defer r.Close()
	t := takeover{Writer: w, reader: r, topic: topic, contract: c, enough: enough}
	for writer = time.Now().UnixMilli(); ; {
		if tail, err = t.before(ctx, writer); err != nil {
			return 0, nil, fmt.Errorf("read the tail of %s of %s: %w", topic, c.ID, err)
		}
		newest := writer
		for i := range tail {
			newest = max(newest, tail[i].Writer)
		}
		if newest == writer {
			return writer, tail, nil
		}
		writer = newest + 1 // our clock is behind: that writer was not shut out
	}
}

type takeover struct {
	*Writer
	reader   *kafka.Reader
	topic    string
	contract *market.Contract
	enough   func([]market.Record) bool
}

// before writes the open record of a writer and reads what lies before it, farther back while what is needed is not there.
func (t *takeover) before(ctx context.Context, writer int64) ([]market.Record, error) {
	ranges, err := t.reader.Ranges(t.topic)
	if err != nil {
		return nil, err
	}
	part := kafka.PartitionOf([]byte(t.contract.ID), len(ranges))
	rg := ranges[part]
	fence := market.Record{Kind: market.KindOpen, Contract: t.contract.ID, Source: t.contract.Source, Writer: writer, EventMs: time.Now().UnixMilli()}
	if err := t.Append(ctx, t.topic, &fence); err != nil {
		return nil, err
	}
	for back := int64(4000); ; back *= 4 {
		from := max(rg.Low, rg.High-back)
		tail, err := t.read(ctx, kafka.Position{Topic: t.topic, Partition: part, Offset: from}, &fence)
		if err != nil || from == rg.Low || t.enough(tail) {
			return tail, err
		}
	}
}

// read returns the contract's records from a position up to the fence.
func (t *takeover) read(ctx context.Context, from kafka.Position, fence *market.Record) ([]market.Record, error) {
	if err := t.reader.Assign([]kafka.Position{from}); err != nil {
		return nil, err
	}
	var dec market.Decoder
	var tail []market.Record
	silent := time.Now()
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rec, err := t.reader.Poll(tailPoll)
		if err != nil {
			return nil, err
		}
		if rec == nil {
			if time.Since(silent) > kafka.ConnectTimeout {
				return nil, errSilent
			}
			continue
		}
		silent = time.Now()
		if string(rec.Key) != fence.Contract {
			continue
		}
		var m market.Record
		if err := dec.Decode(rec.Value, &m); err != nil {
			t.log.Warn("unreadable record in the log", "topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "error", err)
			continue
		}
		tail = appendTail(tail, m)
		if m.Kind == market.KindOpen && m.Writer == fence.Writer && m.Epoch == 0 {
			return tail[max(0, len(tail)-maxTail):], nil
		}
	}
}

// appendTail appends a record to a tail. Of a run of clock or quality records the last one says it all: on a quiet market they would leave no room for
// the last trade.
func appendTail(tail []market.Record, m market.Record) []market.Record {
	if n := len(tail); n > 0 && (m.Kind == market.KindClock || m.Kind == market.KindQuality) {
		if last := &tail[n-1]; last.Kind == m.Kind && last.Writer == m.Writer && last.Epoch == m.Epoch && last.Seq < m.Seq {
			*last = m
			return tail
		}
	}
	if tail = append(tail, m); len(tail) > 2*maxTail {
		tail = append(tail[:0], tail[len(tail)-maxTail:]...)
	}
	return tail
}
