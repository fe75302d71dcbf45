package chaos

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/e2e/stack/stackcheck"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// kinds are the parts that are killed, and standstill; TICKCAST_CHAOS_PARTS names some of them.
var kinds = []string{taskManager, "jobmanager", kafkaPart, "redis", "postgres", "bridge", "edge", standstill}

const (
	taskManager = "taskmanager"
	kafkaPart   = "kafka"
	standstill  = "standstill" // Kafka's process stands still, as on a machine that swaps: nothing is to end for that

	tradesPerSecond = 10               // of each of the four contracts, and its books
	mendsWithin     = 5 * time.Minute  // on a machine that has other things to do; what it took is printed
	goal            = 8 * time.Second  // a client's pause after the death of a TaskManager
	warm            = 20 * time.Second // before the first kill
)

// result is what was seen of one kind of kill.
type result struct {
	kills, old, holes int
	pause, committed  time.Duration // the longest
}

// Every kind of part is killed at random moments under load. Afterwards the ledger holds each candle once per version and equals what compute makes of the same log, PostgreSQL
// and Redis have the same, and no client has seen a value go back or a closed candle twice. Old versions must have come on the live topics, or nothing was tested.
// TICKCAST_CHAOS is how often each kind is killed, TICKCAST_CHAOS_PARTS which (separated by commas; all by default: without a TaskManager's death no old version has to come),
// TICKCAST_CHAOS_CHECKPOINT the job's checkpoint interval, TICKCAST_CHAOS_SEED repeats a run's moments.
func TestKilledPartsLoseNothing(t *testing.T) {
	parts, kills, checkpoint, seed := settings(t)
	t.Logf("each of %s %d times, checkpoints each %s, TICKCAST_CHAOS_SEED=%d", strings.Join(parts, ", "), kills, checkpoint, seed)
	random := rand.New(rand.NewPCG(seed, 1))
	s := start(t, checkpoint)
	cat, err := catalog.Load("", "", catalog.Stack)
	if err != nil {
		t.Fatal(err)
	}
	brokers := loopback(s.cfg.Kafka.Port)
	live, committed := followLive(t, brokers), followLedger(t, brokers)
	clients := []*client{connect(t, "mqtt", "mqtt://"+loopback(s.cfg.Roles.MQTTPort)), connect(t, "websocket", "ws://"+loopback(s.cfg.Roles.WebSocketPort)+"/mqtt")}
	beats := func(since time.Time) func() error {
		return func() error {
			for _, c := range clients {
				if err := c.movedSince(since, len(cat.Contracts)); err != nil {
					return err
				}
			}
			return nil
		}
	}
	s.await(t, "the market", startWithin, beats(time.Now()))
	redis := watchRedis(t, loopback(s.cfg.Redis.Port), redisKeys(t, cat))
	time.Sleep(warm)

	var order []string
	for range kills {
		order = append(order, parts...)
	}
	random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	if first, killed := slices.Index(order, standstill), slices.Index(order, kafkaPart); killed >= 0 && first > killed { // a long one, see strike
		order[first], order[killed] = order[killed], order[first]
	}
	results := map[string]*result{}
	for i, kind := range order {
		time.Sleep(time.Duration(random.Int64N(int64(checkpoint))))
		r := results[kind]
		if r == nil {
			r = &result{}
			results[kind] = r
		}
		_, before := live.counts()
		for _, c := range clients {
			c.measure()
		}
		victim := s.victim(t, kind, random)
		restarts := s.restarts(t)
		at := time.Now()
		what := s.strike(t, kind, victim)
		s.await(t, "the stack after "+what, mendsWithin, s.settled)
		settled := time.Now()
		s.await(t, "the market after "+what, mendsWithin, beats(settled))
		moved := time.Now()
		// a transaction that died open must not hold the ledger's readers back until it times out
		s.await(t, "the ledger after "+what, mendsWithin, func() error { return committed.reaches(settled.UnixMilli(), cat.Contracts) })
		readable := time.Since(moved)
		if limit := 2*checkpoint + time.Minute; readable > limit {
			t.Errorf("the ledger's readers saw nothing for %s after the market was back after %s, want at most %s", readable, what, limit)
		}
		if after := s.restarts(t); kind == standstill && !maps.Equal(restarts, after) {
			t.Errorf("%s ended parts: started again before %v, after %v", what, restarts, after)
		}
		var pause time.Duration // TaskManagers may go on for a while without their JobManager: what came until the ledger went on counts
		holes := 0
		for _, c := range clients {
			p, h := c.measured()
			pause, holes = max(pause, p), max(holes, h)
		}
		_, after := live.counts()
		r.kills, r.old, r.holes, r.pause, r.committed = r.kills+1, r.old+after-before, r.holes+holes, max(r.pause, pause), max(r.committed, readable)
		t.Logf("%2d of %d: %-26s at %s: settled after %.1f s, pause %.1f s, %d old versions, %d closed candles not pushed, ledger readable after %.1f s",
			i+1, len(order), what, at.UTC().Format("15:04:05.000"), settled.Sub(at).Seconds(), pause.Seconds(), after-before, holes, readable.Seconds())
	}

	s.freeze(t, "ingest", "engine") // the logs end here, so that all that is made of them can be compared
	awaitEnd(t, brokers, catalog.MarketTrades, catalog.MarketBooks)
	ctx, cancel := context.WithTimeout(t.Context(), 2*checkpoint+mendsWithin)
	defer cancel()
	report, err := stackcheck.Check(ctx, kafka.Config{Brokers: brokers}, nil)
	if err != nil {
		t.Errorf("compared with compute: %v", err)
	}
	t.Logf("compared with compute: %s", report)
	s.await(t, "PostgreSQL", mendsWithin, func() error { return committed.stored(t, s, cat.Contracts) })
	s.await(t, "Redis", time.Minute, func() error { return redis.behind(redisVersions(t, cat, live)) })
	late := connect(t, "late", "mqtt://"+loopback(s.cfg.Roles.MQTTPort))
	clients = append(clients, late)
	for _, c := range clients {
		s.await(t, "client "+c.name, time.Minute, func() error { return c.behind(clientVersions(t, cat, live)) })
	}
	committed.report(t)
	for _, c := range clients {
		c.report(t)
	}
	redis.report(t)
	passedOver := passedOverByBridge(t, s)
	table(t, results, passedOver)
	if r := results[taskManager]; r != nil && (r.old == 0 || passedOver == 0) {
		t.Errorf("%d old versions came after the death of a TaskManager, and the bridge passed over %d: nothing was tested", r.old, passedOver)
	}
}

