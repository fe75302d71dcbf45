package e2e

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"

	"github.com/tickcast/tickcast/e2e/rig"
)

// From the start of the process to a client that holds every retained topic it takes less than 2 s, with the logs as full as the shipped topics let them become
// and a checkpoint beside them: after an orderly stop, and after kill -9, when Kafka reads its logs without an index. TICKCAST_START (or `make bench`) says how
// often each is measured; the medians count.
func TestStartIsQuickWithFullLogs(t *testing.T) {
	v := os.Getenv("TICKCAST_START")
	if v == "" {
		t.Skip("TICKCAST_START says how many starts; make bench does three of each kind, which takes about four minutes")
	}
	starts, err := strconv.Atoi(v)
	if err != nil {
		t.Fatalf("TICKCAST_START: %v", err)
	}
	s := newStarts(t)
	if !t.Run("fill", s.fill) {
		return
	}
	for _, kind := range []struct {
		name string
		end  func(*process)
	}{{"after an orderly stop", (*process).Stop}, {"after kill -9", (*process).kill}} {
		var ms []float64
		for range starts { // each a test of its own: the clients of one are gone when the next begins
			t.Run(kind.name, func(t *testing.T) { ms = append(ms, s.measure(t, kind.end)) })
		}
		m := medianOf(ms)
		t.Logf("%s: a client holds all %d retained topics %.0f ms after the start (median of %d)", kind.name, len(s.topics), m, starts)
		if !(m < 2000) {
			t.Errorf("%s: %.0f ms, want less than 2000", kind.name, m)
		}
	}
}

// starts is the folder that is started from, again and again.
type starts struct {
	cat        *catalog.Catalog
	dir, mqtt  string
	contracts  string
	engineOwn  []string // a market of our own in each partition: the engine fills logs faster than an exchange's protocol could
	topics     []string // retained ones
	filling    string   // configuration under which the logs fill up
	afterwards string   // and at the pace of a quiet day
}

func newStarts(t *testing.T) *starts {
	t.Helper()
	s := &starts{dir: t.TempDir(), mqtt: freePort(t)}
	cat, err := catalog.Load("", "", catalog.Embedded)
	if err != nil {
		t.Fatal(err)
	}
	partitions := cat.Topic(catalog.MarketTrades).Partitions
	taken := map[int32]bool{}
	lines := "contracts:\n"
	for i := 0; len(s.engineOwn) < partitions; i++ {
		id := fmt.Sprintf("OWN%d", i)
		if n := kafka.PartitionOf([]byte(id), partitions); !taken[n] {
			taken[n] = true
			s.engineOwn = append(s.engineOwn, id)
			lines += fmt.Sprintf("  - {id: %s, source: {engine: true, symbol: %s}, base: %s, quote: USD, tick: \"0.1\", step: \"0.001\", books: [\"0.1\", \"1\", \"10\"], depth: 50}\n", id, id, id)
		}
	}
	for _, c := range []struct{ base, step string }{{"BTC", "0.00001"}, {"ETH", "0.0001"}, {"SOL", "0.001"}} {
		lines += fmt.Sprintf("  - {id: %sUSDT, source: {venue: binance, symbol: %sUSDT}, base: %s, quote: USDT, tick: \"0.01\", step: %q, books: [\"0.01\", \"1\"], depth: 50}\n", c.base, c.base, c.base, c.step)
	}
	s.contracts = rig.WriteFile(t, "contracts.yaml", lines)
	if s.cat, err = catalog.Load("", s.contracts, catalog.Embedded); err != nil {
		t.Fatal(err)
	}
	s.filling, s.afterwards = s.config(t, 500), s.config(t, 15) // takers a second, in each of the engine's markets
	return s
}

