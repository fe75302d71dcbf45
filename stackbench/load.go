//go:build linux

package stackbench

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// meant is a trade that was written.
type meant struct {
	seq    int64
	atNs   int64 // when it was to be written, by the schedule; wall clock
	lateNs int64 // so much later it was handed to the client of Kafka
}

// load writes trades of some contracts at a schedule, through librdkafka without linger.
type load struct {
	producer *kafka.Producer
	logs     []*contractLog
	random   *rand.Rand
	trades   [][]meant // by contract
	ended    sync.WaitGroup
	stop     context.CancelFunc
	failed   error // of the producer; after stop
}

func newLoad(ctx context.Context, brokers, prefix string, contracts int) (*load, error) {
	p, err := kafka.NewProducer(kafka.Config{Brokers: brokers}, kafka.ProducerOptions{Name: "bench"}, slog.Default())
	if err != nil {
		return nil, err
	}
	l := &load{producer: p, random: rand.New(rand.NewPCG(1, 3)), trades: make([][]meant, contracts)}
	now := time.Now().UnixMilli()
	l.logs = newLogs(prefix, contracts, now, func(c *contractLog) error { return c.produce(ctx, p) })
	run, cancel := context.WithCancel(ctx)
	l.stop = cancel
	l.ended.Go(func() { l.failed = p.Run(run) })
	for _, c := range l.logs {
		if err := c.begin(market.Period1m.OpenMs(now)); err != nil {
			cancel()
			return nil, err
		}
	}
	return l, nil
}

func (l *load) close() error {
	err := l.producer.Close(10 * time.Second)
	l.stop()
	l.ended.Wait()
	if l.failed != nil {
		err = l.failed
	}
	return err
}

// run writes so many trades a second, and returns the beginning and the end of the schedule. A trade that is late is written at once: its time stays the one at which it was meant.
func (l *load) run(ctx context.Context, rate int, length time.Duration) (from, to time.Time, err error) {
	n := int(length.Seconds() * float64(rate))
	gap := time.Second / time.Duration(rate)
	from = time.Now()
	for i := range n {
		at := from.Add(time.Duration(i) * gap)
		for wait := time.Until(at); wait > 0; wait = time.Until(at) {
			time.Sleep(wait)
		}
		if ctx.Err() != nil {
			return from, at, context.Cause(ctx)
		}
		k := l.random.IntN(len(l.logs))
		c := l.logs[k]
		late := time.Since(at)
		if err := c.trade(at.UnixMilli()); err != nil {
			return from, at, err
		}
		l.trades[k] = append(l.trades[k], meant{c.seq, at.UnixNano(), int64(late)})
	}
	to = from.Add(time.Duration(n) * gap)
	time.Sleep(time.Until(to.Add(clockEachMs * time.Millisecond)))
	for _, c := range l.logs { // as from ingest; what was left out of old trades is published with it
		if err := c.clock(time.Now().UnixMilli()); err != nil {
			return from, to, err
		}
	}
	return from, to, nil
}

// take returns the trades since it was last called.
func (l *load) take() [][]meant {
	t := l.trades
	l.trades = make([][]meant, len(l.logs))
	return t
}