// settings are those of CI unless the environment has others.
func settings(t *testing.T) (parts []string, kills int, checkpoint time.Duration, seed uint64) {
	t.Helper()
	text := os.Getenv("TICKCAST_CHAOS")
	if text == "" {
		t.Skip("TICKCAST_CHAOS is not set: how often each kind of part is killed (`make chaos` sets it)")
	}
	var err error
	if kills, err = strconv.Atoi(text); err != nil || kills < 1 {
		t.Fatalf("TICKCAST_CHAOS: %q", text)
	}
	checkpoint, seed = 5*time.Second, uint64(time.Now().UnixNano())
	if text = os.Getenv("TICKCAST_CHAOS_CHECKPOINT"); text != "" {
		if checkpoint, err = time.ParseDuration(text); err != nil {
			t.Fatalf("TICKCAST_CHAOS_CHECKPOINT: %v", err)
		}
	}
	parts = kinds
	if text = os.Getenv("TICKCAST_CHAOS_PARTS"); text != "" {
		parts = strings.Split(text, ",")
		for _, part := range parts {
			if !slices.Contains(kinds, part) {
				t.Fatalf("TICKCAST_CHAOS_PARTS: %q, want some of %s", part, strings.Join(kinds, ","))
			}
		}
	}
	if text = os.Getenv("TICKCAST_CHAOS_SEED"); text != "" {
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("TICKCAST_CHAOS_SEED: %v", err)
		}
	}
	return parts, kills, checkpoint, seed
}

// redisKeys are all keys that Redis is to have.
func redisKeys(t *testing.T, cat *catalog.Catalog) (keys []string) {
	t.Helper()
	add := func(topic, key string) {
		name, err := cat.RedisKey(topic, []byte(key))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, name)
	}
	for _, c := range cat.Contracts {
		for _, p := range c.Period {
			add(catalog.PushCandles, catalog.CandleKey(c.ID, p))
		}
		for _, resolution := range c.Books {
			add(catalog.PushBooks, catalog.BookKey(c.ID, resolution))
		}
		add(catalog.PushTickers, catalog.TickerKey(c.ID))
		add(catalog.PushBBO, catalog.BBOKey(c.ID))
	}
	return keys
}

// redisVersions are the newest versions on the live topics by their keys in Redis.
func redisVersions(t *testing.T, cat *catalog.Catalog, l *live) map[string]market.Version {
	t.Helper()
	want := map[string]market.Version{}
	for _, topic := range cat.InRedis() {
		for key, v := range l.versions(topic.Name) {
			name, err := cat.RedisKey(topic.Name, []byte(key))
			if err != nil {
				t.Fatal(err)
			}
			want[name] = v
		}
	}
	return want
}

// clientVersions are those by their MQTT topics, of what the clients subscribe to.
func clientVersions(t *testing.T, cat *catalog.Catalog, l *live) map[string]market.Version {
	t.Helper()
	want := map[string]market.Version{}
	for _, name := range liveTopics {
		for key, v := range l.versions(name) {
			topic, err := cat.MQTTTopic(name, []byte(key))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(topic, "candle/") || strings.HasPrefix(topic, "candle/1s/") || strings.HasPrefix(topic, "candle/1m/") {
				want[topic] = v
			}
		}
	}
	return want
}

var passedOver = regexp.MustCompile(`passed over" .*records=(\d+)`)

// passedOverByBridge is what the bridge says in its log of old versions.
func passedOverByBridge(t *testing.T, s *servers) (sum int) {
	t.Helper()
	time.Sleep(11 * time.Second) // it says so each ten seconds
	b, err := os.ReadFile(filepath.Join(s.cfg.DataDir, "logs", "bridge.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range passedOver.FindAllSubmatch(b, -1) {
		n, err := strconv.Atoi(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}

func table(t *testing.T, results map[string]*result, passedOver int) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-12s %5s %15s %12s %18s %22s", "struck", "times", "longest pause s", "old versions", "closed not pushed", "ledger readable in s")
	old := 0
	for _, kind := range kinds {
		r := results[kind]
		if r == nil {
			continue // not among the parts
		}
		old += r.old
		fmt.Fprintf(&b, "\n%-12s %5d %15.1f %12d %18d %22.1f", kind, r.kills, r.pause.Seconds(), r.old, r.holes, r.committed.Seconds())
	}
	fmt.Fprintf(&b, "\nold versions on the live topics: %d; passed over by the bridge: %d; goal for a client's pause after the death of a TaskManager: %s", old, passedOver, goal)
	t.Log(b.String())
}
