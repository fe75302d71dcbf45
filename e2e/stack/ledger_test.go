package stack

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/e2e/recorded"
	"github.com/tickcast/tickcast/e2e/rig"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// The ledger is what Flink's own SQL makes of the same log, for every contract that these servers have; and a digit in it that is wrong is found.
func TestTheLedgerIsWhatSQLMakesOfTheLog(t *testing.T) {
	set := need(t)
	if set.config == "" {
		t.Skip("the check wants the configuration of the servers, which are somebody else's")
	}
	id := own("BTCUSDT")
	m := newSystem(t, []string{fmt.Sprintf(`{id: %s, source: {venue: binance, symbol: BTCUSDT}, base: BTC, quote: USDT, tick: "0.01", step: "0.000001"}`, id)}, fmt.Sprintf(`
  symbols: [{symbol: BTCUSDT, base: BTC, quote: USDT, tick: "0.01", step: "0.000001"}]
  recording:
    markets: [{symbol: BTCUSDT, agg_trades: [%s], klines: %s}]
    times: kept
    speed: 60
    wait_for_subscriber: true
`, rig.File(t, recorded.Trades), rig.File(t, recorded.Klines)))
	cl := rig.Subscribe(t, m.mqtt, "candle/1m/"+id+"/closed")
	m.startIngest("  feed: {max_ahead: 10m, reorder_wait: 50ms}\n", ", silence: 1s, first_frame: 1s, backoff_min: 20ms, backoff_max: 200ms, replace_min: 100ms")
	cl.Wait("the last whole minute", 90*time.Second, func(g rig.Message) bool { return g.OpenMs == recorded.LastWholeMs })
	key := fmt.Sprintf("%s/1m/%d", id, recorded.LastWholeMs)
	good := m.ledger(key, 0)

	out, err := set.check("75s")
	t.Logf("%s", out)
	if err != nil || !strings.Contains(out, " 0 differences") {
		t.Fatalf("stack check: %v\n%s", err, out)
	}
	var compared int
	if _, err := fmt.Sscanf(out, "%d closed candles compared", &compared); err != nil || compared < recorded.WholeMinutes {
		t.Errorf("%d candles compared, want at least the %d of the recording\n%s", compared, recorded.WholeMinutes, out)
	}

	bad := good
	bad.Seq, bad.QuoteVolume = good.Seq+1, good.QuoteVolume.AddInt(1)
	m.write(key, &bad)
	defer func() { // other tests check the same ledger
		good.Seq += 2
		m.write(key, &good)
	}()
	m.ledger(key, bad.Seq) // behind an open transaction it is there for nobody
	out, err = set.check("1s")
	t.Logf("%s", out)
	if want := fmt.Sprintf("%s 1m %s", id, time.UnixMilli(recorded.LastWholeMs).UTC().Format(time.RFC3339)); err == nil || !strings.Contains(out, want) || !strings.Contains(out, ": qv is ") || !strings.Contains(out, " 1 differences") {
		t.Errorf("a wrong sum in the ledger: %v, want a difference of %s\n%s", err, want, out)
	}
}

// check runs `tickcast stack check`.
func (s *servers) check(settle string) (string, error) {
	var out, problems bytes.Buffer
	cmd := exec.Command(binary, "stack", "check", "-c", s.config, "--settle", settle)
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w: %s", err, problems.String())
	}
	return out.String(), nil
}

// ledger returns the ledger's record of a key with that number or a later one, when it can be read.
func (m *system) ledger(key string, seq int64) (c market.CandleMessage) {
	m.t.Helper()
	r, err := kafka.NewReader(kafka.Config{Brokers: m.brokers}, kafka.ReaderOptions{Name: "test", Committed: true}, slog.Default())
	if err != nil {
		m.t.Fatal(err)
	}
	defer r.Close()
	ranges, err := r.Ranges(catalog.LedgerCandles)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := r.Assign([]kafka.Position{{Topic: catalog.LedgerCandles, Partition: kafka.PartitionOf([]byte(key), len(ranges)), Offset: kafka.OffsetStart}}); err != nil {
		m.t.Fatal(err)
	}
	var d market.Decoder
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		rec, err := r.Poll(100 * time.Millisecond)
		if err != nil {
			m.t.Fatal(err)
		}
		if rec == nil || string(rec.Key) != key {
			continue
		}
		if err := d.DecodeCandle(rec.Value, &c); err != nil {
			m.t.Fatal(err)
		}
		if c.Seq >= seq {
			return c
		}
	}
	m.t.Fatalf("%s of number %d is not in the ledger after %s", key, seq, patience)
	return c
}

// write appends a candle to the ledger, as nobody but Flink should.
func (m *system) write(key string, c *market.CandleMessage) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p, err := kafka.NewProducer(kafka.Config{Brokers: m.brokers}, kafka.ProducerOptions{Name: "test"}, slog.Default())
	if err != nil {
		m.t.Fatal(err)
	}
	run := make(chan error, 1)
	go func() { run <- p.Run(ctx) }()
	if err := p.Produce(ctx, catalog.LedgerCandles, []byte(key), c.AppendJSON(nil), kafka.Header{Key: catalog.VersionName, Value: c.Version().Bytes()}); err != nil {
		m.t.Error(err)
	}
	if err := p.Flush(ctx); err != nil {
		m.t.Error(err)
	}
	cancel()
	<-run
	if err := p.Close(patience); err != nil {
		m.t.Error(err)
	}
}
