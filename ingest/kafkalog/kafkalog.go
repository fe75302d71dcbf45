// Package kafkalog is ingest's log on Kafka: market.trades, market.books, market.quarantine and push.status.
package kafkalog

import (
	"context"
	"log/slog"
	"slices"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/ingest"
	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/kafka/marketlog"
	"github.com/tickcast/tickcast/market"
)

// Log implements ingest.Log and ingest.StatusWriter. Run it, and Close it afterwards.
type Log struct {
	*marketlog.Writer
}

// New connects to Kafka.
func New(cfg kafka.Config, log *slog.Logger) (*Log, error) {
	w, err := marketlog.NewWriter(cfg, "ingest", log)
	if err != nil {
		return nil, err
	}
	return &Log{w}, nil
}

// topics are where the logs are.
var topics = [...]string{core.Trades: catalog.MarketTrades, core.Books: catalog.MarketBooks}

// Append implements ingest.Log.
func (l *Log) Append(ctx context.Context, to ingest.Input, rec market.Record) error {
	return l.Writer.Append(ctx, topics[to], &rec)
}

// Quarantine implements ingest.Log.
func (l *Log) Quarantine(q ingest.Quarantined) error {
	b, err := q.JSON()
	if err != nil {
		return err
	}
	return l.Put(catalog.MarketQuarantine, q.Source, b)
}

// Tail implements ingest.Log.
func (l *Log) Tail(ctx context.Context, of ingest.Input, c *market.Contract) (ingest.Tail, error) {
	enough := enoughTrades
	if of == core.Books {
		enough = enoughBooks
	}
	writer, rs, err := l.TakeOver(ctx, topics[of], c, enough)
	return ingest.Tail{Writer: writer, Records: rs}, err
}

// enoughTrades says whether a tail holds what ingest.Tail promises.
func enoughTrades(rs []market.Record) bool {
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

func enoughBooks(rs []market.Record) bool {
	return slices.ContainsFunc(rs, func(r market.Record) bool { return r.Kind == market.KindSnapshot || r.Kind == market.KindDiff })
}