func (s *starts) config(t *testing.T, rate int) string {
	var markets []string
	for i, id := range s.engineOwn {
		markets = append(markets, fmt.Sprintf("%s: {price: \"65000\", qty: \"0.05\", rate: %d, seed: %d}", id, rate, i+1))
	}
	return rig.WriteFile(t, "up.yaml", strings.Replace(freePorts, `tcp: "127.0.0.1:0"`, `tcp: "`+s.mqtt+`"`, 1)+
		fmt.Sprintf("contracts: %s\nsimulator: {listen: 127.0.0.1:0}\nengine: {markets: {%s}}\n", s.contracts, strings.Join(markets, ", ")))
}

func (s *starts) start(t *testing.T, config string) *process {
	return launch(t, nil, "up", "-c", config, "--data", s.dir)
}

// fill runs the system until the logs of trades and books are as large as they get. What would take days or outages, the ledger and the statuses, is filled by
// copies of their own records; quarantine and late trades stay empty.
func (s *starts) fill(t *testing.T) {
	t.Helper()
	begun := time.Now()
	p := s.start(t, s.filling)
	brokers := p.addrs().kafka
	subscribe(t, "mqtt://"+s.mqtt, "candle/1s/"+s.engineOwn[0]).Wait("a candle", patience, func(message) bool { return true })
	for _, topic := range []string{catalog.LedgerCandles, catalog.PushStatus} {
		s.copyUp(t, brokers, topic)
	}
	for !s.full(t, catalog.MarketTrades) || !s.full(t, catalog.MarketBooks) {
		if time.Since(begun) > 10*time.Minute {
			t.Fatalf("the logs do not fill up:\n%s", s.sizes(t))
		}
		select {
		case <-p.Done:
			t.Fatalf("tickcast ended: %v", p.Err)
		case <-time.After(time.Second):
		}
	}
	p.Stop()
	// Once more at the usual pace: at the end of it the state is that of a process that keeps up.
	p = s.start(t, s.afterwards)
	p.Find("history is ready")
	time.Sleep(5 * time.Second)
	s.topics = retainedTopics(t, s.mqtt)
	p.Stop()
	if least := 16 * (len(s.engineOwn) + 3); len(s.topics) < 2*least {
		t.Fatalf("only %d retained topics", len(s.topics))
	}
	t.Logf("filled in %s: %s", time.Since(begun).Round(time.Second), s.sizes(t))
}

