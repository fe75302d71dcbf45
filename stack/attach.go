package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tickcast/tickcast/catalog"
	flinksql "github.com/tickcast/tickcast/flink-sql"
)

// Running is a stack that another process runs.
type Running struct {
	Brokers string // Kafka

	s *Stack
}

// Attach finds the stack of the configuration's data folder; its ports are those that it took.
func Attach(ctx context.Context, cfg Config, out io.Writer) (*Running, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	st, running, err := ReadStatus(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	if !running {
		return nil, fmt.Errorf("no stack runs in %s (`tickcast stack up` starts one)", cfg.DataDir)
	}
	s := &Stack{cfg: cfg, out: out}
	if !slices.ContainsFunc(st.Parts, func(p PartStatus) bool { return p.Name == partJobManager }) {
		return nil, fmt.Errorf("the stack in %s runs without Flink", cfg.DataDir)
	}
	for _, p := range st.Parts {
		var port *int
		switch p.Name {
		case partKafka:
			port = &s.cfg.Kafka.Port
		case partJobManager:
			port = &s.cfg.Flink.RestPort
		default:
			continue
		}
		u, err := url.Parse("//" + strings.TrimPrefix(p.Address, "http://"))
		if err == nil {
			*port, err = strconv.Atoi(u.Port())
		}
		if err != nil {
			return nil, fmt.Errorf("the stack's state says of %s: %w", p.Name, err)
		}
	}
	if s.dataDir, err = filepath.Abs(cfg.DataDir); err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	if s.functions, err = cfg.Flink.functionsJar(); err != nil {
		return nil, err
	}
	if s.cat, err = catalog.Load("", "", catalog.Stack); err != nil {
		return nil, err
	}
	if s.tools, err = findTools(ctx, cfg.Java, false); err != nil {
		return nil, err
	}
	if s.dist, err = fetchAll(ctx, cfg.CacheDir, true, s.tools, out); err != nil {
		return nil, err
	}
	return &Running{Brokers: s.kafkaAddr(), s: s}, nil
}

// RunToEnd runs a job that ends, and waits for it. It needs as many free slots as its parallelism.
func (r *Running) RunToEnd(ctx context.Context, j flinksql.Job) error {
	sql, err := flinksql.Render(j, r.s.cat, flinksql.Params{Brokers: r.Brokers, StartMs: time.Now().UnixMilli()})
	if err != nil {
		return err
	}
	out, err := r.s.sqlClient(ctx, string(j), sql, form{Parallelism: r.s.cfg.Flink.Parallelism, Functions: r.s.functions})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err == nil && strings.Contains(string(out), "[ERROR]") {
		err = errors.New("the SQL client says so")
	}
	if err != nil {
		return fmt.Errorf("job %s: %w: %s", j.Name(), err, sqlError(out))
	}
	return nil
}
