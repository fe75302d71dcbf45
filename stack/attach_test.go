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

func TestAttachRefusesAStackWithoutFlink(t *testing.T) {
	cfg := DefaultConfig()
	cfg.DataDir, cfg.CacheDir = t.TempDir(), "/nowhere" // nothing is fetched for that
	if _, err := newJournal(cfg.DataDir, []*part{{name: partKafka, addr: "127.0.0.1:19092"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := Attach(t.Context(), cfg, io.Discard); err == nil || err.Error() != "the stack in "+cfg.DataDir+" runs without Flink" {
		t.Errorf("error %v", err)
	}
}
