//go:build linux

package stackbench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// Replay is a log that was caught up with from its start.
type Replay struct {
	Trades, Contracts int
	Records           int     // of the log: trades, clock records, beginnings
	Writing           float64 // seconds
	Seconds           float64 // from the job's RUNNING to the last record of the ledger
	SecondHalf        float64 // of these, for the second half of the log: the JVMs are warm
	Ledger            int     // closed candles
	Committed         int     // of these, what readers of committed records see at the end
	Differences       int     // from what compute's Go core makes of the same log
	Examples          []string
	CPU               []Usage
}

// PerSecond is trades a second.
func (r *Replay) PerSecond() float64 { return float64(r.Trades) / r.Seconds }

// eventRate is how many trades a second the log has by its own times.
const eventRate = 1000

const replayPrefix = "REPLAY"

// writeLog writes a log that ends now to market.trades, and computes on the way what is expected of it.
func writeLog(ctx context.Context, brokers string, trades, contracts int) (*expectation, *Replay, error) {
	p, err := kafka.NewProducer(kafka.Config{Brokers: brokers}, kafka.ProducerOptions{Name: "bench-log", LingerMs: 20}, slog.Default())
	if err != nil {
		return nil, nil, err
	}
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(p.Run(running)) }()
	begun := time.Now()
	r := &Replay{Trades: trades, Contracts: contracts}
	e := newExpectation()
	lines, expected := make(chan []byte, 64), make(chan error, 1)
	go func() { expected <- expect(e, lines) }()
	batch := make([]byte, 0, 1<<16)
	logs := newLogs(replayPrefix, contracts, time.Now().UnixMilli(), func(l *contractLog) error {
		r.Records++
		if batch = append(append(batch, l.value...), '\n'); len(batch) > 1<<16-1024 {
			lines <- batch
			batch = make([]byte, 0, 1<<16)
		}
		return l.produce(running, p)
	})
	err = writeTrades(logs, trades)
	lines <- batch
	close(lines)
	if e := <-expected; err == nil {
		err = e
	}
	if err == nil {
		err = p.Flush(running)
	}
	err = errors.Join(err, p.Close(time.Second))
	r.Writing, r.Ledger = time.Since(begun).Seconds(), e.written
	return e, r, err
}

func writeTrades(logs []*contractLog, trades int) error {
	random := rand.New(rand.NewPCG(1, 4))
	at := market.Period1m.OpenMs(time.Now().UnixMilli() - int64(trades)*1000/eventRate)
	for _, l := range logs {
		if err := l.begin(at); err != nil {
			return err
		}
	}
	for i := range trades {
		if err := logs[random.IntN(len(logs))].trade(at + int64(i)*1000/eventRate); err != nil {
			return err
		}
	}
	for _, l := range logs { // the last second closes
		if err := l.clock(market.Period1s.OpenMs(at+int64(trades)*1000/eventRate) + 1000); err != nil {
			return err
		}
	}
	return nil
}

func expect(e *expectation, lines <-chan []byte) (err error) {
	for batch := range lines { // to the end also after an error: the writer waits for nobody else
		for line := range bytes.Lines(batch) {
			if err == nil {
				err = e.take(line[:len(line)-1])
			}
		}
	}
	return err
}

// progress counts what a reader of uncommitted records sees in the ledger.
type progress struct {
	count      int
	half, last time.Time
	done       chan struct{}
}

func watchLedger(ctx context.Context, brokers string, want int) (*progress, func() error, error) {
	p := &progress{done: make(chan struct{})}
	wait, err := follow(ctx, brokers, catalog.LedgerCandles, true, func(rec *kafka.Record, _ time.Time) {
		if !strings.HasPrefix(string(rec.Key), replayPrefix) {
			return
		}
		p.count++
		at := time.UnixMilli(rec.TimestampMs) // by its writer: this reader may be behind
		if p.count == want/2 {
			p.half = at
		}
		if at.After(p.last) {
			p.last = at
		}
		if p.count == want {
			close(p.done)
		}
	})
	return p, wait, err
}

// replay waits until the job, which has just been started, has written all of the ledger, and compares it.
func (s *system) replay(ctx context.Context, e *expectation, r *Replay, limit time.Duration) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the log was not caught up with within %s", limit))
	defer cancel()
	following, stop := context.WithCancel(ctx)
	p, wait, err := watchLedger(following, s.kafka, e.written)
	if err != nil {
		stop()
		return err
	}
	defer func() {
		stop()
		err = errors.Join(err, wait())
	}()
	job, err := s.candlesJob(ctx)
	if err != nil {
		return err
	}
	before, err := s.usage()
	if err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	after, err := s.usage()
	if err != nil {
		return err
	}
	r.CPU = since(after, before)
	r.Seconds, r.SecondHalf = p.last.Sub(job.running).Seconds(), p.last.Sub(p.half).Seconds()
	if err := s.checkpoint(ctx, job.id); err != nil { // which commits the ledger
		return err
	}
	got, n, err := readLedger(ctx, s.kafka)
	if err != nil {
		return err
	}
	r.Committed = n
	r.Differences, r.Examples = e.differences(got)
	return nil
}

// readLedger reads the committed records of the replay's contracts.
func readLedger(ctx context.Context, brokers string) (got map[string]ledgerRecord, n int, err error) {
	r, err := kafka.NewReader(kafka.Config{Brokers: brokers}, kafka.ReaderOptions{Name: "bench-ledger", Committed: true, Ends: true}, slog.Default())
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	ranges, err := r.Ranges(catalog.LedgerCandles)
	if err != nil {
		return nil, 0, err
	}
	ps := make([]kafka.Position, len(ranges))
	for i, rg := range ranges {
		ps[i] = kafka.Position{Topic: catalog.LedgerCandles, Partition: int32(i), Offset: rg.Low}
	}
	if err := r.Assign(ps); err != nil {
		return nil, 0, err
	}
	got = map[string]ledgerRecord{}
	for open := len(ps); open > 0; {
		rec, err := r.Poll(10 * time.Second)
		switch {
		case err != nil:
			return nil, 0, err
		case rec == nil:
			return nil, 0, errors.New("read the ledger: no answer within 10 s")
		case ctx.Err() != nil:
			return nil, 0, context.Cause(ctx)
		case rec.End:
			open--
		case strings.HasPrefix(string(rec.Key), replayPrefix):
			n++
			v, err := market.ParseVersion(rec.Header(catalog.VersionName))
			if err != nil {
				return nil, 0, fmt.Errorf("ledger record %s: %w", rec.Key, err)
			}
			if old, ok := got[string(rec.Key)]; !ok || old.version.Less(v) {
				got[string(rec.Key)] = ledgerRecord{v, market.WithoutComputeTime(rec.Value)}
			}
		}
	}
	return got, n, nil
}
