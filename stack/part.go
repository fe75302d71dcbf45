package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// part is one thing that the stack runs.
type part struct {
	name  string
	addr  string               // for people
	needs []string             // parts that must be ready before it starts the first time
	rest  func() time.Duration // when it has died it is not started again before that; nil: at once

	// run starts it, calls up when it answers, and blocks until it has died (an error that says how) or, ctx ended, has stopped.
	run func(ctx context.Context, up func()) error
}

// Back-off between starts of a part that dies: it doubles, and begins anew after a part has been ready for calmDown.
const (
	firstBackoff = 200 * time.Millisecond
	maxBackoff   = 10 * time.Second
	calmDown     = time.Minute
	firstTries   = 3               // while five JVMs start on a busy machine one can fail for that alone
	startWithin  = 5 * time.Minute // the first start of each part, once those that it needs are ready
)

// errNotReady is the cause when a part's first start takes longer than startWithin.
var errNotReady = fmt.Errorf("is not ready within %s", startWithin)

// keep runs a part until ctx ends, and starts it again when it dies. An error is returned if the first start fails firstTries times: something is wrong then, rather than broken.
func (s *Stack) keep(ctx context.Context, p *part, ready chan<- struct{}) error {
	backoff, first := firstBackoff, true
	for try := 1; ; try++ {
		begun := time.Now()
		runCtx, cancel := context.WithCancelCause(ctx)
		limit := time.AfterFunc(startWithin, func() { cancel(errNotReady) })
		var upSince time.Time
		err := s.journal.state(p.name, stateStarting)
		if err == nil {
			err = p.run(runCtx, func() {
				limit.Stop()
				upSince = time.Now()
				took := upSince.Sub(begun)
				_ = s.journal.set(p.name, func(st *PartStatus) { st.State, st.Since, st.StartedMs = stateReady, upSince, took.Milliseconds() }) // said below; the next change writes it again
				again := ""
				if !first {
					again = "again "
				}
				s.say(p.name, p.addr, fmt.Sprintf("ready %safter %.1f s", again, took.Seconds()))
				if first {
					first = false
					close(ready)
				}
			})
		}
		limit.Stop()
		if cause := context.Cause(runCtx); cause != nil && errors.Is(cause, errNotReady) {
			if err == nil {
				err = errors.New("it says nothing")
			}
			err = fmt.Errorf("%w: %w", errNotReady, err)
		}
		cancel(nil)
		if ctx.Err() != nil {
			_ = s.journal.state(p.name, stateStopped) // the stack ends; the next start asks the processes themselves
			return nil
		}
		if err == nil {
			err = errors.New("ended by itself")
		}
		if first && (try == firstTries || errors.Is(err, errNotReady)) {
			return err
		}
		if !upSince.IsZero() && time.Since(upSince) > calmDown {
			backoff = firstBackoff
		}
		if e := s.journal.set(p.name, func(st *PartStatus) { st.State, st.Since, st.Restarts = stateDied, time.Now(), st.Restarts+1 }); e != nil {
			return e
		}
		pause := backoff
		if p.rest != nil {
			pause = max(pause, p.rest())
		}
		s.say(p.name, p.addr, fmt.Sprintf("%v; starting it again in %s", err, pause))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// line is how each part says something on the terminal.
func line(out io.Writer, name, addr, what string) {
	fmt.Fprintf(out, "  %-15s %-22s %s\n", name, addr, what)
}
