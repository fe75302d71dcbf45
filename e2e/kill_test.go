package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/market"

	"github.com/tickcast/tickcast/e2e/recorded"
	"github.com/tickcast/tickcast/e2e/rig"
)

// kills is how often the process is killed: a few in every run, thirty with `make kill`.
func kills(t *testing.T) int {
	v := os.Getenv("TICKCAST_KILLS")
	if v == "" {
		return 6
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatalf("TICKCAST_KILLS: %v", err)
	}
	return n
}

// A process that is killed at any moment, again and again, under load, while the exchange goes on: every candle is in the ledger, once per version and
// equal to the exchange's own; no client sees a version go back; and a client that connects has every retained topic.
func TestKilledAtAnyMomentLosesNothing(t *testing.T) {
	t.Parallel()
	exchange := launch(t, nil, "simexchange", "-c", rig.WriteFile(t, "simexchange.yaml", `simulator:
  listen: 127.0.0.1:0
  market: {seed: 7, rate: 100, backlog: 1h}
  faults: [{kind: delay, path: "/api/v3/aggTrades", duration: 100ms, count: -1}]
  symbols:
    - {symbol: BTCUSDT, base: BTC, quote: USDT, tick: "0.01", step: "0.00001", price: "90000.00"}
    - {symbol: ETHUSDT, base: ETH, quote: USDT, tick: "0.01", step: "0.0001", price: "3000.00"}
`)).Find(`url=(http://\S+)`)[1]
	mqtt := freePort(t)
	dir := t.TempDir()
	config := fmt.Sprintf(`venue: binance
contracts: %s
ingest: {simulated: true, binance: {rest_url: %q, ws_url: %q}}
compute: {checkpoint_every: 100ms}
engine: {markets: {BTC-PERP: {price: "65000", qty: "0.05", rate: 20, seed: 1}}}
`, rig.WriteFile(t, "contracts.yaml", `contracts:
  - {id: BTCUSDT, source: {venue: binance, symbol: BTCUSDT}, base: BTC, quote: USDT, tick: "0.01", step: "0.00001", books: ["0.01"], depth: 20}
  - {id: ETHUSDT, source: {venue: binance, symbol: ETHUSDT}, base: ETH, quote: USDT, tick: "0.01", step: "0.0001", books: ["0.01"], depth: 20}
  - {id: BTC-PERP, source: {engine: true, symbol: BTC-PERP}, base: BTC, quote: USD, tick: "0.01", step: "0.001", books: ["0.01"], depth: 20}
`), exchange, "ws"+strings.TrimPrefix(exchange, "http"))
	start := func() *process {
		return launch(t, nil, "up", "-c", rig.WriteFile(t, "up.yaml", strings.Replace(freePorts, `tcp: "127.0.0.1:0"`, `tcp: "`+mqtt+`"`, 1)+config), "--data", dir)
	}
	p := start()
	p.addrs()
	watcher := subscribe(t, "mqtt://"+mqtt, "candle/1s/+", "candle/1m/+", "candle/1s/+/closed", "candle/1m/+/closed",
		"ticker/+", "bbo/+", "orderbook/+/+", "trade/+", "status/#")
	for _, contract := range []string{"ETHUSDT", "BTC-PERP"} { // our own market has made up its past, and trades
		watcher.Wait("a live candle", patience, func(m message) bool { return m.Topic == "candle/1s/"+contract && !m.Retained })
	}
	fromMs := time.Now().Add(3 * time.Second).Truncate(time.Second).UnixMilli()
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	var hit moments
	for i := range kills(t) {
		wait := time.Duration(random.IntN(8000)) * time.Millisecond
		switch i % 5 {
		case 0: // while it starts
			wait = time.Duration(random.IntN(700)) * time.Millisecond
		case 2: // while it fills the gap
			p.stopWhen(func() bool { return fillsGap(p) })
			wait = 0
		case 3: // while a checkpoint is written
			p.Find("bridge is ready")
			p.stopWhen(func() bool { return writesCheckpoint(t, dir) })
			wait = 0
		}
		time.Sleep(wait)
		if i%5 == 4 {
			p.Find("history is ready")
			checkHistory(t, p.addrs().http, exchange, "BTCUSDT", fromMs, 0)
		}
		p.kill()
		hit.look(t, dir, p)
		p = start()
	}
	a := p.addrs()
	kafkaAddr := a.kafka
	p.Find("bridge is ready")
	live := time.Now()
	watcher.Wait("a live candle after the last kill", patience, func(m message) bool { return m.Topic == "candle/1s/BTCUSDT" && !m.Retained && m.At.After(live) })
	toMs := time.Now().Truncate(time.Second).UnixMilli()
	for _, contract := range []string{"ETHUSDT", "BTC-PERP"} {
		watcher.Wait("the clock after the last kill", patience, func(m message) bool {
			return m.Topic == "candle/1s/"+contract+"/closed" && m.OpenMs >= toMs
		})
	}
	watcher.NoStepBack()
	for _, kind := range []string{"candle/1s", "ticker", "bbo", "orderbook/0.01", "trade"} {
		for _, contract := range []string{"BTCUSDT", "ETHUSDT", "BTC-PERP"} {
			watcher.Wait("live after the last kill", patience, func(m message) bool { return m.Topic == kind+"/"+contract && !m.Retained && m.At.After(live) })
		}
	}
	ledger := readLedger(t, kafkaAddr, fromMs, &hit)
	for _, contract := range []string{"BTCUSDT", "ETHUSDT"} {
		for _, period := range []market.Period{market.Period1s, market.Period1m} {
			checkLedger(t, ledger, exchange, contract, period, fromMs, toMs)
		}
	}
	checkOwnMarket(t, ledger, foldTrades(t, kafkaAddr, "BTC-PERP"), "BTC-PERP", fromMs, toMs)
	p.Find("history is ready")
	for contract, source := range map[string]string{"BTCUSDT": exchange, "ETHUSDT": exchange} {
		checkHistory(t, a.http, source, contract, fromMs, toMs)
	}
	checkRetained(t, mqtt, "BTCUSDT", "ETHUSDT", "BTC-PERP")
	t.Logf("%d kills: %s", kills(t), &hit)
	if hit.checkpoints+hit.filling+hit.closings == 0 {
		t.Error("no kill hit anything")
	}
	if kills(t) >= 30 && (hit.checkpoints == 0 || hit.filling == 0 || hit.closings == 0) {
		t.Errorf("the kills hit %s: each kind was to be hit", &hit)
	}
}

