package e2e

import (
	"os"
	"os/exec"
	"testing"
)

// TestBrowser runs the page's own tests (web/e2e, headless Chromium) against the whole system.
func TestBrowser(t *testing.T) {
	t.Parallel()
	if os.Getenv("TICKCAST_REQUIRE") == "" {
		t.Skip("the page is tested in a browser by `make e2e`, which installs what that needs")
	}
	p := up(t, t.TempDir(), "")
	cmd := exec.Command("npm", "run", "--silent", "e2e")
	cmd.Dir = "../web"
	cmd.Env = append(os.Environ(), "TICKCAST_URL="+p.addrs().http, "TICKCAST_SHOTS="+t.TempDir())
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}
