package simexchange

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// victimDir, in the environment, makes TestVictimOfAKill the process that is killed.
const victimDir = "TICKCAST_TEST_VICTIM_DIR"

// TestVictimOfAKill serves a market and saves its snapshot without a pause, so that a kill comes in the midst of saving.
func TestVictimOfAKill(t *testing.T) {
	dir := os.Getenv(victimDir)
	if dir == "" {
		t.Skip("only as a process of TestAKilledSimulatorGoesOnAsIfNothingHadHappened")
	}
	cfg := DefaultConfig()
	cfg.DataDir, cfg.Market.Rate, cfg.Market.Backlog, cfg.Symbols = dir, 50, time.Minute, cfg.Symbols[:1]
	s, err := New(cfg, nil)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	s.life = t.Context()
	s.letGo()
	go s.serve(t.Context())
	go s.publish(t.Context())
	fmt.Println("url", s.URL())
	for {
		if err := s.saveSnapshot(); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
}

func TestAKilledSimulatorGoesOnAsIfNothingHadHappened(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	served := map[int64]recordedTrade{}
	var oldest int64
	for round := range 8 {
		url, kill := startVictim(t, dir)
		if round > 0 {
			resp, err := http.Get(url + fmt.Sprintf("/api/v3/aggTrades?symbol=BTCUSDT&limit=1000&fromId=%d", oldest))
			if err != nil {
				t.Fatal(err)
			}
			var rows []recordedTrade
			err = json.NewDecoder(resp.Body).Decode(&rows)
			resp.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				if was, ok := served[r.AggID]; ok && was != r {
					t.Fatalf("round %d: %+v, before the kill %+v", round, r, was)
				}
				delete(served, r.AggID)
			}
			if len(served) > 0 {
				t.Fatalf("round %d: %d trades that were served are not there any more", round, len(served))
			}
		}
		conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(url, "http")+"/ws/btcusdt@aggTrade", nil)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		oldest = 0
		for range 5 + rand.N(10) {
			_, data, err := conn.ReadMessage()
			if err != nil {
				t.Fatal(err)
			}
			a := decode[recordedTrade](t, data)
			a.Symbol = "" // not in REST's rows
			served[a.AggID] = a
			if oldest == 0 {
				oldest = a.AggID
			}
		}
		kill()
		conn.Close()
	}
}

// startVictim starts the process; kill ends it without giving it a chance to do anything.
func startVictim(t *testing.T, dir string) (url string, kill func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestVictimOfAKill$", "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		cancel() // SIGKILL
		_ = cmd.Wait()
	}
	t.Cleanup(kill)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		switch word, rest, _ := strings.Cut(lines.Text(), " "); word {
		case "url":
			return rest, kill
		case "error":
			t.Fatalf("after a kill: %s", rest)
		}
	}
	t.Fatalf("the process ended: %v", lines.Err())
	return "", nil
}
