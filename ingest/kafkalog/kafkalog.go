// Package kafkalog is ingest's log on Kafka: market.trades, market.books, market.quarantine and push.status.
package kafkalog

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"unicode/utf8"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/ingest"
	"github.com/tickcast/tickcast/ingest/feed"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/kafka/marketlog"
	"github.com/tickcast/tickcast/market"
)

// Log implements ingest.Log and ingest.StatusWriter. Run it, and Close it afterwards.
type Log struct {
	*marketlog.Writer
	cfg kafka.Config
	log *slog.Logger
}

// New connects to Kafka.
func New(cfg kafka.Config, log *slog.Logger) (*Log, error) {
	w, err := marketlog.NewWriter(cfg, "ingest", log)
	if err != nil {
		return nil, err
	}
	return &Log{Writer: w, cfg: cfg, log: log}, nil
}

// topics are where the logs are.
var topics = [...]string{feed.Trades: catalog.MarketTrades, feed.Books: catalog.MarketBooks}

// Append implements ingest.Log.
func (l *Log) Append(to ingest.Input, rec market.Record) error {
	return l.Writer.Append(topics[to], &rec)
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
	return l.Put(catalog.MarketQuarantine, q.Source, b)
}

// Tail implements ingest.Log.
func (l *Log) Tail(ctx context.Context, of ingest.Input, contract string) (ingest.Tail, error) {
	if err := l.Flush(ctx); err != nil {
		return ingest.Tail{}, err
	}
	enough := enoughTrades
	if of == feed.Books {
		enough = enoughBooks
	}
	rs, err := marketlog.Tail(ctx, l.cfg, topics[of], contract, enough, l.log)
	return ingest.Tail{Records: rs}, err
}

// enoughTrades says whether a tail holds what ingest.Tail promises.
func enoughTrades(rs []market.Record) bool {
	if len(rs) == 0 {
		return false
	}
	want := market.KindTrade
	if rs[len(rs)-1].Kind == market.KindSeed {
		want = market.KindContract
	}
	return slices.ContainsFunc(rs, func(r market.Record) bool { return r.Kind == want })
}

func enoughBooks(rs []market.Record) bool {
	return slices.ContainsFunc(rs, func(r market.Record) bool { return r.Kind == market.KindSnapshot || r.Kind == market.KindDiff })
}
