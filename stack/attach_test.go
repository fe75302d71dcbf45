package stack

import (
	"io"
	"strings"
	"testing"
)

func TestAttachSaysThatNothingRuns(t *testing.T) {
	cfg := DefaultConfig()
	cfg.DataDir = t.TempDir()
	if _, err := Attach(t.Context(), cfg, io.Discard); err == nil || !strings.Contains(err.Error(), "no stack runs in "+cfg.DataDir) {
		t.Errorf("error %v", err)
	}
}