const patience = 60 * time.Second

// kill ends the process as a power cut would.
func (p *process) kill() {
	p.T.Helper()
	if err := p.Cmd.Process.Signal(syscall.SIGKILL); err != nil {
		p.T.Errorf("kill: %v", err)
	}
	<-p.Done
}

// moments counts what kills interrupted.
type moments struct {
	starting    int // the process had not said that it is ready
	checkpoints int // a checkpoint was being written: its file beside the other one
	filling     int // a feed was looking for trades that it had missed
	closings    int // so many closed candles that stand in the ledger twice: they were written, and the checkpoint behind them was not
}

func (m *moments) String() string {
	return fmt.Sprintf("%d starts, %d checkpoints in flight, %d gap fills in flight, %d closings in flight", m.starting, m.checkpoints, m.filling, m.closings)
}

func (m *moments) look(t *testing.T, dir string, p *process) {
	t.Helper()
	if !strings.Contains(p.Output(), "bridge is ready") {
		m.starting++
	}
	if writesCheckpoint(t, dir) {
		m.checkpoints++
	}
	if fillsGap(p) {
		m.filling++
	}
}

func writesCheckpoint(t *testing.T, dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "compute.checkpoint.new"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	return err == nil
}

var feedState = regexp.MustCompile(`msg=feed .*contract=(\S+) log=trades state=(\S+)`)

// fillsGap says whether a feed is looking for the trades that it has missed.
func fillsGap(p *process) bool {
	states := map[string]string{}
	for _, line := range feedState.FindAllStringSubmatch(p.Output(), -1) {
		states[line[1]] = line[2]
	}
	for _, s := range states {
		if s == "RECOVERING" || s == "GAP" {
			return true
		}
	}
	return false
}

// stopWhen lets the process stand still as soon as it is doing something; if it does not for a while, it goes on.
func (p *process) stopWhen(doing func() bool) {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
		if !doing() {
			continue
		}
		_ = p.Cmd.Process.Signal(syscall.SIGSTOP)
		time.Sleep(2 * time.Millisecond)
		if doing() {
			return
		}
		_ = p.Cmd.Process.Signal(syscall.SIGCONT)
	}
}

// entry is the newest version of a candle in the ledger.
type entry struct {
	version market.Version
	candle  candle
	raw     string
}

