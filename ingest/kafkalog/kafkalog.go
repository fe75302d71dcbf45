// Package kafkalog is ingest's log on Kafka: market.trades, market.quarantine and push.status.
package kafkalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
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
	tick := time.NewTicker(statusAgain)
	defer tick.Stop()
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
		}
	}
}

// Close waits until what was appended is in Kafka, at most the given time.
func (l *Log) Close(wait time.Duration) error { return l.producer.Close(wait) }

// Append implements ingest.Log.
func (l *Log) Append(rec market.Record) error {
	buf := l.buffers.Get().(*[]byte)
	defer l.buffers.Put(buf)
	value := rec.AppendJSON((*buf)[:0])
	*buf = value
	var ver [market.VersionLen]byte
	v := rec.Version()
	return l.producer.Produce(context.Background(), catalog.MarketTrades, []byte(rec.Contract), value,
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
	return l.producer.Produce(context.Background(), catalog.MarketQuarantine, []byte(q.Source), b)
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
	err := l.producer.Produce(context.Background(), catalog.PushStatus, []byte(catalog.StatusKey(s.Scope, s.Kind)), s.AppendJSON(nil),
		kafka.Header{Key: catalog.VersionName, Value: v.Bytes()})
	if err != nil {
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

// Tail implements ingest.Log: it reads the end of the contract's partition, and farther back while what it needs is not there.
func (l *Log) Tail(ctx context.Context, contract string) (ingest.Tail, error) {
	r, err := kafka.NewReader(l.cfg, kafka.ReaderOptions{Name: "ingest-tail"}, l.log)
	if err != nil {
		return ingest.Tail{}, err
	}
	defer r.Close()
	ranges, err := r.Ranges(catalog.MarketTrades)
	if err != nil {
		return ingest.Tail{}, err
	}
	part := kafka.PartitionOf([]byte(contract), len(ranges))
	rg := ranges[part]
	for back := int64(4000); ; back *= 4 {
		from := max(rg.Low, rg.High-back)
		tail, err := l.read(ctx, r, contract, kafka.Position{Topic: catalog.MarketTrades, Partition: part, Offset: from}, rg.High)
		if err != nil {
			return ingest.Tail{}, fmt.Errorf("read the log's tail of %s: %w", contract, err)
		}
		if from == rg.Low || enough(tail) {
			return ingest.Tail{Records: tail}, nil
		}
	}
}

// enough says whether a tail holds what ingest.Tail promises.
func enough(rs []market.Record) bool {
	if len(rs) == 0 {
		return false
	}
	want := market.KindTrade
	if rs[len(rs)-1].Kind == market.KindSeed {
		want = market.KindContract
	}
	for i := len(rs) - 1; i >= 0; i-- {
		if rs[i].Kind == want {
			return true
		}
	}
	return false
}

func (l *Log) read(ctx context.Context, r *kafka.Reader, contract string, from kafka.Position, end int64) ([]market.Record, error) {
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
				l.log.Warn("unreadable record in the log", "topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "error", err)
			} else if tail = append(tail, m); len(tail) > 2*maxTail {
				tail = append(tail[:0], tail[len(tail)-maxTail:]...)
			}
		}
		if rec.Offset+1 >= end {
			return tail[max(0, len(tail)-maxTail):], nil
		}
	}
}
