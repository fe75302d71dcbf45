package stack

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tickcast/tickcast/e2e/rig"
)

// A JobManager that is killed takes the jobs with it. The next one is given their SQL again with the newest retained checkpoint: what the jobs had written since, they write again, under the
// same versions. No client sees one go back, and the ledger has each candle once.
func TestTheJobManagerIsKilled(t *testing.T) {
	set := need(t)
	m, id, cl := randomMarket(t)
	time.Sleep(checkpointEvery) // otherwise the jobs may begin at the logs' start, which would show less
	job, err := set.part("job-candles")
	if err != nil {
		t.Fatal(err)
	}
	manager, err := set.part("jobmanager")
	if err != nil || !manager.Alive() {
		t.Fatalf("the JobManager does not run: %v", err)
	}
	if err := syscall.Kill(manager.Process.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	for deadline := killed.Add(restartLimit); ; time.Sleep(200 * time.Millisecond) {
		now, err := set.part("job-candles")
		if err != nil {
			t.Fatal(err)
		}
		ok, err := set.ready()
		if ok && now.Restarts > job.Restarts {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s after the JobManager's death: %v", restartLimit, err)
		}
	}
	t.Logf("the jobs run again after %s", time.Since(killed).Round(100*time.Millisecond))
	awaitCandleOf(t, cl, id, time.Now())
	logPause(t, cl, id, killed)
	cl.NoStepBack()
	if report := m.checkParity(id); report.Old == 0 {
		t.Error("nothing was written again: the test has shown nothing")
	}
}

// An orderly stop writes savepoints, from which the next start goes on. The source, the bridge and the client stay and find the servers again.
func TestTheServersStopAndStartAgain(t *testing.T) {
	set := need(t)
	if set.config == "" {
		t.Skip("the servers are not ours to stop")
	}
	m, id, cl := randomMarket(t)
	said := len(set.output())
	begun := time.Now()
	if err := set.stop(); err != nil {
		t.Fatal(err)
	}
	stopped := time.Now()
	if err := set.start(); err != nil {
		t.Fatal(err)
	}
	t.Logf("stopped after %s, ready again after %s more", stopped.Sub(begun).Round(100*time.Millisecond), time.Since(stopped).Round(100*time.Millisecond))
	for _, want := range []string{"stopped with file:", "goes on from "} {
		if n := strings.Count(set.output()[said:], want); n != 2 {
			t.Errorf("%d jobs said %q, want 2:\n%s", n, want, set.output()[said:])
		}
	}
	awaitCandleOf(t, cl, id, time.Now())
	logPause(t, cl, id, begun)
	cl.NoStepBack()
	m.checkParity(id)
}

const (
	checkpointEvery = 6 * time.Second // a little over what the servers are configured with
	restartLimit    = 5 * time.Minute // as long as the supervisor gives a part to be ready
)

// randomMarket is a market of one contract under way, and a client of all that is made of it.
func randomMarket(t *testing.T) (m *system, id string, cl *rig.Client) {
	t.Helper()
	id = own("BTCUSDT")
	m = newSystem(t, []string{fmt.Sprintf(`{id: %s, source: {venue: binance, symbol: BTCUSDT}, base: BTC, quote: USDT, tick: "0.01", step: "0.00001", books: ["0.01", "10"], depth: 20}`, id)},
		"  market: {seed: 7, rate: 20}\n")
	m.startIngest("", "")
	cl = rig.Subscribe(t, m.mqtt, "candle/+/"+id, "candle/+/"+id+"/closed", "ticker/"+id, "bbo/"+id, "orderbook/+/"+id)
	awaitCandleOf(t, cl, id, time.Now())
	return m, id, cl
}

// awaitCandleOf waits for the candle of a second, or a later one, with trades: everything is computed and carried live.
func awaitCandleOf(t *testing.T, cl *rig.Client, id string, at time.Time) {
	t.Helper()
	cl.Wait("a candle that opens after "+at.Format(time.TimeOnly), patience, func(g rig.Message) bool {
		return g.Topic == "candle/1s/"+id && g.OpenMs >= at.UnixMilli() && g.Count > 0
	})
}

// logPause says how long the client got no candle of the contract, at the longest, since a time.
func logPause(t *testing.T, cl *rig.Client, id string, since time.Time) {
	t.Helper()
	last, longest := since, time.Duration(0)
	for _, g := range cl.Received() {
		if g.Topic == "candle/1s/"+id && g.At.After(since) {
			longest, last = max(longest, g.At.Sub(last)), g.At
		}
	}
	t.Logf("the client's longest pause: %s", longest.Round(100*time.Millisecond))
}
