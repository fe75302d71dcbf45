package redis

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/kafka/kafkatest"
	"github.com/tickcast/tickcast/market"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

const patience = time.Minute

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// server is a redis-server on an address that stays when it is killed and started again.
type server struct {
	t    *testing.T
	addr string
	args []string
	cmd  *exec.Cmd
}

func newServer(t *testing.T, args ...string) *server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("TICKCAST_REQUIRE") != "" {
			t.Fatal(err)
		}
		t.Skip("there is no redis-server here (Debian: apt-get install redis-server)")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, addr: l.Addr().String(), args: args}
	l.Close()
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *server) start() {
	s.t.Helper()
	_, port, _ := net.SplitHostPort(s.addr)
	s.cmd = exec.Command("redis-server", append([]string{"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", s.t.TempDir()}, s.args...)...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, "redis-server listens", func() bool {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill() // it may have ended
	_ = s.cmd.Wait()
}

func (s *server) client() *goredis.Client {
	c := goredis.NewClient(&goredis.Options{Addr: s.addr})
	s.t.Cleanup(func() { c.Close() })
	return c
}

// cluster is an embedded Kafka with the topics that Redis gets, and a producer.
type cluster struct {
	t    *testing.T
	cfg  kafka.Config
	cat  *catalog.Catalog
	prod *kafka.Producer
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	cat, err := catalog.Load("", "", catalog.Stack) // its state is read from the start, without compute's rounds
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	c := &cluster{t: t, cat: cat}
	c.cfg, _ = kafkatest.Start(t, "")
	var specs []kafka.TopicSpec
	for _, topic := range cat.InRedis() {
		specs = append(specs, kafka.TopicSpec{Name: topic.Name, Partitions: 2, Config: map[string]string{"cleanup.policy": "delete"}}) // kfake must not compact
	}
	kafkatest.Apply(t, c.cfg, specs...)
	if c.prod, err = kafka.NewProducer(c.cfg, kafka.ProducerOptions{Name: "test"}, quiet); err != nil {
		t.Fatal(err)
	}
	loops.Go(func() { c.prod.Run(ctx) })
	t.Cleanup(func() {
		c.prod.Close(time.Second)
		cancel()
		loops.Wait()
	})
	return c
}

func (c *cluster) produce(topic, key string, v market.Version, json string) {
	c.t.Helper()
	var value []byte
	if json != "" {
		value = []byte(json)
	}
	if err := c.prod.Produce(c.t.Context(), topic, []byte(key), value, kafka.Header{Key: catalog.VersionName, Value: v.Bytes()}); err != nil {
		c.t.Fatal(err)
	}
}

// run runs a sink until the test ends or stop is called.
func (c *cluster) run(cfg Config, log *slog.Logger) (s *Sink, stop func()) {
	c.t.Helper()
	cfg.Kafka = c.cfg
	s, err := New(cfg, c.cat, log)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			c.t.Errorf("the sink ended with %v", err)
		}
	})
	c.t.Cleanup(stop)
	return s, stop
}

func configOf(s *server) Config {
	cfg := DefaultConfig()
	cfg.Address = s.addr
	return cfg
}

func version(seq int64) market.Version {
	return market.Version{Epoch: 1_700_000_000_000, T: 60_000, Seq: seq}
}

