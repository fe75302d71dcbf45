package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/datadir"
	flinksql "github.com/tickcast/tickcast/flink-sql"
)

// Stack is made by New, which fetches and checks all that is needed, and runs in Run.
type Stack struct {
	cfg       Config
	dataDir   string // absolute: each part has a working folder of its own
	functions string // absolute
	cat       *catalog.Catalog
	tools     tools
	dist      dist
	lock      *os.File
	parts     []*part // in the order of starting; each needs earlier ones only
	journal   *journal
	ready     chan struct{}

	parallelism atomic.Int64 // of the jobs as they run: form's
	form        form         // of the jobs that are started; of those that run while upgrading is held
	upgrading   sync.Mutex
	orders      map[flinksql.Job]chan order

	mu  sync.Mutex // of out: parts say things at the same time
	out io.Writer
}

// New takes the data folder, ends what a crash has left behind, and sees that programs, artifacts and ports are there. What it does is said on out, a line per part.
func New(ctx context.Context, cfg Config, out io.Writer) (_ *Stack, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Stack{cfg: cfg, out: out, ready: make(chan struct{}), orders: map[flinksql.Job]chan order{}}
	if s.dataDir, err = filepath.Abs(cfg.DataDir); err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	if cfg.runsFlink() {
		if s.functions, err = cfg.Flink.functionsJar(); err != nil {
			return nil, err
		}
	}
	if s.cat, err = catalog.Load("", "", catalog.Stack); err != nil {
		return nil, err
	}
	if s.tools, err = findTools(ctx, cfg.Java, cfg.runsStores()); err != nil {
		return nil, err
	}
	if s.lock, err = datadir.Lock(s.dataDir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.lock.Close()
		}
	}()
	if err := cleanLeftovers(s.dataDir, out); err != nil {
		return nil, err
	}
	if err := s.cfg.takePorts(); err != nil {
		return nil, err
	}
	if s.dist, err = fetchAll(ctx, cfg.CacheDir, cfg.runsFlink(), s.tools, out); err != nil {
		return nil, err
	}
	if err := keepOldLogs(filepath.Join(s.dataDir, "logs")); err != nil {
		return nil, err
	}
	if cfg.runsFlink() {
		if s.form, err = s.firstForm(); err != nil {
			return nil, err
		}
		s.parallelism.Store(int64(s.form.Parallelism))
	}
	if err := s.choose(); err != nil {
		return nil, err
	}
	s.journal, err = newJournal(s.dataDir, s.parts)
	return s, err
}

// choose makes the parts that are to run.
func (s *Stack) choose() error {
	if s.cfg.runsStores() {
		postgres, err := s.postgres()
		if err != nil {
			return err
		}
		s.parts = append(s.parts, postgres, s.redis())
	}
	s.parts = append(s.parts, s.kafka())
	if s.cfg.runsFlink() {
		s.parts = append(s.parts, s.jobManager())
		for i := range s.cfg.Flink.TaskManagers {
			s.parts = append(s.parts, s.taskManager(i+1))
		}
	}
	s.parts = append(s.parts, s.topics())
	if s.cfg.runsFlink() {
		for _, j := range flinksql.Jobs() {
			s.orders[j] = make(chan order)
			s.parts = append(s.parts, s.job(j))
		}
	}
	if !s.cfg.runsRoles() {
		return nil
	}
	roles, err := s.roles()
	s.parts = append(s.parts, roles...)
	return err
}

// keepOldLogs moves the logs of the run before aside, one generation.
func keepOldLogs(dir string) error {
	if err := os.RemoveAll(dir + ".old"); err != nil {
		return fmt.Errorf("remove old logs: %w", err)
	}
	if err := os.Rename(dir, dir+".old"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("keep old logs: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of logs: %w", err)
	}
	return nil
}

// Ready is closed when every part has answered.
func (s *Stack) Ready() <-chan struct{} { return s.ready }

// Config is the configuration with the ports that were taken.
func (s *Stack) Config() Config { return s.cfg }

func (s *Stack) say(name, addr, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line(s.out, name, addr, what)
}

// Run starts every part as soon as those that it needs are ready, and keeps them running until ctx ends or a part cannot be started. They stop in reverse.
func (s *Stack) Run(ctx context.Context) error {
	defer s.lock.Close()
	begun := time.Now()
	type running struct {
		ctx   context.Context
		stop  context.CancelFunc
		ready chan struct{}
		done  chan struct{}
	}
	failed := make(chan error, len(s.parts)+1)
	runs := map[string]*running{}
	for _, p := range s.parts {
		partCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
		runs[p.name] = &running{ctx: partCtx, stop: stop, ready: make(chan struct{}), done: make(chan struct{})}
	}
	for _, p := range s.parts {
		go func() {
			r := runs[p.name]
			defer close(r.done)
			for _, need := range p.needs {
				select {
				case <-runs[need].ready:
				case <-r.ctx.Done():
					return
				}
			}
			if err := s.keep(r.ctx, p, r.ready); err != nil {
				failed <- fmt.Errorf("%s: %w", p.name, err)
			}
		}()
	}
	controlled := make(chan struct{})
	controlCtx, stopControl := context.WithCancel(ctx)
	defer stopControl()
	go func() {
		defer close(controlled)
		if err := s.control(controlCtx); err != nil {
			failed <- err
		}
	}()
	allReady := make(chan struct{})
	go func() {
		defer close(allReady)
		for _, p := range s.parts {
			select {
			case <-runs[p.name].ready:
			case <-runs[p.name].done:
				return // it failed, or the stack stops
			}
		}
		s.say("all", "", fmt.Sprintf("ready after %.1f s", time.Since(begun).Seconds()))
		close(s.ready)
	}()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	stopControl()
	<-controlled
	for i := len(s.parts) - 1; i >= 0; i-- { // who needs a part has stopped before it
		r := runs[s.parts[i].name]
		begun := time.Now()
		select {
		case <-r.done:
		default:
			r.stop()
			<-r.done
			s.say(s.parts[i].name, s.parts[i].addr, fmt.Sprintf("stopped after %.1f s", time.Since(begun).Seconds()))
		}
		r.stop()
	}
	<-allReady
	select {
	case e := <-failed:
		if err == nil && ctx.Err() == nil {
			err = e
		}
	default:
	}
	return err
}
