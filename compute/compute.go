// Package compute turns the logs of trades and books into products: one loop around pure cores, Kafka in, Kafka out. Which core reads which log, and what it
// writes, is a table (products). Flink (flink-sql/) does the same
// from the same specification in the other form.
//
// Nothing is lost by kill -9: outputs are acknowledged before the checkpoint that is behind them is put in place, and what is written twice has the same version.
package compute

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
)

// Stats counts what compute did since its start.
type Stats struct {
	Records     int64 // read
	Outputs     int64 // written
	Poison      int64 // records that could not be read or made no sense
	Late        int64 // records sent to market.late
	Missing     int64 // records that are not in the log, by its sequence numbers
	Dropped     int64 // of old writers or epochs, seen before, or of contracts without a beginning
	Checkpoints int64
	Rounds      int64
}

// Compute is made by New and works in Run.
type Compute struct {
	cfg   Config
	cat   *catalog.Catalog
	log   *slog.Logger
	done  stats
	begun chan struct{}
	lost  string // set before begun is closed
}

type stats struct {
	records, outputs, poison, late, missing, dropped, checkpoints, rounds atomic.Int64
}

// New checks the configuration; it does not connect yet.
func New(cfg Config, cat *catalog.Catalog, log *slog.Logger) (*Compute, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if r := newRounds(cat, cfg.RoundEvery.D()); cat.Form == catalog.Embedded && r.every < time.Second {
		return nil, fmt.Errorf("round_every: must be set, %s is no retention to take a third of", 3*r.every)
	}
	return &Compute{cfg: cfg, cat: cat, log: log, begun: make(chan struct{})}, nil
}

// Begun is closed when Run knows where it goes on, before it computes anything.
func (c *Compute) Begun() <-chan struct{} { return c.begun }

// Lost says, once Begun is closed, why the contracts' states cannot be made up from what the logs of trades still hold; empty: they can, or are there. Whoever
// writes the logs must then begin them anew, with seeds, or nothing is computed until the seeds of the next midnight.
func (c *Compute) Lost() string { return c.lost }

// Stats returns the counts.
func (c *Compute) Stats() Stats {
	s := &c.done
	return Stats{Records: s.records.Load(), Outputs: s.outputs.Load(), Poison: s.poison.Load(), Late: s.late.Load(), Missing: s.missing.Load(), Dropped: s.dropped.Load(),
		Checkpoints: s.checkpoints.Load(), Rounds: s.rounds.Load()}
}

const (
	pollEvery  = 100 * time.Millisecond
	thinAfter  = 1000             // ms: records older than this are caught up with, their in-progress versions may be left out
	stopGrace  = 5 * time.Second  // for what is queued when ctx ends
	flushLimit = 10 * time.Second // of one checkpoint or round; afterwards it is tried again at the next turn
)

// Run computes until ctx ends. All loops of compute are here: this one reads, computes and writes; producing reports its errors; checkpoints are put on disk.
func (c *Compute) Run(ctx context.Context) error {
	startMs := time.Now().UnixMilli()
	reader, err := kafka.NewReader(c.cfg.Kafka, kafka.ReaderOptions{Name: "compute"}, c.log)
	if err != nil {
		return err
	}
	defer reader.Close()
	producer, err := kafka.NewProducer(c.cfg.Kafka, kafka.ProducerOptions{Name: "compute"}, c.log)
	if err != nil {
		return err
	}
	// Writing goes on for a while after ctx has ended: half of a record's outputs would spoil the state for the last checkpoint.
	writing, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(stopGrace, func() { cancel(context.Cause(ctx)) }) })
	defer stop()

	var loops sync.WaitGroup
	loops.Go(func() {
		if err := producer.Run(writing); err != nil {
			cancel(err)
		}
	})
	w := &worker{Compute: c, reader: reader, producer: producer, writing: writing, startMs: startMs}
	err = w.work(ctx)
	if w.saving != nil { // before the last one, which must not be overtaken
		<-w.saving
	}
	if err == nil {
		err = w.lastCheckpoint()
	}
	cancel(nil)
	loops.Wait()
	return errors.Join(err, producer.Close(stopGrace))
}
