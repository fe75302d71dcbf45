package up

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/tickcast/tickcast/broker"
	"runtime/pprof"
)

// stage is one role while it runs: cancel stops it, done closes when it has stopped.
type stage struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
}

// tune sets what the Go runtime's own settings (GOMAXPROCS, GOGC), where given, decide instead. More processors than cores: Kafka's client blocks in C, and a goroutine that
// comes back from there needs a free one. Rarer collections: while one runs it takes the cores that a trade on its way needs. Both were the slowest trade in a
// hundred (make bench); the price is memory, about four times what lives.
func tune() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(4, 2*runtime.NumCPU()))
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// Run runs all roles until ctx ends or one of them fails. They stop in the order in which data flows, so that what has been taken in reaches Kafka and, where
// time allows, the clients: first the sources, then compute, then the bridge and HTTP, the store behind who asks it, the edge, and Kafka last.
func (u *Up) Run(ctx context.Context) error {
	tune()
	failed := make(chan error, 16)
	start := func(name string, run func(context.Context) error) *stage {
		roleCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		s := &stage{name: name, cancel: cancel, done: make(chan struct{})}
		go func() {
			defer close(s.done)
			pprof.SetGoroutineLabels(pprof.WithLabels(roleCtx, pprof.Labels("role", name))) // profiles tell the roles apart
			err := run(roleCtx)
			if err == nil && roleCtx.Err() == nil {
				err = errors.New("ended by itself")
			}
			if err != nil {
				failed <- fmt.Errorf("%s: %w", name, err)
			}
		}()
		return s
	}
	p := &u.parts
	var stages []*stage // in the order of stopping
	// what writes the contracts' logs waits until it is known whether compute can go on with them: that is a matter of milliseconds
	writer := func(run func(context.Context) error, anew func(string)) func(context.Context) error {
		return func(ctx context.Context) error {
			select {
			case <-p.compute.Begun():
			case <-ctx.Done():
				return nil
			}
			if why := p.compute.Lost(); why != "" {
				anew(why)
			}
			return run(ctx)
		}
	}
	marketLog, engineLog := start("market log", p.marketLog.Run), start("engine's log", p.engineLog.Run)
	var exchange *stage
	if p.simulator != nil {
		exchange = start("simulator", p.simulator.Run)
	}
	stages = append(stages, start("ingest", writer(p.ingest.Run, p.ingest.BeginAnew)), marketLog, start("engine", writer(p.engine.Run, p.engine.BeginAnew)), engineLog)
	if exchange != nil {
		stages = append(stages, exchange)
	}
	stages = append(stages, start("compute", p.compute.Run), start("bridge", p.bridge.Run))
	stages = append(stages, start("http", p.http.Run))
	stages = append(stages, start("history", func(ctx context.Context) error { return p.history.Run(ctx, p.store.Ready()) }), start("store", p.store.Run))

	var err error
	select {
	case <-p.bridge.Ready():
		stages = append(stages, start("broker", p.broker.Run))
		close(u.ready)
		select {
		case err = <-failed:
		case <-ctx.Done():
		}
	case err = <-failed:
	case <-ctx.Done():
	}
	switch {
	case errors.Is(err, broker.ErrDrained):
		u.log.Info("the edge is empty; stopping")
		err = nil
	case err != nil:
		u.log.Error("a role failed; stopping", "error", err)
	}
	for _, s := range stages {
		s.cancel()
		<-s.done
		var e error
		switch s {
		case marketLog:
			e = p.marketLog.Close(closeWait)
		case engineLog:
			e = p.engineLog.Close(closeWait)
		}
		if err == nil {
			err = e
		}
	}
	if !u.isReady() {
		closeUnused(p.broker.Run)
	}
	if e := p.store.Close(); e != nil && err == nil {
		err = e
	}
	p.stopKafka()
	if u.lock != nil {
		u.lock.Close()
	}
	select {
	case e := <-failed:
		if err == nil {
			err = e
		}
	default:
	}
	return err
}

// closeUnused lets go of what a part has bound: its Run does so when its context has ended.
func closeUnused(run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = run(ctx) // it was never used
}
