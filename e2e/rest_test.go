package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/e2e/rig"
)

// At rest (no client, 100 trades a second over the four shipped contracts) all roles together take less than 40 % of a core. TICKCAST_REST (or `make rest`) says
// how often a new process is measured for a minute; the median counts. The exchange is outside, its share beside it.
func TestAtRestIsCheap(t *testing.T) {
	v := os.Getenv("TICKCAST_REST")
	if v == "" {
		t.Skip("TICKCAST_REST says how many runs; make rest does three, a minute and a half each")
	}
	runs, err := strconv.Atoi(v)
	if err != nil {
		t.Fatalf("TICKCAST_REST: %v", err)
	}
	var percent []float64
	for i := range runs {
		percent = append(percent, atRest(t, i == runs-1))
	}
	if m := medianOf(percent); m >= 40 || m != m {
		t.Errorf("at rest: %.1f %% of a core, want below 40", m)
	}
}

func atRest(t *testing.T, profile bool) (percent float64) {
	const settle, length, rate = 10 * time.Second, 60 * time.Second, 25
	exchange := launch(t, nil, "simexchange", "-c", rig.WriteFile(t, "simexchange.yaml", fmt.Sprintf("simulator: {listen: 127.0.0.1:0, market: {seed: 1, rate: %d}}\n", rate)))
	p := up(t, t.TempDir(), outside(t, exchange)+fmt.Sprintf("engine: {markets: {BTC-PERP: {price: \"65000\", qty: \"0.05\", rate: %d, seed: 1}}}\n", rate), "--pprof", "127.0.0.1:0")
	p.addrs()
	p.Find("history is ready")
	p.Find("the engine trades")
	time.Sleep(settle)
	cpu, client, outer, begun := p.cpu(t), p.threadCPU(t, "rdk:"), exchange.cpu(t), time.Now()
	time.Sleep(length)
	span := time.Since(begun)
	share := func(d time.Duration) float64 { return 100 * d.Seconds() / span.Seconds() }
	percent = share(p.cpu(t) - cpu)
	t.Logf("%.1f %% of a core, of it %.1f in the threads of Kafka's client; the exchange, outside: %.1f", percent, share(p.threadCPU(t, "rdk:")-client), share(exchange.cpu(t)-outer))
	if profile {
		cmd := exec.Command("go", "tool", "pprof", "-tags", "-seconds", "10", p.profiles()+"profile")
		cmd.Env = append(os.Environ(), "PPROF_TMPDIR="+t.TempDir())
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("profile: %v\n%s", err, out)
		}
		t.Logf("by role, without those threads:\n%s", out)
	}
	p.Stop()
	exchange.Stop()
	return percent
}

// threadCPU is the processor time of the threads whose name begins so.
func (p *process) threadCPU(t testing.TB, prefix string) (sum time.Duration) {
	t.Helper()
	stats, err := filepath.Glob(p.proc("task/*/stat"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		if _, name, _ := strings.Cut(string(b), "("); strings.HasPrefix(name, prefix) {
			sum += cpuOf(t, b)
		}
	}
	return sum
}
