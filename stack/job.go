package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	flinksql "github.com/tickcast/tickcast/flink-sql"
)

func partJob(j flinksql.Job) string { return "job-" + string(j) }

const (
	watchEach     = time.Second
	savepointWait = 40 * time.Second // until a job that is stopped has written its savepoint
)

// job submits one SQL job, from its newest retained state, and watches it: a JobManager that was started again knows nothing of it, so it is submitted again.
func (s *Stack) job(j flinksql.Job) *part {
	needs := []string{partTopics, partJobManager}
	for i := range s.cfg.Flink.TaskManagers {
		needs = append(needs, partTaskManager(i+1))
	}
	current := s.form // of this job; an upgrade changes it
	return &part{name: partJob(j), addr: j.Name(), needs: needs, run: func(ctx context.Context, up func()) error {
		id, err := s.submit(ctx, j, current)
		if err != nil {
			return err
		}
		ready, failing := false, false
		seen := "not asked yet" // the state, and why it fails
		for {
			state, err := s.jobState(ctx, id)
			switch {
			case ctx.Err() != nil:
			case err != nil:
				seen = err.Error()
			case !failing:
				seen = state
			}
			switch {
			case ctx.Err() != nil:
				if id == "" { // in the middle of an upgrade: its savepoint is there
					return nil
				}
				if err := s.stopJob(j, id); err != nil || ready {
					return err
				}
				return fmt.Errorf("the job is %s", seen)
			case errors.Is(err, errUnknownJob):
				return err
			case err != nil: // the JobManager is being started again
			case state == "RUNNING" && (!ready || failing):
				if _, running, err := s.jobTasks(ctx, id); err != nil || !running {
					break // Flink says RUNNING before its tasks do
				}
				if !ready {
					ready = true
					up()
				} else {
					_ = s.journal.state(partJob(j), stateReady) // said here; the next change writes it again
				}
				if failing {
					failing = false
					s.say(partJob(j), "", "runs again")
				}
			case state == "RESTARTING" && !failing:
				failing = true
				why := s.jobFailure(ctx, id)
				seen = state + ": " + why
				s.say(partJob(j), "", "fails, and its tasks are started again: "+why)
				if ready {
					_ = s.journal.state(partJob(j), stateFailing)
				}
			case over(state):
				return fmt.Errorf("is %s: %s", state, s.jobFailure(ctx, id))
			case state == "RUNNING":
				if err := s.prune(j, id); err != nil {
					s.say(partJob(j), "", err.Error())
				}
			}
			select {
			case <-ctx.Done():
			case o := <-s.orders[j]:
				_ = s.journal.state(partJob(j), stateUpgrading) // said by the order; the next change writes it again
				id, current, err = s.reform(ctx, j, id, current, o)
				o.done <- err
				if id == "" && ctx.Err() == nil {
					return err
				}
				_ = s.journal.state(partJob(j), stateReady)
			case <-time.After(watchEach):
			}
		}
	}}
}

var errUnknownJob = errors.New("the JobManager does not know it any more")

func (s *Stack) stateDir(j flinksql.Job, kind string) string {
	return filepath.Join(s.flinkDir(), "state", string(j), kind)
}

// submit returns the id of the running job: of one that runs already, or of one that the SQL client makes of the rendered file.
func (s *Stack) submit(ctx context.Context, j flinksql.Job, f form) (string, error) {
	id, err := s.findJob(ctx, j.Name())
	if err != nil || id != "" {
		return id, err
	}
	recover, err := newestState(s.stateDir(j, "checkpoints"), s.stateDir(j, "savepoints"))
	if err != nil {
		return "", err
	}
	p := flinksql.Params{Brokers: s.kafkaAddr(), Checkpoints: "file://" + s.stateDir(j, "checkpoints"), Savepoints: "file://" + s.stateDir(j, "savepoints"), StartMs: time.Now().UnixMilli(), Template: f.SQL[j]}
	if recover != "" {
		p.Recover = "file://" + recover
		s.say(partJob(j), "", "goes on from "+recover)
	}
	sql, err := flinksql.Render(j, s.cat, p)
	if err != nil {
		return "", err
	}
	out, err := s.sqlClient(ctx, string(j), sql, f)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	log := s.logFile(partJob(j))
	if e := os.WriteFile(log, out, 0o644); e != nil {
		return "", fmt.Errorf("write the SQL client's output: %w", e)
	}
	if err != nil {
		return "", fmt.Errorf("submit SQL: %w; its output is in %s: %s", err, log, sqlError(out))
	}
	if id, err = s.findJob(ctx, j.Name()); err == nil && id == "" {
		err = fmt.Errorf("submit SQL: no job came of it; the client's output is in %s: %s", log, sqlError(out))
	}
	return id, err
}

// sqlClient runs a script in Flink's SQL client, in a JVM of its own, and returns what it prints.
func (s *Stack) sqlClient(ctx context.Context, name, sql string, f form) ([]byte, error) {
	file := filepath.Join(s.flinkDir(), "sql", name+".sql")
	if err := writeFiles(map[string]string{file: sql}); err != nil {
		return nil, err
	}
	java, err := s.flinkJava("sql-"+name, []string{"-Xmx400m", "-XX:TieredStopAtLevel=1"}, []string{filepath.Join(s.dist.flinkClient, "*")}, "org.apache.flink.table.client.SqlClient",
		"embedded", "-D", "rest.address=127.0.0.1", "-D", fmt.Sprintf("rest.port=%d", s.cfg.Flink.RestPort), "-D", fmt.Sprintf("parallelism.default=%d", f.Parallelism), "-j", f.Functions, "-f", file)
	if err != nil {
		return nil, err
	}
	java.Dir = s.dataDir
	return runWith(ctx, java)
}

