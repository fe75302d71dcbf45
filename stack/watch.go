package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// A part that is ready is asked again each watchEvery; one that does not answer several times in a row is told of and goes on: only a person knows whether it is stuck or has too much to do.
const (
	watchEvery = 10 * time.Second
	silences   = 3
)

// mostLog bounds a part's log. Beyond, its end is kept beside it and it begins anew.
const (
	mostLog = 64 << 20
	keptLog = 8 << 20
)

// watch asks a part until ctx ends, says when it falls silent and when it answers again, and keeps its log within bounds.
func (s *Stack) watch(ctx context.Context, p *program, log string) {
	failed, silent := 0, false
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(watchEvery):
		}
		if err := shorten(log, mostLog, keptLog); err != nil {
			s.say(p.name, p.addr, err.Error())
		}
		err := p.ask(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && silent:
			s.say(p.name, p.addr, "answers again")
			_ = s.journal.state(p.name, stateReady) // said above
			failed, silent = 0, false
		case err == nil:
			failed = 0
		default:
			if failed++; failed == silences {
				silent = true
				s.say(p.name, p.addr, fmt.Sprintf("does not answer for %s: %v", silences*watchEvery, err))
				_ = s.journal.state(p.name, stateSilent) // said above
			}
		}
	}
}

// shorten moves the end of a log that has become too long beside it and empties it. Its writer appends, so it goes on at the beginning; what it writes meanwhile is lost.
func shorten(path string, most, kept int64) (err error) {
	st, err := os.Stat(path)
	if err != nil || st.Size() <= most {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("shorten the log: %w", err)
		}
	}()
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(path + ".1")
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.NewSectionReader(in, st.Size()-kept, kept))
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return os.Truncate(path, 0)
}
