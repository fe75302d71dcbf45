package compute

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/kafka/embedded"
	"github.com/tickcast/tickcast/market"
)

type lockedBuilder struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuilder) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuilder) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// logWriter counts a contract's log.
type logWriter struct {
	contract string
	seq, id  int64
}

func (l *logWriter) record(k market.Kind, eventMs int64) market.Record {
	l.seq++
	return market.Record{Kind: k, Contract: l.contract, Source: "binance", Simulated: true, Writer: 1, Epoch: 1000, Seq: l.seq, EventMs: eventMs, PriceScale: 2, QtyScale: 5}
}

// begin is a log's beginning: one day and one minute before atMs.
func (l *logWriter) begin(atMs int64) []market.Record {
	open, contract := l.record(market.KindOpen, atMs), l.record(market.KindContract, atMs)
	contract.Spec = market.Spec{Seeds: 2, Contract: market.Contract{ID: l.contract, Source: "binance", Tick: market.Unit{Scale: 2, Size: 1}, Step: market.Unit{Scale: 5, Size: 1}, Period: market.Periods()}}
	rs := []market.Record{open, contract}
	for _, c := range []market.Candle{{Period: market.Period1d, OpenMs: market.Period1d.OpenMs(atMs) - market.DayMs}, {Period: market.Period1m, OpenMs: atMs - market.MinuteMs}} {
		r := l.record(market.KindSeed, atMs)
		c.Open, c.High, c.Low, c.Close, c.Trades, c.FirstID, c.LastID = 100, 100, 100, 100, 1, l.id, l.id
		l.id++
		r.Seed = c
		rs = append(rs, r)
	}
	return rs
}

func (l *logWriter) trade(eventMs, price int64) market.Record {
	r := l.record(market.KindTrade, eventMs)
	l.id++
	r.Trade = market.Trade{Price: price, Qty: 7, AggID: l.id, FirstID: l.id, LastID: l.id, BuyerMaker: price%2 == 0}
	return r
}

func itoa(v int64) string { return strconv.FormatInt(v, 10) }

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

const minute0 = int64(1577977860000) // 2020-01-02T15:11Z

func TestCandlesComeOutOfTheLogAndARestartGoesOn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l, other := &logWriter{contract: "BTCUSDT"}, &logWriter{contract: "ETHUSDT"}
	b.write(l.begin(minute0)...)
	b.write(other.begin(minute0)...)
	c, stop := b.run()
	until(t, "first round", func() bool { return c.Stats().Rounds == 1 })
	b.write(l.trade(minute0+100, 200), other.trade(minute0+10, 300), l.trade(minute0+200, 199), l.record(market.KindClock, minute0+1000))
	until(t, "records read", func() bool { return c.Stats().Records == 12 })
	stop()
	b.write(l.trade(minute0+1500, 201), l.record(market.KindClock, minute0+60000))
	c, stop = b.run()
	until(t, "records read", func() bool { return c.Stats().Records == 2 && c.Stats().Rounds == 1 })
	if text := stop(); !strings.Contains(text, "checkpoint loaded") {
		t.Errorf("the checkpoint was not used:\n%s", text)
	}
	ledger := b.read(catalog.LedgerCandles)
	want := `"i":"1m","t":1577977860000,"T":1577977919999,"o":"2.00","h":"2.01","l":"1.99","c":"2.01","v":"0.00021","qv":"0.0004200","n":3,"bv":"0.00014","bqv":"0.0002800","f":3,"L":5,"x":true,"rev":0,"fill":false}`
	if got := ledger["BTCUSDT/1m/1577977860000 1000.1577977860000.9"]; !strings.HasSuffix(got, want) {
		t.Errorf("minute in the ledger\n got %s\nwant …%s", got, want)
	}
	closed, live := b.read(catalog.PushClosed), b.read(catalog.PushCandles)
	if got := closed["BTCUSDT/1m 1000.1577977860000.9"]; !strings.HasSuffix(got, want) {
		t.Errorf("minute for clients\n got %s\nwant …%s", got, want)
	}
	for _, p := range market.Periods() {
		if _, ok := live["BTCUSDT/"+p.String()+" 1000."+itoa(p.OpenMs(minute0))+".6"]; !ok && p > market.Period1m {
			t.Errorf("%s was not published after its last trade before the restart", p)
		}
	}
}

// kafkaOfItsOwn, in the environment, makes TestKafkaOfItsOwn the process that is stopped.
const kafkaOfItsOwn = "TICKCAST_TEST_KAFKA_DIR"

// TestKafkaOfItsOwn serves an embedded Kafka until its standard input ends.
func TestKafkaOfItsOwn(t *testing.T) {
	dir := os.Getenv(kafkaOfItsOwn)
	if dir == "" {
		t.Skip("only as a process of TestComputeOutlivesAKafkaThatStandsStill")
	}
	k, err := embedded.New(embedded.Config{Listen: "127.0.0.1:0", DataDir: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("kafka", k.Addr())
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if err := k.Run(ctx); err != nil {
		t.Error(err)
	}
}

// A Kafka, or a machine, that stands still for some seconds holds compute up and does not end it.
func TestComputeOutlivesAKafkaThatStandsStill(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKafkaOfItsOwn$")
	cmd.Env = append(os.Environ(), kafkaOfItsOwn+"="+t.TempDir())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGCONT); _ = in.Close(); _ = cmd.Wait() })
	var addr string
	if _, err := fmt.Fscanf(out, "kafka %s", &addr); err != nil {
		t.Fatal(err)
	}
	b := newBenchOn(t, addr)
	b.cfg.RoundEvery = configs.Duration(time.Second)
	l := &logWriter{contract: "BTCUSDT"}
	b.write(l.begin(minute0)...)
	c, stop := b.run()
	until(t, "first round", func() bool { return c.Stats().Rounds > 0 })
	_ = cmd.Process.Signal(syscall.SIGSTOP)
	time.Sleep(4 * askLimit) // a round is due meanwhile, and asking takes askLimit
	_ = cmd.Process.Signal(syscall.SIGCONT)
	rounds := c.Stats().Rounds
	b.write(l.trade(minute0+1, 200))
	until(t, "a round after Kafka goes on", func() bool { return c.Stats().Rounds > rounds })
	until(t, "the trade's candle", func() bool { return strings.Contains(b.newest(catalog.PushCandles)["BTCUSDT/1m"], `"c":"2.00"`) })
	if log := stop(); !strings.Contains(log, "the round comes later") {
		t.Errorf("no round was due while Kafka stood still: nothing was tested\n%s", log)
	}
}
