//go:build linux

package stackbench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/stack"
)

// Options say what is measured.
type Options struct {
	Data      string // folder of a stack that runs already, which is then used, without a replay; empty: one is started and removed
	Functions string // jar of the process table functions
	Contracts int
	WarmRate  int // trades a second
	WarmUp    time.Duration
	Rates     []int // trades a second
	Duration  time.Duration
	Replay    int           // trades; 0: none
	Limit     time.Duration // of the replay
}

const (
	settleFor = 3 * time.Second  // each rate runs so long before it is measured
	patience  = 30 * time.Second // the last messages are waited for so long
)

// Result is what was measured.
type Result struct {
	Options Options
	Load    string // load average of the machine before
	Phases  []Phase
	Replay  *Replay
}

// Run measures. What it is doing is said on progress.
func Run(ctx context.Context, opt Options, progress io.Writer) (*Result, error) {
	r := &Result{Options: opt, Load: load1()}
	say := func(format string, args ...any) { fmt.Fprintf(progress, format+"\n", args...) }
	if opt.Data != "" {
		s, err := attach(opt.Data)
		if err != nil {
			return nil, err
		}
		return r, s.latency(ctx, r, say)
	}
	dir, err := os.MkdirTemp("", "tickcast-bench-")
	if err != nil {
		return nil, err
	}
	err = r.ofOurOwn(ctx, dir, progress, say)
	return r, errors.Join(err, os.RemoveAll(dir))
}

// ofOurOwn starts a stack in a folder, measures and stops it.
func (r *Result) ofOurOwn(ctx context.Context, dir string, progress io.Writer, say func(string, ...any)) (err error) {
	cfg := stack.DefaultConfig()
	cfg.DataDir, cfg.Ports, cfg.Flink.Functions = dir, stack.PortsAuto, r.Options.Functions
	var e *expectation
	if r.Options.Replay > 0 { // the log is there before the job is: that is what catching up is
		cfg.Only = stack.OnlyKafka
		stop, err := servers(ctx, cfg, progress)
		if err != nil {
			return err
		}
		s, err := attach(dir)
		if err == nil {
			say("writing a log of %d trades", r.Options.Replay)
			e, r.Replay, err = writeLog(ctx, s.kafka, r.Options.Replay, r.Options.Contracts)
		}
		if err = errors.Join(err, stop()); err != nil {
			return fmt.Errorf("write the log to replay: %w", err)
		}
	}
	cfg.Only = stack.OnlyFlink
	stop, err := servers(ctx, cfg, progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	s, err := attach(dir)
	if err != nil {
		return err
	}
	if e != nil {
		say("replay: the job catches up from the earliest offset")
		if err := s.replay(ctx, e, r.Replay, r.Options.Limit); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		say("replay: %.0f trades/s", r.Replay.PerSecond())
	}
	return s.latency(ctx, r, say)
}

// latency measures the live path at each rate.
func (s *system) latency(ctx context.Context, r *Result, say func(string, ...any)) (err error) {
	if len(r.Options.Rates) == 0 {
		return nil
	}
	stop, err := s.edge(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l, err := newLoad(ctx, s.kafka, fmt.Sprintf("BENCH%d-", time.Now().Unix()%1_000_000), r.Options.Contracts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	logged, pushed, arrived := newWatch(l.logs), newWatch(l.logs), newWatch(l.logs)
	if err := arrived.candlesOverMQTT(ctx, s.mqtt); err != nil {
		return err
	}
	say("warming up: %s at %d trades/s", r.Options.WarmUp, r.Options.WarmRate)
	if _, _, err := l.run(ctx, r.Options.WarmRate, r.Options.WarmUp); err != nil {
		return err
	}
	for _, rate := range r.Options.Rates {
		p, err := s.phase(ctx, l, Phase{Rate: rate}, &r.Options, logged, pushed, arrived, say)
		if err != nil {
			return err
		}
		r.Phases = append(r.Phases, p)
	}
	waitLog, err := follow(ctx, s.kafka, catalog.MarketTrades, false, logged.tradeIn)
	if err != nil {
		return err
	}
	waitPush, err := follow(ctx, s.kafka, catalog.PushCandles, false, pushed.candleIn)
	if err != nil {
		return err
	}
	for _, rate := range r.Options.Rates {
		p, err := s.phase(ctx, l, Phase{Rate: rate, Staged: true}, &r.Options, logged, pushed, arrived, say)
		if err != nil {
			return err
		}
		r.Phases = append(r.Phases, p)
	}
	cancel()
	return errors.Join(waitLog(), waitPush())
}

// phase measures at one rate.
func (s *system) phase(ctx context.Context, l *load, p Phase, o *Options, logged, pushed, arrived *watch, say func(string, ...any)) (Phase, error) {
	what := "at the client"
	if p.Staged {
		what = "stage by stage"
	}
	say("measuring %s: %s at %d trades/s", what, o.Duration, p.Rate)
	if _, _, err := l.run(ctx, p.Rate, settleFor); err != nil {
		return p, err
	}
	before, err := s.usage()
	if err != nil {
		return p, err
	}
	stolen := machineTime()
	from, to, err := l.run(ctx, p.Rate, o.Duration)
	if err != nil {
		return p, err
	}
	after, err := s.usage()
	if err != nil {
		return p, err
	}
	p.Stolen = machineTime().stolenSince(stolen)
	trades := l.take()
	arrivedAll := func() bool {
		return arrived.holds(trades) && (!p.Staged || logged.holds(trades) && pushed.holds(trades))
	}
	for end := time.Now().Add(patience); time.Now().Before(end) && !arrivedAll(); {
		time.Sleep(100 * time.Millisecond) // what is on its way arrives
	}
	p.Seconds, p.CPU = to.Sub(from).Seconds(), since(after, before)
	measure(&p, trades, from, to, logged.take(), pushed.take(), arrived.take())
	return p, nil
}
