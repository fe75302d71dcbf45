package stack

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Another parallelism under load, and back: no client sees a version go back, and the ledger has each candle once. Functions that are none do not come up, and the jobs go on in their old form.
func TestAnUpgradeChangesTheParallelismUnderLoad(t *testing.T) {
	set := need(t)
	m, id, cl := randomMarket(t)
	was := m.parallelism("tickcast-candles")
	for _, p := range []int{2 * was, was} {
		begun := time.Now()
		out, err := exec.Command(binary, "stack", "upgrade", "--data", set.dataDir, "--parallelism", fmt.Sprint(p)).CombinedOutput()
		t.Logf("to parallelism %d:\n%s", p, out)
		if err != nil {
			t.Fatal(err)
		}
		for _, job := range []string{"tickcast-candles", "tickcast-books"} {
			if is := m.parallelism(job); is != p {
				t.Errorf("%s has parallelism %d, want %d", job, is, p)
			}
		}
		awaitCandleOf(t, cl, id, time.Now())
		logPause(t, cl, id, begun)
	}
	t.Run("functions that are none", func(t *testing.T) {
		none := t.TempDir() + "/none.jar"
		writeJar(t, none)
		out, err := exec.Command(binary, "stack", "upgrade", "--data", set.dataDir, "--functions", none).CombinedOutput()
		t.Logf("%s", out)
		for _, want := range []string{"does not come up, goes back", "runs in its old one again", "io.tickcast.flink"} {
			if err == nil || !strings.Contains(string(out), want) {
				t.Errorf("%v: does not say %q", err, want)
			}
		}
		awaitCandleOf(t, cl, id, time.Now())
	})
	t.Run("more than there are slots", func(t *testing.T) {
		out, err := exec.Command(binary, "stack", "upgrade", "--data", set.dataDir, "--parallelism", "100").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "flink.slots: 2 jobs with parallelism 100 need 200 slots") {
			t.Errorf("%v: %s", err, out)
		}
	})
	cl.NoStepBack()
	m.checkParity(id)
}

// parallelism is that of a running job's function.
func (m *system) parallelism(job string) (most int) {
	m.t.Helper()
	get := func(path string, into any) {
		res, err := http.Get(m.address("jobmanager") + path)
		if err != nil {
			m.t.Fatal(err)
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(into); err != nil {
			m.t.Fatal(err)
		}
	}
	var all struct {
		Jobs []struct{ JID, Name, State string }
	}
	get("/jobs/overview", &all)
	for _, j := range all.Jobs {
		if j.Name != job || j.State != "RUNNING" {
			continue
		}
		var one struct {
			Vertices []struct{ Parallelism int }
		}
		get("/jobs/"+j.JID, &one)
		for _, v := range one.Vertices {
			most = max(most, v.Parallelism)
		}
	}
	return most
}

// writeJar writes a jar without a class.
func writeJar(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	if _, err = z.Create("META-INF/"); err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
