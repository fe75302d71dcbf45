package e2e

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"

	"github.com/tickcast/tickcast/e2e/rig"
)

// TestALostCheckpointBeginsTheContractsAnew: the log has no seeds any more, so that nothing but a new epoch can begin them before midnight.
func TestALostCheckpointBeginsTheContractsAnew(t *testing.T) {
	t.Parallel()
	topics, err := os.ReadFile(filepath.Join("..", "topics.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	const logs = "retention_bytes: 16MiB, segment_bytes: 2MiB"
	if strings.Count(string(topics), logs) != 2 {
		t.Fatal("the shipped topics have changed")
	}
	small := strings.ReplaceAll(string(topics), logs, "retention_bytes: 512KiB, segment_bytes: 64KiB")
	config := "topics: " + rig.WriteFile(t, "topics.yaml", small) + "\nsimulator: {market: {seed: 1, rate: 300}}\nengine: {history: 48h, markets: {BTC-PERP: {price: \"65000\", qty: \"0.05\", rate: 300}}}\n"
	dir := t.TempDir()
	p := up(t, dir, config)
	a := p.addrs()
	before := subscribe(t, a.mqtt, "candle/1m/+").Wait("a candle", 30*time.Second, func(m message) bool { return !m.Retained && strings.Contains(m.Topic, "PERP") })
	waitForLoss(t, p.addrs().kafka)
	p.Stop()
	checkpoint := filepath.Join(dir, "compute.checkpoint")
	if err := os.WriteFile(checkpoint, []byte("of another version"), 0o644); err != nil {
		t.Fatal(err)
	}
	p = up(t, dir, config)
	c := subscribe(t, p.addrs().mqtt, "candle/1m/+")
	for _, contract := range []string{"BTCUSDT", "BTC-PERP"} {
		m := c.Wait("a candle of "+contract, 30*time.Second, func(m message) bool { return m.Topic == "candle/1m/"+contract && !m.Retained })
		if m.Epoch <= before.Epoch {
			t.Errorf("%s goes on in epoch %d: it cannot", contract, m.Epoch)
		}
	}
}

// waitForLoss waits until each partition with trades has lost its first records.
func waitForLoss(t *testing.T, brokers string) {
	t.Helper()
	r, err := kafka.NewReader(kafka.Config{Brokers: brokers}, kafka.ReaderOptions{Name: "test"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Second) {
		ranges, err := r.Ranges(catalog.MarketTrades)
		if err != nil {
			t.Fatal(err)
		}
		whole := 0
		for _, rg := range ranges {
			if rg.High > 0 && rg.Low == 0 {
				whole++
			}
		}
		if whole == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the log of trades is still whole: %v", ranges)
		}
	}
}
