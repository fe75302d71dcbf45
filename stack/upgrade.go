package stack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	flinksql "github.com/tickcast/tickcast/flink-sql"
)

// Change is what an upgrade asks for; what is zero stays as it is.
type Change struct {
	Parallelism int                     `json:"parallelism,omitempty"`
	Functions   string                  `json:"functions,omitempty"` // absolute path of the jar
	SQL         map[flinksql.Job]string `json:"sql,omitempty"`       // the new program's, with its variables
}

const (
	takeOver     = 30 * time.Second // until a job's watcher takes an order; one whose job is dead does not
	comesUp      = startWithin      // until a job of a new form has its first checkpoint
	cancelWithin = 30 * time.Second
)

// order is an upgrade for one job's watcher, which alone stops and submits it.
type order struct {
	form form
	say  func(string)
	done chan error // one answer
}

// upgrade brings every job into a new form, one after the other, and all of them back into the old one where one does not come up.
func (s *Stack) upgrade(ctx context.Context, c Change, say func(string)) error {
	if !s.upgrading.TryLock() {
		return errors.New("another upgrade is on its way")
	}
	defer s.upgrading.Unlock()
	if len(s.orders) == 0 {
		return errors.New("this stack runs without Flink")
	}
	select {
	case <-s.ready:
	default:
		return errors.New("the stack is not ready yet")
	}
	old := s.form
	next := old
	if c.Parallelism != 0 {
		if err := s.cfg.Flink.fits(c.Parallelism); err != nil {
			return err
		}
		next.Parallelism = c.Parallelism
	}
	if c.Functions != "" {
		var err error
		if next.Functions, err = s.ownFunctions(c.Functions); err != nil {
			return err
		}
	}
	if c.SQL != nil {
		next.SQL = c.SQL
	}
	begun := time.Now()
	say(fmt.Sprintf("from parallelism %d to %d, functions %s", old.Parallelism, next.Parallelism, filepath.Base(next.Functions)))
	jobs := flinksql.Jobs()
	for i, j := range jobs {
		err := s.order(ctx, j, next, say)
		if err == nil {
			continue
		}
		err = fmt.Errorf("%s: %w", partJob(j), err)
		for k := i - 1; k >= 0; k-- {
			say(partJob(jobs[k]) + ": goes back too")
			if e := s.order(ctx, jobs[k], old, say); e != nil {
				err = errors.Join(err, fmt.Errorf("%s did not come back: %w", partJob(jobs[k]), e))
			}
		}
		return err
	}
	s.form = next
	s.parallelism.Store(int64(next.Parallelism))
	if err := s.keepForm(next); err != nil {
		return fmt.Errorf("the jobs run in their new form until the stack's next start: %w", err)
	}
	say(fmt.Sprintf("done after %.1f s", time.Since(begun).Seconds()))
	return nil
}

