package e2e

import (
	"os"
	"os/exec"
	"testing"
)

// busyMarkets has a hundred trades a second on each contract.
const busyMarkets = `
simulator:
  market: {seed: 1, rate: 100}
engine:
  markets:
    BTC-PERP: {price: "65000", qty: "0.05", rate: 100, seed: 1}
`

// TestBrowser runs the page's own tests (web/e2e, headless Chromium) against the whole system: first at its ordinary pace, then under load.
func TestBrowser(t *testing.T) {
	t.Parallel()
	if os.Getenv("TICKCAST_REQUIRE") == "" {
		t.Skip("the page is tested in a browser by `make e2e`, which installs what that needs")
	}
	t.Run("page", func(t *testing.T) { visitPage(t, "") })
	t.Run("busy", func(t *testing.T) { visitPage(t, busyMarkets, "load") })
}

// visitPage runs those of the page's tests whose file has one of these names; all of them without a name.
func visitPage(t *testing.T, config string, names ...string) {
	p := up(t, t.TempDir(), config)
	cmd := exec.Command("npm", append([]string{"run", "--silent", "e2e", "--"}, names...)...)
	cmd.Dir = "../web"
	cmd.Env = append(os.Environ(), "TICKCAST_URL="+p.addrs().http)
	if len(names) > 0 {
		cmd.Env = append(cmd.Env, "TICKCAST_BUSY=1")
	}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}