// sqlError is the part of the client's output that says what is wrong.
func sqlError(out []byte) string {
	lines := strings.Split(string(out), "\n")
	for i, l := range lines {
		if strings.Contains(l, "[ERROR]") {
			return strings.TrimSpace(strings.Join(lines[i:min(len(lines), i+4)], " "))
		}
	}
	return "(no error in it)"
}

// findJob is the id of the job of that name that has not ended; empty if there is none.
func (s *Stack) findJob(ctx context.Context, name string) (string, error) {
	var answer struct {
		Jobs []struct {
			ID    string `json:"jid"`
			Name  string `json:"name"`
			State string `json:"state"`
		} `json:"jobs"`
	}
	if err := s.rest(ctx, http.MethodGet, "/jobs/overview", nil, &answer); err != nil {
		return "", err
	}
	for _, job := range answer.Jobs {
		if job.Name == name && !over(job.State) {
			return job.ID, nil
		}
	}
	return "", nil
}

// jobState is a job's. It is taken from the list of all: "/jobs/ID" has the TaskManagers send all of their metrics, and "/jobs/ID/status" answers 500 for a job that is not known.
func (s *Stack) jobState(ctx context.Context, id string) (string, error) {
	var answer struct {
		Jobs []struct{ ID, Status string }
	}
	if err := s.rest(ctx, http.MethodGet, "/jobs", nil, &answer); err != nil {
		return "", err
	}
	for _, job := range answer.Jobs {
		if job.ID == id {
			return job.Status, nil
		}
	}
	return "", errUnknownJob
}

func (s *Stack) jobFailure(ctx context.Context, id string) string {
	var answer struct {
		Root string `json:"root-exception"`
	}
	if err := s.rest(ctx, http.MethodGet, "/jobs/"+id+"/exceptions", nil, &answer); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%.500s", answer.Root)
}

// stopJob stops a job with a savepoint, from which the next start goes on; without one that start goes on from the newest checkpoint.
func (s *Stack) stopJob(j flinksql.Job, id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), savepointWait)
	defer cancel()
	location, err := s.savepoint(ctx, j, id)
	if err != nil {
		s.say(partJob(j), "", fmt.Sprintf("no savepoint: %v", err))
		return nil
	}
	s.say(partJob(j), "", "stopped with "+location)
	return nil
}

// savepoint stops a job and returns where its savepoint is.
func (s *Stack) savepoint(ctx context.Context, j flinksql.Job, id string) (string, error) {
	var trigger struct {
		ID string `json:"request-id"`
	}
	if err := s.rest(ctx, http.MethodPost, "/jobs/"+id+"/stop", map[string]any{"targetDirectory": "file://" + s.stateDir(j, "savepoints"), "drain": false}, &trigger); err != nil {
		return "", err
	}
	for {
		var answer struct {
			Status    struct{ ID string }
			Operation struct {
				Location string
				Failure  struct {
					Class string
				} `json:"failure-cause"`
			}
		}
		if err := s.rest(ctx, http.MethodGet, "/jobs/"+id+"/savepoints/"+trigger.ID, nil, &answer); err != nil {
			return "", err
		}
		if answer.Status.ID == "COMPLETED" {
			if answer.Operation.Location == "" {
				return "", fmt.Errorf("%s; the JobManager's log says more", answer.Operation.Failure.Class)
			}
			return answer.Operation.Location, nil
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(checkEach):
		}
	}
}

// newestState is the folder of the newest whole checkpoint or savepoint below the given ones; empty if there is none. A checkpoint is whole when its _metadata is there, which is written last.
func newestState(dirs ...string) (newest string, err error) {
	var at time.Time
	for _, dir := range dirs {
		err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || e.Name() != "_metadata" {
				return err
			}
			st, err := e.Info()
			if err == nil && st.ModTime().After(at) {
				newest, at = filepath.Dir(path), st.ModTime()
			}
			return err
		})
		if err != nil {
			return "", fmt.Errorf("look for a job's state: %w", err)
		}
	}
	return newest, nil
}

// olderThan says whether a state is whole and older than another one: a savepoint that is being written is what the job will go on from, even if nobody waits for it any more.
func olderThan(metadata, other string) bool {
	a, err1 := os.Stat(metadata)
	b, err2 := os.Stat(filepath.Join(other, "_metadata"))
	return err1 == nil && err2 == nil && a.ModTime().Before(b.ModTime())
}

// prune removes the states of earlier runs of a job once this run has one of its own: the first checkpoint after a recovery needs no file of the one before
// (execution.state-recovery.claim-mode, whose default is NO_CLAIM).
func (s *Stack) prune(j flinksql.Job, id string) error {
	checkpoints, savepoints := s.stateDir(j, "checkpoints"), s.stateDir(j, "savepoints")
	own, err := newestState(filepath.Join(checkpoints, id))
	if err != nil || own == "" {
		return err
	}
	for _, dir := range []string{checkpoints, savepoints} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove old states: %w", err)
		}
		for _, e := range entries {
			if e.Name() == id || dir == savepoints && !olderThan(filepath.Join(dir, e.Name(), "_metadata"), own) {
				continue
			}
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("remove old states: %w", err)
			}
		}
	}
	return nil
}
