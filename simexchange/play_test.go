package simexchange

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tickcast/tickcast/market"
)

func recordingConfig(speed float64) func(*Config) {
	return func(c *Config) {
		c.Symbols = c.Symbols[:1]
		c.Recording = &RecordingConfig{Times: "kept", Speed: speed, WaitForSubscriber: true,
			Markets: []Recording{{Symbol: "BTCUSDT", AggTrades: []string{recordedTrades}, Klines: recordedKlines}}}
	}
}

// The stream as fast as it is read: every trade once, each minute closed exactly once and equal to the exchange's own kline.
func TestRecordingPlaysCompletely(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var sent []int64
	s := start(t, func(c *Config) {
		recordingConfig(0)(c)
		c.WebSocket.Queue = 4 // less than there is to send: it waits for its reader
		c.OnSend = func(symbol string, aggID int64, at time.Time) {
			mu.Lock()
			defer mu.Unlock()
			sent = append(sent, aggID)
		}
	})
	if body, _ := get(t, s, "/api/v3/time"); body != `{"serverTime":1577977823305}` {
		t.Errorf("the clock before the start: %s", body)
	}
	conn := dial(t, s, "/stream?streams=btcusdt@kline_1m/btcusdt@aggTrade")
	want := int64(202790190)
	closed := map[int64]string{}
	for want <= 202791189 {
		f := decode[streamFrame](t, []byte(readText(t, conn)))
		if strings.HasSuffix(f.Stream, "@aggTrade") {
			if a := decode[recordedTrade](t, f.Data); a.AggID != want {
				t.Fatalf("trade %d, want %d", a.AggID, want)
			}
			want++
			continue
		}
		if k := decode[wireKline](t, f.Data); k.K.X {
			if closed[k.K.T0] != "" {
				t.Errorf("minute %d is closed twice", k.K.T0)
			}
			closed[k.K.T0] = k.row()
		}
	}
	file, err := os.ReadFile(recordedKlines)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(file))
	for _, line := range lines {
		f := strings.Split(line, ",")
		var open int64
		fmt.Sscan(f[0], &open)
		row := fmt.Sprintf(`[%s,"%s","%s","%s","%s","%s",%s,"%s",%s,"%s","%s","0"]`, f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[9], f[10])
		if closed[open] != row {
			t.Errorf("stream %s\n  want %s", closed[open], row)
		}
		if body, _ := get(t, s, "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=1&startTime="+f[0]); body != "["+row+"]" {
			t.Errorf("REST %s\nwant %s", body, row)
		}
	}
	if len(closed) != len(lines) {
		t.Errorf("%d minutes closed, want %d", len(closed), len(lines))
	}
	mu.Lock()
	defer mu.Unlock()
	if len(sent) != 1000 || sent[0] != 202790190 {
		t.Errorf("OnSend saw %d trades", len(sent))
	}
}

func TestRecordingPreloadedIsAllThere(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { recordingConfig(1)(c); c.Recording.Preload = true })
	rows := getRows[recordedTrade](t, s, "/api/v3/aggTrades?symbol=BTCUSDT&fromId=202790190&limit=1000")
	if len(rows) != 1000 || rows[999].AggID != 202791189 {
		t.Errorf("%d rows", len(rows))
	}
	days := getRows[[]any](t, s, "/api/v3/klines?symbol=BTCUSDT&interval=1d&limit=1000")
	if len(days) != historyDays+1 {
		t.Errorf("%d days", len(days))
	}
}

func TestRecordingMovedToNow(t *testing.T) {
	t.Parallel()
	before := time.Now().UnixMilli()
	s := start(t, func(c *Config) { recordingConfig(1)(c); c.Recording.Times = "moved" })
	first := getRows[recordedTrade](t, s, "/api/v3/aggTrades?symbol=BTCUSDT&fromId=1&limit=1")
	if len(first) != 1 {
		t.Fatal("the recording has not begun")
	}
	shift := first[0].TimeMs - 1577977823305
	if first[0].AggID != 202790190 || shift%market.MinuteMs != 0 || first[0].TimeMs < before-market.MinuteMs || first[0].TimeMs > time.Now().UnixMilli() {
		t.Errorf("first trade %+v at %d", first[0], before)
	}
}

func TestIDsAndTimesGoOnAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := DefaultConfig()
	cfg.DataDir, cfg.Market.Rate, cfg.Market.Backlog = dir, 50, time.Minute
	run := func(check func(*Server)) {
		s, err := New(cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		check(s)
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	const path = "/api/v3/aggTrades?symbol=BTCUSDT&limit=1000"
	var before []recordedTrade
	var book recordedDepth
	const depth = "/api/v3/depth?symbol=BTCUSDT&limit=20"
	run(func(s *Server) {
		conn := dial(t, s, "/ws/btcusdt@aggTrade")
		for range 30 {
			a := decode[recordedTrade](t, []byte(readText(t, conn)))
			a.Symbol = ""
			before = append(before, a)
		}
		book = getDepth(t, s, depth)
	})
	run(func(s *Server) {
		if now := getDepth(t, s, depth); now.SnapshotID < book.SnapshotID || now.SnapshotID > book.SnapshotID+1_000_000 || len(now.Bids) != 20 {
			t.Errorf("update id %d after the restart, %d before", now.SnapshotID, book.SnapshotID)
		}
		var after []recordedTrade
		for end := time.Now().Add(20 * time.Second); len(after) <= len(before) && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			after = getRows[recordedTrade](t, s, path+fmt.Sprintf("&fromId=%d", before[0].AggID)) // the market may be quiet for a moment
		}
		for i := range before {
			if after[i] != before[i] {
				t.Fatalf("%+v after the restart, %+v before", after[i], before[i])
			}
		}
		if next := after[len(before)]; next.AggID != before[29].AggID+1 || next.FirstID != before[29].LastID+1 || next.TimeMs < before[29].TimeMs {
			t.Errorf("%+v follows %+v", next, before[29])
		}
	})
	if err := os.WriteFile(dir+"/"+snapshotFile, []byte("broken"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := New(cfg, nil); err == nil || !strings.Contains(err.Error(), "data_dir: ") || !strings.Contains(err.Error(), snapshotFile) {
		t.Errorf("broken snapshot: %v", err)
	}
}
