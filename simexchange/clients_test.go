package simexchange

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestThirdPartyClients lets programs that others wrote for Binance read trades, klines, books and tickers, over REST and WebSocket, and compare the two.
func TestThirdPartyClients(t *testing.T) {
	t.Parallel()
	missing := t.Skipf
	if os.Getenv("TICKCAST_REQUIRE") != "" {
		missing = t.Fatalf
	}
	if _, err := os.Stat("clients/node_modules"); err != nil {
		missing("third-party clients are not installed (npm ci --ignore-scripts in simexchange/clients): %v", err)
	}
	if _, err := exec.LookPath("node"); err != nil {
		missing("third-party clients need Node.js: %v", err)
	}
	s := start(t, func(c *Config) { c.Symbols[1].Rate = 2 })
	for _, script := range []string{"binance-spot.mjs", "ccxt.mjs", "node-binance-api.mjs"} {
		t.Run(strings.TrimSuffix(script, ".mjs"), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "node", script, s.URL())
			cmd.Dir = "clients"
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			t.Logf("%s", out)
		})
	}
}
