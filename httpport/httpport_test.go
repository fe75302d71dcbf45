package httpport_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tickcast/tickcast/httpport"
)

func TestARequestUnderWayIsFinishedAndTheProbesAreTrue(t *testing.T) {
	t.Parallel()
	var ready atomic.Bool
	began, finish := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
		close(began)
		<-finish
		io.WriteString(w, "done")
	})
	httpport.Probes(mux, ready.Load, "not yet")
	p, err := httpport.Listen("127.0.0.1:0", mux, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx, time.Minute) }()
	client := &http.Client{Transport: &http.Transport{}}
	get := func(path string) (int, string) {
		resp, err := client.Get("http://" + p.Addr().String() + path)
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		return resp.StatusCode, string(b)
	}
	if code, text := get("/health/ready"); code != http.StatusServiceUnavailable || text != "not yet\n" {
		t.Errorf("%d %q", code, text)
	}
	ready.Store(true)
	for path, want := range map[string]string{"/health/ready": "ready\n", "/health/live": "live\n"} {
		if code, text := get(path); code != http.StatusOK || text != want {
			t.Errorf("%s: %d %q", path, code, text)
		}
	}
	answer := make(chan string, 1)
	go func() {
		_, text := get("/slow")
		answer <- text
	}()
	<-began
	stop()
	select {
	case err := <-ended:
		t.Errorf("it ended before the request: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(finish)
	if text := <-answer; text != "done" {
		t.Errorf("the request under way got %q", text)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
