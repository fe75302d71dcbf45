package e2e

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/e2e/rig"
)

func oneSecond(m message) bool { return m.Topic == "candle/1s/BTCUSDT" && !m.Retained }

// A restart in the same folder goes on where the log ends; another market behind the same contract begins a new epoch.
func TestRestartGoesOnAndAnotherSourceBeginsAnEpoch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := func(config string) message {
		p := up(t, dir, config)
		c := subscribe(t, p.addrs().mqtt, "candle/1s/BTCUSDT")
		m := c.Wait("a live candle", 30*time.Second, oneSecond)
		c.NoStepBack()
		p.Stop()
		if p.Err != nil {
			t.Errorf("stopped with %v", p.Err)
		}
		return m
	}
	first := run("")
	second := run("")
	if second.Epoch != first.Epoch || second.Seq <= first.Seq || second.OpenMs < first.OpenMs {
		t.Errorf("after the restart: epoch %d seq %d t %d, before: epoch %d seq %d t %d", second.Epoch, second.Seq, second.OpenMs, first.Epoch, first.Seq, first.OpenMs)
	}
	other := run("simulator: {market: {seed: 99, rate: 4}}\n" +
		"contracts: " + contractsWith(t, `{id: BTCUSDT, source: {venue: binance, symbol: ETHUSDT}, base: BTC, quote: USDT, tick: "0.01", step: "0.0001"}`) + "\n")
	if other.Epoch <= second.Epoch {
		t.Errorf("another source: epoch %d, before %d", other.Epoch, second.Epoch)
	}
}

func TestBadInputIsAClearErrorWithThePlace(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() }) // parallel subtests outlive this function
	for _, c := range []struct {
		name, config, want string
		args               []string
	}{
		{name: "unknown key", config: "brokr: {}\n", want: `up.yaml:5: unknown key "brokr"`},
		{name: "unknown venue", config: "venue: mtgox\n", want: `venue: "mtgox", want simulator or binance`},
		{name: "unknown simulator fault", config: "simulator: {faults: [{kind: gremlin}]}\n", want: `unknown fault "gremlin"`},
		{name: "profiles for everybody", want: "--pprof: 0.0.0.0 is no loopback address", args: []string{"--pprof", "0.0.0.0:0"}},
		{name: "data folder is a file", want: "data_dir:", args: []string{"--data", "/dev/null/x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := up(t, t.TempDir(), c.config, c.args...)
			fails(t, p, c.want)
		})
	}
	t.Run("port in use", func(t *testing.T) {
		t.Parallel()
		p := launch(t, nil, "up", "-c", rig.WriteFile(t, "up.yaml", strings.Replace(freePorts, `http: {listen: "127.0.0.1:0"}`, `http: {listen: "`+taken.Addr().String()+`"}`, 1)), "--data", t.TempDir())
		fails(t, p, "http.listen: listen tcp "+taken.Addr().String()+": bind: address already in use")
	})
	t.Run("Kafka away", func(t *testing.T) {
		t.Parallel()
		p := launch(t, nil, "compute", "-c", rig.WriteFile(t, "compute.yaml", "compute: {kafka: {brokers: \""+taken.Addr().String()+"\"}}\n"))
		fails(t, p, "no answer from Kafka at "+taken.Addr().String())
	})
	t.Run("folder in use", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		up(t, dir, "").addrs()
		fails(t, up(t, dir, ""), "is in use by another Tickcast")
	})
}

func fails(t *testing.T, p *process, want string) {
	t.Helper()
	select {
	case <-p.Done:
	case <-time.After(40 * time.Second):
		t.Fatal("it runs")
	}
	if p.Err == nil || !strings.Contains(p.Output(), want) {
		t.Errorf("ended with %v and said\n%s\nwant %q", p.Err, p.Output(), want)
	}
}
