package store

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tickcast/tickcast/market"
)

// TestAPostgresOutOfDiskLosesNothing fills the file system that the server's data are on. The store says so and tries again, and goes on when there is room.
func TestAPostgresOutOfDiskLosesNothing(t *testing.T) {
	needPostgres(t)
	disk, err := os.MkdirTemp("", "tickcast-small-disk-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(disk)
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=160m,mode=755"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	}()
	t.Setenv("TMPDIR", disk) // where newPostgres makes its folder
	server, err := newPostgres("-c", "max_wal_size=32MB", "-c", "min_wal_size=32MB")
	if err != nil {
		t.Fatal(err)
	}
	defer server.remove()
	t.Setenv("TMPDIR", "")
	c := newCluster(t, 2, nil)
	cfg := server.database(t, "tickcast")
	cfg.Kafka = c.cfg
	var log syncBuffer
	s, stop := run(t, cfg, slog.New(slog.NewTextHandler(&log, nil)))
	defer stop()

	var all []market.CandleMessage
	more := func(n int) {
		t.Helper()
		from := len(all)
		for range n {
			seq := int64(len(all) + 1)
			all = append(all, candle("BTCUSDT", market.Period1s, seq*1000, 3, seq))
		}
		c.produce(t, all[from:]...)
		c.flush(t)
	}
	stored := func() int64 { return s.Stats().Written }
	until := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: not within %s; %d of %d stored\n%.3000s", what, patience, stored(), len(all), log.String())
			}
		}
	}
	more(500)
	until("the first candles", func() bool { return stored() == int64(len(all)) })

	ballast := filepath.Join(disk, "ballast")
	fill(t, ballast)
	more(20_000) // more than what is left of the server's files takes
	until("the error", func() bool {
		return strings.Contains(log.String(), "candles are not stored yet; trying again") && strings.Contains(log.String(), "No space left on device")
	})
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	more(100)
	var got []market.CandleMessage
	until("every candle", func() bool {
		got, err = s.DB().Candles(t.Context(), market.CandleRange{Contract: "BTCUSDT", Period: market.Period1s, FromMs: 0, ToMs: int64(len(all)+1) * 1000, Limit: len(all) + 1})
		return err == nil && len(got) == len(all)
	})
	for i := range got {
		if got[i].OpenMs != all[i].OpenMs || got[i].Seq != all[i].Seq {
			t.Fatalf("candle %d is %+v, want %+v", i, got[i], all[i])
		}
	}
}

// fill writes a file until the file system is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for chunk := make([]byte, 1<<20); len(chunk) > 0; {
		if _, err := f.Write(chunk); err != nil {
			chunk = chunk[:len(chunk)/2] // down to the last byte
		}
	}
}
