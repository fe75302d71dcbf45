package stack

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestABrokerIsBelievedInForAnHourUnlessItCrashed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		files []string
		again bool
		want  time.Duration
	}{
		{"new", nil, false, brokerSession},
		{"ended in order", []string{"meta.properties", ".kafka_cleanshutdown"}, false, brokerSession},
		{"crashed", []string{"meta.properties"}, false, brokerSessionAfterCrash},
		{"died under this supervisor, although in order", []string{"meta.properties", ".kafka_cleanshutdown"}, true, brokerSessionAfterCrash},
		{"died before it was formatted", nil, true, brokerSession},
	} {
		dir := t.TempDir()
		for _, f := range c.files {
			if err := os.WriteFile(filepath.Join(dir, f), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := sessionOf(dir, c.again); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