// readLedger folds the ledger as its reader does, and sees that a version never has two contents.
func readLedger(t *testing.T, brokers string, fromMs int64, hit *moments) map[string]entry {
	t.Helper()
	ledger := map[string]entry{}
	for _, rec := range readTopic(t, brokers, catalog.LedgerCandles) {
		v, err := market.ParseVersion(rec.Header(catalog.VersionName))
		if err != nil {
			t.Fatalf("ledger offset %d: %v", rec.Offset, err)
		}
		e := entry{version: v, raw: computeTime.ReplaceAllString(string(rec.Value), "")}
		if err := json.Unmarshal(rec.Value, &e.candle); err != nil {
			t.Fatalf("ledger offset %d: %v: %s", rec.Offset, err, rec.Value)
		}
		old, known := ledger[string(rec.Key)]
		if known && old.version == v {
			if e.candle.OpenMs >= fromMs { // before it are the seeds
				hit.closings++
			}
			if old.raw != e.raw {
				t.Errorf("ledger: %s version %v twice with different contents:\n%s\n%s", rec.Key, v, old.raw, e.raw)
			}
		}
		if !known || old.version.Less(v) {
			ledger[string(rec.Key)] = e
		}
	}
	return ledger
}

var computeTime = regexp.MustCompile(`,"tsc":\d+`)

// checkLedger compares the ledger with the exchange's own candles.
func checkLedger(t *testing.T, ledger map[string]entry, exchange, contract string, p market.Period, fromMs, toMs int64) {
	t.Helper()
	fromMs = p.NextMs(p.OpenMs(fromMs)) // whole candles only
	n, bad := 0, 0
	for at := fromMs; p.NextMs(at) <= toMs; {
		rows := klinesFrom(t, exchange, contract, p, at, toMs)
		if len(rows) == 0 {
			t.Fatalf("%s %s: the exchange has no candle at %d", contract, p, at)
		}
		for _, row := range rows {
			open := int64(row[0].(float64))
			if at = p.NextMs(open); at > toMs {
				break
			}
			want := [9]string{row[1].(string), row[2].(string), row[3].(string), row[4].(string), row[5].(string), row[7].(string), fmt.Sprint(int64(row[8].(float64))), row[9].(string), row[10].(string)}
			e, ok := ledger[catalog.LedgerKey(contract, p, open)]
			if n++; !ok || recorded.Nine(t, &e.candle) != want || !e.candle.Closed || e.candle.Quality != "ok" {
				if bad++; bad <= 5 {
					t.Errorf("%s %s %s: in the ledger %t\n%s\nwant %v", contract, p, time.UnixMilli(open).UTC().Format("15:04:05"), ok, e.raw, want)
				}
			}
		}
	}
	t.Logf("%s %s: %d candles compared, %d wrong", contract, p, n, bad)
}

// klinesFrom are the exchange's candles from a time on, as many as it gives at once.
func klinesFrom(t *testing.T, base, symbol string, p market.Period, fromMs, toMs int64) (rows [][]any) {
	t.Helper()
	get(t, fmt.Sprintf("%s/api/v3/klines?symbol=%s&interval=%s&startTime=%d&endTime=%d&limit=1000", base, symbol, p, fromMs, toMs), &rows)
	return rows
}

// checkRetained sees that a client that connects now has the newest state of every candle topic at once.
func checkRetained(t *testing.T, mqtt string, contracts ...string) {
	t.Helper()
	var filters []string
	for _, c := range contracts {
		filters = append(filters, "candle/+/"+c, "candle/+/"+c+"/closed", "ticker/"+c, "bbo/"+c, "orderbook/+/"+c, "status/"+c+"/+")
	}
	c := subscribe(t, "mqtt://"+mqtt, filters...)
	for _, id := range contracts {
		var topics []string
		for p := range market.Period(market.PeriodCount) {
			topics = append(topics, "candle/"+p.String()+"/"+id)
			if p <= market.Period15m { // the past is an hour long
				topics = append(topics, "candle/"+p.String()+"/"+id+"/closed")
			}
		}
		for _, topic := range append(topics, "ticker/"+id, "bbo/"+id, "orderbook/0.01/"+id, "status/"+id+"/feed", "status/"+id+"/clock") {
			c.Wait(topic, patience, func(m message) bool { return m.Topic == topic && m.Retained })
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	ports, err := rig.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0])
}