// order has a job's watcher bring it into another form.
func (s *Stack) order(ctx context.Context, j flinksql.Job, f form, say func(string)) error {
	o := order{form: f, say: func(what string) { say(partJob(j) + ": " + what); s.say(partJob(j), "", what) }, done: make(chan error, 1)}
	select {
	case s.orders[j] <- o:
	case <-time.After(takeOver):
		return errors.New("does not run, nothing was changed; `tickcast stack status` and its log say more")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// reform stops a job with a savepoint and submits it in another form; if that one does not come up it goes on in its old one. It returns the id of the job that runs now, and the form that it has.
func (s *Stack) reform(ctx context.Context, j flinksql.Job, id string, old form, o order) (string, form, error) {
	if state, err := s.jobState(ctx, id); err != nil || state != "RUNNING" {
		return id, old, errors.Join(fmt.Errorf("is %s: only a running job has a savepoint; nothing was changed", state), err)
	}
	begun := time.Now()
	stopCtx, cancel := context.WithTimeout(ctx, savepointWait)
	defer cancel()
	location, err := s.savepoint(stopCtx, j, id)
	if err != nil {
		return id, old, fmt.Errorf("no savepoint, nothing was changed: %w", err)
	}
	o.say(fmt.Sprintf("stopped with %s after %.1f s", location, time.Since(begun).Seconds()))
	next, err := s.comeUp(ctx, j, o.form, begun, o.say)
	if err == nil || ctx.Err() != nil {
		return next, o.form, err
	}
	o.say(fmt.Sprintf("does not come up, goes back: %v", err))
	if next == "" { // a client that was stopped may have submitted it
		var e error
		if next, e = s.findJob(ctx, j.Name()); e != nil {
			return "", old, errors.Join(err, e)
		}
	}
	if next != "" {
		if e := s.cancelJob(ctx, next); e != nil && !errors.Is(e, errUnknownJob) { // one that its JobManager has taken with it is gone, too
			return next, old, errors.Join(err, fmt.Errorf("and cannot be cancelled: %w", e))
		}
	}
	back, e := s.comeUp(ctx, j, old, begun, o.say)
	if e != nil {
		return back, old, errors.Join(err, fmt.Errorf("and in its old form: %w", e))
	}
	return back, old, fmt.Errorf("did not come up in its new form, and runs in its old one again: %w", err)
}

// comeUp submits a job and waits for its first checkpoint: then every task of it has run, and the ledger's transactions are those of the new form.
func (s *Stack) comeUp(ctx context.Context, j flinksql.Job, f form, begun time.Time, say func(string)) (id string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, comesUp, fmt.Errorf("has no checkpoint within %s", comesUp))
	defer cancel()
	if id, err = s.submit(ctx, j, f); err != nil {
		return id, err
	}
	said := false
	for {
		state, running, err := s.jobTasks(ctx, id)
		switch {
		case ctx.Err() != nil:
			return id, errors.Join(context.Cause(ctx), errors.New(s.jobFailure(context.WithoutCancel(ctx), id)))
		case err != nil:
			return id, err
		case state != "RUNNING" && state != "CREATED" && state != "INITIALIZING":
			return id, fmt.Errorf("is %s: %s", state, s.jobFailure(ctx, id))
		case running && !said:
			said = true
			say(fmt.Sprintf("runs with parallelism %d after %.1f s", f.Parallelism, time.Since(begun).Seconds()))
			if err := s.rest(ctx, http.MethodPost, "/jobs/"+id+"/checkpoints", map[string]any{}, nil); err != nil {
				return id, fmt.Errorf("ask for a checkpoint: %w", err)
			}
		case running:
			own, err := newestState(filepath.Join(s.stateDir(j, "checkpoints"), id))
			if err != nil {
				return id, err
			}
			if own != "" {
				say(fmt.Sprintf("has its first checkpoint after %.1f s", time.Since(begun).Seconds()))
				return id, nil
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(checkEach):
		}
	}
}

// jobTasks is a job's state, and whether every task of it runs.
func (s *Stack) jobTasks(ctx context.Context, id string) (state string, running bool, err error) {
	var answer struct {
		State    string `json:"state"`
		Vertices []struct {
			Parallelism int            `json:"parallelism"`
			Tasks       map[string]int `json:"tasks"`
		} `json:"vertices"`
	}
	if err := s.rest(ctx, http.MethodGet, "/jobs/"+id, nil, &answer); err != nil {
		return "", false, err
	}
	running = answer.State == "RUNNING" && len(answer.Vertices) > 0
	for _, v := range answer.Vertices {
		running = running && v.Tasks["RUNNING"] == v.Parallelism
	}
	return answer.State, running, nil
}

// cancelJob ends a job without a savepoint.
func (s *Stack) cancelJob(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, cancelWithin)
	defer cancel()
	state, err := s.jobState(ctx, id)
	if err == nil && !over(state) {
		err = s.rest(ctx, http.MethodPatch, "/jobs/"+id+"?mode=cancel", nil, nil)
	}
	for err == nil && !over(state) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(checkEach):
		}
		state, err = s.jobState(ctx, id)
	}
	return err
}

// over says whether a job of this state has ended.
func over(state string) bool { return state == "FAILED" || state == "CANCELED" || state == "FINISHED" }