func TestRedisHasTheNewestOfEveryKeyAndTellsSubscribers(t *testing.T) {
	t.Parallel()
	server, c := newServer(t), newCluster(t)
	client := server.client()
	c.produce(catalog.PushCandles, "BTCUSDT/1m", version(1), `{"seq":1}`)
	c.produce(catalog.PushCandles, "BTCUSDT/1m", version(3), `{"seq":3}`)
	c.produce(catalog.PushCandles, "BTCUSDT/1m", version(2), `{"seq":2}`) // as after a crash of its writer
	c.produce(catalog.PushTickers, "BTCUSDT", version(4), `{"seq":4}`)
	c.produce(catalog.PushBBO, "BTCUSDT", version(5), `{"seq":5}`)
	c.produce(catalog.PushBooks, "BTCUSDT/0.01", version(6), `{"seq":6}`)
	c.produce(catalog.PushBooks, "BTCUSDT/0.01/x", version(6), `{"seq":6}`)
	s, _ := c.run(configOf(server), quiet)
	<-s.Ready()
	for key, want := range map[string]string{"candle:1m:BTCUSDT": `{"seq":3}`, "ticker:BTCUSDT": `{"seq":4}`, "bbo:BTCUSDT": `{"seq":5}`, "orderbook:0.01:BTCUSDT": `{"seq":6}`} {
		eventually(t, key+" is "+want, func() bool { return client.Get(t.Context(), key).Val() == want })
	}
	if got := s.Stats(); got.Rejected != 1 {
		t.Errorf("%+v: want the record with a key of another form rejected", got)
	}

	sub := client.Subscribe(t.Context(), "ticker:BTCUSDT", "candle:1m:BTCUSDT")
	defer sub.Close()
	for range 2 {
		if _, err := sub.Receive(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c.produce(catalog.PushTickers, "BTCUSDT", version(4), `{"seq":4}`) // the same again is no news
	c.produce(catalog.PushTickers, "BTCUSDT", version(7), `{"seq":7}`)
	m, err := sub.ReceiveMessage(t.Context())
	if err != nil || m.Channel != "ticker:BTCUSDT" || m.Payload != `{"seq":7}` {
		t.Fatalf("subscribers got %v, %v", m, err)
	}
	c.produce(catalog.PushCandles, "BTCUSDT/1m", version(8), "") // delisted
	if m, err = sub.ReceiveMessage(t.Context()); err != nil || m.Channel != "candle:1m:BTCUSDT" || m.Payload != "" {
		t.Fatalf("subscribers got %v, %v", m, err)
	}
	if n := client.Exists(t.Context(), "candle:1m:BTCUSDT").Val(); n != 0 {
		t.Error("a cleared key is still there")
	}
}

// Several sinks write at once, each in an order of its own: no reader sees a key go back, whatever the bytes of the versions are.
func TestNoWriterSetsAKeyBack(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	client := server.client()
	if err := put.Load(t.Context(), client).Err(); err != nil {
		t.Fatal(err)
	}
	versions := make([]market.Version, 400)
	for i := range versions {
		versions[i] = market.Version{Epoch: rand.Int64N(4) << (8 * rand.IntN(7)), T: rand.Int64N(300), Seq: rand.Int64N(1 << 40)} // bytes of 0, of over 127, and equal beginnings
	}
	sub := client.Subscribe(t.Context(), "k")
	defer sub.Close()
	if _, err := sub.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	newest := slices.MaxFunc(versions, func(a, b market.Version) int { return bytes.Compare(a.Bytes(), b.Bytes()) })
	var writers sync.WaitGroup
	for range 4 {
		order := rand.Perm(len(versions))
		writers.Go(func() {
			for _, i := range order {
				v := versions[i].Bytes()
				if err := put.EvalSha(context.Background(), client, []string{"k", versionKey("k")}, v, fmt.Sprintf("%x", v)).Err(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	want := fmt.Sprintf("%x", newest.Bytes())
	if got := client.Get(t.Context(), "k").Val(); got != want {
		t.Errorf("ends with %s, want %s", got, want)
	}
	for last := ""; last != want; {
		m, err := sub.ReceiveMessage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if m.Payload <= last {
			t.Fatalf("published %s after %s", m.Payload, last)
		}
		last = m.Payload
	}
}

// Redis is killed under load and comes back with nothing: reading went on meanwhile, and every key is there again, also those that did not change.
func TestAKilledRedisGetsEverythingAgain(t *testing.T) {
	t.Parallel()
	server, c := newServer(t), newCluster(t)
	client := server.client()
	s, stop := c.run(configOf(server), quiet)
	c.produce(catalog.PushTickers, "QUIET", version(1), "quiet")
	c.produce(catalog.PushTickers, "BUSY", version(1), "1")
	for _, key := range []string{"ticker:QUIET", "ticker:BUSY"} {
		eventually(t, key, func() bool { return client.Exists(t.Context(), key).Val() == 1 })
	}
	server.kill()
	for i := int64(2); i <= 5000; i++ {
		c.produce(catalog.PushTickers, "BUSY", version(i), fmt.Sprint(i))
	}
	eventually(t, "records are read while Redis is away", func() bool { return s.Stats().Conflated >= 4900 })
	if n := s.Stats().Waiting; n > 2 {
		t.Errorf("%d values wait for two keys", n)
	}
	server.start()
	eventually(t, "the key that changed", func() bool { return client.Get(t.Context(), "ticker:BUSY").Val() == "5000" })
	eventually(t, "the key that did not", func() bool { return client.Get(t.Context(), "ticker:QUIET").Val() == "quiet" })
	c.produce(catalog.PushTickers, "BUSY", version(5001), "last")
	eventually(t, "the last value is read", func() bool { return s.Stats().Written+s.Stats().Conflated >= 5001 })
	stop()
	if got := client.Get(t.Context(), "ticker:BUSY").Val(); got != "last" {
		t.Errorf("after the sink's end the value is %q", got)
	}
}

func TestAWrongPasswordIsSaidAndNothingElse(t *testing.T) {
	server, c := newServer(t, "--requirepass", "right"), newCluster(t)
	cfg := configOf(server)
	cfg.Env = "TICKCAST_TEST_REDIS"
	t.Setenv(cfg.Env, "wrong-secret")
	var said bytes.Buffer
	s, stop := c.run(cfg, slog.New(slog.NewTextHandler(&said, nil)))
	c.produce(catalog.PushTickers, "X", version(1), "x")
	<-s.Ready()
	eventually(t, "a failure", func() bool { return s.Stats().Failures > 1 })
	stop()
	text := said.String()
	if !strings.Contains(text, server.addr) || !strings.Contains(text, "WRONGPASS") || strings.Contains(text, "wrong-secret") || strings.Count(text, "level=ERROR") != 1 {
		t.Errorf("the log says\n%s", text)
	}
}

func TestConfigNamesTheKeyThatIsWrong(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"address":       func(c *Config) { c.Address = "localhost" },
		"password_file": func(c *Config) { c.Secret = configs.Secret{File: "a", Env: "b"} },
		"username":      func(c *Config) { c.Username = "u" },
		"batch":         func(c *Config) { c.Batch = 0 },
		"timeout":       func(c *Config) { c.Timeout = 0 },
		"database":      func(c *Config) { c.Database = -1 },
	} {
		c := DefaultConfig()
		change(&c)
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}
