package stack

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/tickcast/tickcast/e2e/rig"
	tick "github.com/tickcast/tickcast/market"
)

// hearing is what a client's status may take over the limit: the bridge looks five times a second, the edge half a second later, and everything runs on one machine, which may have other things to do. That the limit itself is kept is seen in package bridge, by a clock of the test's own.
const hearing = 7 * time.Second

// Where one contract's source stops, clients of it hear so, clients of another one do not; where Flink stops, all do. Each is taken back when it is well again.
func TestAClockThatStandsStillIsReported(t *testing.T) {
	set := need(t)
	stopped, moving := own("BTCUSDT"), own("ETHUSDT")
	entry := `{id: %s, source: {venue: binance, symbol: %s}, base: X, quote: USDT, tick: "0.01", step: "0.00001", books: ["0.01"], depth: 20}`
	m := newSystem(t, []string{fmt.Sprintf(entry, stopped, "BTCUSDT"), fmt.Sprintf(entry, moving, "ETHUSDT")}, "  market: {seed: 7, rate: 10}\n")
	config := func(id string) string {
		return fmt.Sprintf("kafka: {brokers: %q}\ningest:\n  simulated: true\n  contracts: [%s]\n  binance: {rest_url: %s, ws_url: %s}\n", m.brokers, id, m.exchange, "ws"+m.exchange[len("http"):])
	}
	first := m.role("ingest", config(stopped))
	m.role("ingest", config(moving))
	cl := rig.Subscribe(t, m.mqtt, "candle/1s/"+stopped, "candle/1s/"+moving, "status/+/clock")
	awaitCandleOf(t, cl, stopped, time.Now())
	awaitCandleOf(t, cl, moving, time.Now())

	if err := first.Cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	g := hears(t, cl, stopped, tick.ClockStale, at, tick.ClockLimit+hearing)
	t.Logf("a stopped source is heard of after %s: %s", g.At.Sub(at).Round(10*time.Millisecond), g.Raw)
	if err := first.Cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	var other rig.Message
	for _, g := range cl.Received() {
		if g.Topic == "status/"+moving+"/clock" {
			other = g
		}
	}
	if other.State != tick.ClockLive {
		t.Errorf("clients of the other contract heard: %s", other.Raw)
	}
	at = time.Now()
	g = hears(t, cl, stopped, tick.ClockLive, at, patience)
	t.Logf("and that it is well again after %s", g.At.Sub(at).Round(10*time.Millisecond))

	st := pausedTaskManagers(t, set)
	at = time.Now()
	for _, id := range []string{stopped, moving} {
		g := hears(t, cl, id, tick.ClockStale, at, tick.ClockLimit+hearing)
		t.Logf("a stopped Flink is heard of after %s: %s", g.At.Sub(at).Round(10*time.Millisecond), g.Raw)
	}
	st()
	at = time.Now()
	for _, id := range []string{stopped, moving} {
		g := hears(t, cl, id, tick.ClockLive, at, restartLimit)
		t.Logf("and that it is well again after %s", g.At.Sub(at).Round(10*time.Millisecond))
	}
	cl.NoStepBack()
}

// hears waits for a contract's status since a time.
func hears(t *testing.T, cl *rig.Client, id, state string, since time.Time, within time.Duration) rig.Message {
	t.Helper()
	return cl.Wait(id+" "+state, within, func(g rig.Message) bool {
		return g.Topic == "status/"+id+"/clock" && g.State == state && g.At.After(since)
	})
}

// pausedTaskManagers stops them where they are, until go on is called.
func pausedTaskManagers(t *testing.T, set *servers) (goOn func()) {
	t.Helper()
	var pids []int
	for n := 1; ; n++ {
		p, err := set.part(fmt.Sprintf("taskmanager-%d", n))
		if err != nil {
			break
		}
		pids = append(pids, p.Process.PID)
	}
	signal := func(s syscall.Signal) {
		for _, pid := range pids {
			if err := syscall.Kill(pid, s); err != nil {
				t.Errorf("TaskManager %d: %v", pid, err)
			}
		}
	}
	signal(syscall.SIGSTOP)
	running := false
	goOn = func() {
		if !running {
			running = true
			signal(syscall.SIGCONT)
		}
	}
	t.Cleanup(goOn)
	return goOn
}