// copyUp writes a topic's records again, with their keys and versions, until a partition is full: who reads them drops them, and that takes time.
func (s *starts) copyUp(t *testing.T, brokers, topic string) {
	t.Helper()
	p, err := kafka.NewProducer(kafka.Config{Brokers: brokers}, kafka.ProducerOptions{Name: "e2e"}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(patience)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	const batchOverhead = 100 // bytes, about
	records := readTopic(t, brokers, topic)
	written := map[int32]int64{}
	for full := false; !full; {
		for _, r := range records {
			h := []kafka.Header{{Key: catalog.VersionName, Value: r.Header(catalog.VersionName)}}
			if k := r.Header(catalog.KindName); k != nil {
				h = append(h, kafka.Header{Key: catalog.KindName, Value: k})
			}
			if err := p.Produce(ctx, topic, r.Key, r.Value, h...); err != nil {
				t.Fatal(err)
			}
			for p.Queued() > 15 { // few records in a batch, as in the life of a quiet market
				time.Sleep(50 * time.Microsecond)
			}
			written[r.Partition] += int64(len(r.Key)+len(r.Value)) + batchOverhead
			full = full || written[r.Partition] > s.cat.Topic(topic).RetentionBytes
		}
	}
}

func (s *starts) bytes(t *testing.T, topic string) (per []float64) {
	t.Helper()
	sizes := folderBytes(t, filepath.Join(s.dir, "kafka", "partitions"))
	for i := range s.cat.Topic(topic).Partitions {
		per = append(per, sizes[fmt.Sprintf("%s-%d", topic, i)])
	}
	return per
}

// full says whether each partition is as large as the bound lets it become.
func (s *starts) full(t *testing.T, topic string) bool {
	return slices.Min(s.bytes(t, topic)) > float64(s.cat.Topic(topic).RetentionBytes)
}

func (s *starts) sizes(t *testing.T) string {
	var parts []string
	all := 0.
	for i := range s.cat.Topics {
		sum := 0.
		for _, b := range s.bytes(t, s.cat.Topics[i].Name) {
			sum += b
		}
		all += sum
		parts = append(parts, fmt.Sprintf("%s %.1f", s.cat.Topics[i].Name, sum/(1<<20)))
	}
	return fmt.Sprintf("%.0f MiB of logs (%s)", all/(1<<20), strings.Join(parts, ", "))
}

var allStates = []string{"candle/#", "ticker/+", "bbo/+", "orderbook/#", "status/#"}

// retainedTopics are those of which a client that connects now gets a value.
func retainedTopics(t *testing.T, mqtt string) []string {
	t.Helper()
	c := subscribe(t, "mqtt://"+mqtt, allStates...)
	c.Wait("a retained value", patience, func(m message) bool { return m.Retained })
	time.Sleep(time.Second)
	seen := map[string]bool{}
	for _, m := range c.Received() {
		if m.Retained {
			seen[m.Topic] = true
		}
	}
	var topics []string
	for topic := range seen {
		topics = append(topics, topic)
	}
	return topics
}

// measure starts the process, says when a client had everything, and ends it.
func (s *starts) measure(t *testing.T, end func(*process)) (ms float64) {
	t.Helper()
	begun := time.Now()
	p := s.start(t, s.afterwards)
	for {
		c, err := net.Dial("tcp", s.mqtt)
		if err == nil {
			c.Close()
			break
		}
		if time.Since(begun) > patience {
			t.Fatalf("nobody listens: %v", err)
		}
		time.Sleep(2 * time.Millisecond)
	}
	listens := time.Since(begun)
	c := subscribe(t, "mqtt://"+s.mqtt, allStates...)
	subscribed := time.Since(begun)
	want := map[string]bool{}
	for _, topic := range s.topics {
		want[topic] = true
	}
	var held, all time.Duration
	c.Wait("every retained topic", patience, func(m message) bool {
		if delete(want, m.Topic); held == 0 && onlyClocks(want) {
			held = m.At.Sub(begun)
		}
		all = m.At.Sub(begun)
		return len(want) == 0
	})
	p.Find("compute has caught up")
	p.Find("history is ready")
	t.Logf("%d ms; the clocks of all markets live at %d; %s; ports bound at %d, subscribed at %d", held.Milliseconds(), all.Milliseconds(), p.milestones(begun), listens.Milliseconds(), subscribed.Milliseconds())
	time.Sleep(2 * time.Second) // ingest takes over, a checkpoint is written
	end(p)
	return float64(held.Milliseconds())
}

// onlyClocks says that nothing is awaited but the clocks: what they say is not kept, but found anew with each market's next second.
func onlyClocks(want map[string]bool) bool {
	for topic := range want {
		if !strings.HasPrefix(topic, "status/") || !strings.HasSuffix(topic, "/clock") {
			return false
		}
	}
	return true
}

var milestones = []struct{ name, line string }{
	{"Kafka's logs loaded", `Kafka is up`},
	{"checkpoint loaded", `checkpoint loaded`},
	{"compute caught up", `compute has caught up`},
	{"bridge ready", `bridge is ready`},
	{"history ready", `history is ready`},
}

// milestones says when after the start each part had come how far, by the times in the log, and how long it says that it took.
func (p *process) milestones(begun time.Time) string {
	var parts []string
	for _, m := range milestones {
		line := regexp.MustCompile(`time=(\S+) .*` + m.line + `.*`).FindStringSubmatch(p.Output())
		if line == nil {
			parts = append(parts, m.name+": not seen")
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, line[1])
		if err != nil {
			p.T.Fatal(err)
		}
		took := ""
		if m := regexp.MustCompile(`took=(\S+)`).FindStringSubmatch(line[0]); m != nil {
			took = " (took " + m[1] + ")"
		}
		parts = append(parts, fmt.Sprintf("%s at %d%s", m.name, at.Sub(begun).Milliseconds(), took))
	}
	return strings.Join(parts, ", ")
}
