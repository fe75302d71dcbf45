//go:build linux

package stackbench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	flinksql "github.com/tickcast/tickcast/flink-sql"
)

// flinkJob is a job as Flink's REST interface tells of it.
type flinkJob struct {
	id      string
	running time.Time // since
}

// call asks Flink's REST interface.
func (s *system) call(ctx context.Context, method, path string, body, answer any) error {
	var in bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&in).Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, s.flink+path, &in)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask Flink: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 500)) // what there is of it
		return fmt.Errorf("ask Flink: %s: %s: %s", path, res.Status, text)
	}
	return json.NewDecoder(res.Body).Decode(answer)
}

// candlesJob finds the running job of candles.
func (s *system) candlesJob(ctx context.Context) (flinkJob, error) {
	var all struct {
		Jobs []struct{ Jid, Name, State string }
	}
	if err := s.call(ctx, http.MethodGet, "/jobs/overview", nil, &all); err != nil {
		return flinkJob{}, err
	}
	for _, j := range all.Jobs {
		if j.Name != flinksql.Candles.Name() || j.State != "RUNNING" {
			continue
		}
		var job struct {
			Timestamps map[string]int64
		}
		err := s.call(ctx, http.MethodGet, "/jobs/"+j.Jid, nil, &job)
		return flinkJob{j.Jid, time.UnixMilli(job.Timestamps["RUNNING"])}, err
	}
	return flinkJob{}, fmt.Errorf("no job %s runs in Flink", flinksql.Candles.Name())
}

// checkpoint has one made, and waits for it.
func (s *system) checkpoint(ctx context.Context, job string) error {
	var trigger struct {
		ID string `json:"request-id"`
	}
	if err := s.call(ctx, http.MethodPost, "/jobs/"+job+"/checkpoints", map[string]string{"checkpointType": "CONFIGURED"}, &trigger); err != nil {
		return err
	}
	for {
		var answer struct {
			Status    struct{ ID string }
			Operation struct {
				Failure *struct{ Class string } `json:"failureCause"`
			}
		}
		if err := s.call(ctx, http.MethodGet, "/jobs/"+job+"/checkpoints/"+trigger.ID, nil, &answer); err != nil {
			return err
		}
		switch {
		case answer.Operation.Failure != nil:
			return fmt.Errorf("checkpoint of Flink: %s", answer.Operation.Failure.Class)
		case answer.Status.ID == "COMPLETED":
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
