package bridge

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

// That a job began again at its checkpoint is told with the number of versions that came again, each ten seconds and only while some do; what a start reads twice is not.
func TestOldVersionsAreTold(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	f := &forwarder{Bridge: &Bridge{log: slog.New(slog.NewTextHandler(&out, nil))}}
	at := time.UnixMilli(1_700_000_000_000)
	f.old.Store(50) // of the start
	for second, old := range []int64{0: 50, 1: 70, 9: 90, 10: 100, 11: 120, 19: 120, 20: 120, 30: 120, 40: 121} {
		if old > 0 {
			f.old.Store(old)
		}
		f.tell(at.Add(time.Duration(second) * time.Second))
	}
	var told []string
	for line := range strings.Lines(out.String()) {
		_, n, _ := strings.Cut(strings.TrimSpace(line), "records=")
		told = append(told, n)
	}
	if got := strings.Join(told, " "); got != "50 20 1" {
		t.Errorf("told %q of\n%s", got, out.String())
	}
}
