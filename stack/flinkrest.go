package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// statusError is an answer of the JobManager that is not 2xx.
type statusError struct {
	code int
	text string
}

func (e statusError) Error() string { return e.text }

// rest calls the JobManager's REST API (https://nightlies.apache.org/flink/flink-docs-release-2.3/docs/ops/rest_api/). in and out may be nil.
func (s *Stack) rest(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.restAddr()+path, body)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode/100 != 2 {
		return statusError{res.StatusCode, fmt.Sprintf("%s %s: %s: %.500s", method, path, res.Status, answer)}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// taskManagers are the ids of those that are registered.
func (s *Stack) taskManagers(ctx context.Context) ([]string, error) {
	var answer struct {
		TaskManagers []struct {
			ID string `json:"id"`
		} `json:"taskmanagers"`
	}
	if err := s.rest(ctx, http.MethodGet, "/taskmanagers", nil, &answer); err != nil {
		return nil, err
	}
	var ids []string
	for _, t := range answer.TaskManagers {
		ids = append(ids, t.ID)
	}
	return ids, nil
}
