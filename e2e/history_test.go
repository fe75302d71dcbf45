package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tickcast/tickcast/e2e/rig"
)

// TestThirdPartyHistory lets ccxt ask the exchange and the history API the same questions.
func TestThirdPartyHistory(t *testing.T) {
	t.Parallel()
	missing := t.Skipf
	if os.Getenv("TICKCAST_REQUIRE") != "" {
		missing = t.Fatalf
	}
	clients := filepath.Join("..", "simexchange", "clients")
	if _, err := os.Stat(filepath.Join(clients, "node_modules")); err != nil {
		missing("third-party clients are not installed (npm ci --ignore-scripts in simexchange/clients): %v", err)
	}
	if _, err := exec.LookPath("node"); err != nil {
		missing("third-party clients need Node.js: %v", err)
	}
	p := launch(t, nil, "up", "-c", rig.WriteFile(t, "up.yaml", freePorts), "--data", t.TempDir())
	page, simulator := p.Find(`page +(http://\S+)`)[1], p.Find(`market +simulated, (http://\S+)`)[1]
	time.Sleep(8 * time.Second) // seconds that were computed, and not only seeded
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "history.mjs", simulator, page)
	cmd.Dir = clients
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
