// Package kafkalog is ingest's log on Kafka: market.trades, market.quarantine and push.status.
package kafkalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/ingest"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// Log implements ingest.Log and ingest.StatusWriter.
type Log struct {
	cfg      kafka.Config
	cat      *catalog.Catalog
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

// New connects to Kafka.
func New(cfg kafka.Config, cat *catalog.Catalog, log *slog.Logger) (*Log, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p, err := kafka.NewProducer(cfg, kafka.ProducerOptions{Name: "ingest"}, log)
	if err != nil {
		return nil, err
	}
	l := &Log{cfg: cfg, cat: cat, log: log, producer: p, failed: make(chan error, 1), statuses: map[string]market.Status{}}
	l.buffers.New = func() any { b := make([]byte, 0, 512); return &b }
	return l, nil
}

// Run watches the producer until ctx ends; an error means that records can no longer be written. Close afterwards.
func (l *Log) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	producer := make(chan error, 1)
	go func() { producer <- l.producer.Run(ctx) }()
	tick, retry := time.NewTicker(statusAgain), time.NewTicker(time.Second)
	defer tick.Stop()
	defer retry.Stop()
	for {
		select {
		case err := <-producer:
			return err
		case err := <-l.failed:
			cancel()
			<-producer
			return err
		case <-tick.C:
			l.repeatStatuses()
		case <-retry.C:
			if l.unsent.Swap(false) {
				l.repeatStatuses()
			}
		}
	}
}

// Close waits until what was appended is in Kafka, at most the given time.
func (l *Log) Close(wait time.Duration) error { return l.producer.Close(wait) }

// Append implements ingest.Log.
func (l *Log) Append(ctx context.Context, rec market.Record) error {
	buf := l.buffers.Get().(*[]byte)
	defer l.buffers.Put(buf)
	value := rec.AppendJSON((*buf)[:0])
	*buf = value
	var ver [market.VersionLen]byte
	v := rec.Version()
	return l.producer.Produce(ctx, catalog.MarketTrades, []byte(rec.Contract), value,
		kafka.Header{Key: "kind", Value: []byte(rec.Kind.String())}, kafka.Header{Key: catalog.VersionName, Value: v.Append(ver[:0])})
}

// Quarantine implements ingest.Log.
func (l *Log) Quarantine(q ingest.Quarantined) error {
	v := struct {
		SchemaVersion int    `json:"sv"`
		Source        string `json:"src"`
		Contract      string `json:"s,omitempty"`
		ReceivedMs    int64  `json:"ts"`
		Reason        string `json:"reason"`
		Detail        string `json:"detail"`
		Channel       string `json:"channel"`
		Conn          int64  `json:"conn,omitempty"`
		Truncated     bool   `json:"truncated,omitempty"`
		Raw           string `json:"raw,omitempty"`        // as received
		RawBytes      []byte `json:"raw_base64,omitempty"` // where it was no text
	}{market.SchemaVersion, q.Source, q.Contract, q.ReceivedMs, q.Reason, q.Detail, q.Channel, q.Conn, q.Truncated, "", nil}
	if utf8.Valid(q.Raw) {
		v.Raw = string(q.Raw)
	} else {
		v.RawBytes = q.Raw
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode quarantined data: %w", err)
	}
	return l.producer.Produce(atOnce(), catalog.MarketQuarantine, []byte(q.Source), b)
}

// atOnce is for records that must not wait for room: where there is none, they are refused.
func atOnce() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// Status implements ingest.StatusWriter.
func (l *Log) Status(s market.Status) {
	l.mu.Lock()
	l.statuses[catalog.StatusKey(s.Scope, s.Kind)] = s
	l.mu.Unlock()
	l.writeStatus(s)
}

func (l *Log) writeStatus(s market.Status) {
	v := s.Version()
	err := l.producer.Produce(atOnce(), catalog.PushStatus, []byte(catalog.StatusKey(s.Scope, s.Kind)), s.AppendJSON(nil),
		kafka.Header{Key: catalog.VersionName, Value: v.Bytes()})
	switch {
	case errors.Is(err, context.Canceled): // there is no room: Run writes the newest of each key when there is
		l.unsent.Store(true)
	case err != nil:
		select {
		case l.failed <- err:
		default:
		}
	}
}

func (l *Log) repeatStatuses() {
	l.mu.Lock()
	all := make([]market.Status, 0, len(l.statuses))
	for _, s := range l.statuses {
		all = append(all, s)
	}
	l.mu.Unlock()
	for _, s := range all {
		l.writeStatus(s)
	}
}

// maxTail bounds what Tail returns: a seed block with its contract record is about 1,500 records.
const maxTail = 5000

// Tail implements ingest.Log: it writes an open record, which shuts earlier writers out, and reads the end of the contract's log up to it: nothing that
// counts can come between. The record's epoch and seq are 0, because they are found only now; that of the new writer's own first open is in the log's count.
func (l *Log) Tail(ctx context.Context, contract string) (ingest.Tail, error) {
	r, err := kafka.NewReader(l.cfg, kafka.ReaderOptions{Name: "ingest-tail"}, l.log)
	if err != nil {
		return ingest.Tail{}, err
	}
	defer r.Close()
	for writer := time.Now().UnixMilli(); ; {
		tail, err := l.tailBefore(ctx, r, contract, writer)
		if err != nil {
			return ingest.Tail{}, fmt.Errorf("read the log's tail of %s: %w", contract, err)
		}
		newest := writer
		for i := range tail {
			newest = max(newest, tail[i].Writer)
		}
		if newest == writer {
			return ingest.Tail{Writer: writer, Records: tail}, nil
		}
		writer = newest + 1 // our clock is behind: that writer was not shut out
	}
}

// tailBefore writes the open record of a writer and reads what lies before it, farther back while what is needed is not there.
func (l *Log) tailBefore(ctx context.Context, r *kafka.Reader, contract string, writer int64) ([]market.Record, error) {
	ranges, err := r.Ranges(catalog.MarketTrades)
	if err != nil {
		return nil, err
	}
	part := kafka.PartitionOf([]byte(contract), len(ranges))
	rg := ranges[part]
	fence := market.Record{Kind: market.KindOpen, Contract: contract, Writer: writer, EventMs: time.Now().UnixMilli()}
	if c := l.cat.Contract(contract); c != nil {
		fence.Source = c.Source
	}
	if err := l.Append(ctx, fence); err != nil {
		return nil, err
	}
	for back := int64(4000); ; back *= 4 {
		from := max(rg.Low, rg.High-back)
		tail, err := l.read(ctx, r, kafka.Position{Topic: catalog.MarketTrades, Partition: part, Offset: from}, &fence)
		if err != nil || from == rg.Low || enough(tail) {
			return tail, err
		}
	}
}

// enough says whether a tail holds what ingest.Tail promises.
func enough(rs []market.Record) bool {
	want := market.KindTrade
	for i := len(rs) - 1; i >= 0; i-- {
		if rs[i].Kind == want {
			return true
		}
		if rs[i].Kind == market.KindSeed {
			want = market.KindContract // also where a writer that came to nothing has opened the log since
		}
	}
	return false
}

// read returns the contract's records from a position up to the fence.
func (l *Log) read(ctx context.Context, r *kafka.Reader, from kafka.Position, fence *market.Record) ([]market.Record, error) {
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
		if string(rec.Key) != fence.Contract {
			continue
		}
		var m market.Record
		if err := dec.Decode(rec.Value, &m); err != nil {
			l.log.Warn("unreadable record in the log", "topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "error", err)
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
