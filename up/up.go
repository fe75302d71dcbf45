package up

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/tickcast/tickcast/bridge"
	"github.com/tickcast/tickcast/broker"
	"github.com/tickcast/tickcast/broker/admin"
	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/compute"
	"github.com/tickcast/tickcast/datadir"
	"github.com/tickcast/tickcast/engine"
	"github.com/tickcast/tickcast/history"
	"github.com/tickcast/tickcast/ingest"
	"github.com/tickcast/tickcast/ingest/kafkalog"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/kafka/embedded"
	"github.com/tickcast/tickcast/kafka/marketlog"
	"github.com/tickcast/tickcast/public"
	"github.com/tickcast/tickcast/simexchange"
	"github.com/tickcast/tickcast/sinks/store"
	"github.com/tickcast/tickcast/web"
)

// Up is the embedded form. New binds every port and opens the data folder; Run runs the roles.
type Up struct {
	cfg   Config
	log   *slog.Logger
	cat   *catalog.Catalog
	lock  *os.File
	parts parts
	ready chan struct{}

	app      func(*catalog.Catalog) web.App // what the page is told
	adminKey string                         // file with the operator's key
}

// parts are the roles, in the order in which data flows through them.
type parts struct {
	simulator *simexchange.Server // nil: the venue is live
	ingest    *ingest.Ingest
	marketLog *kafkalog.Log
	engine    *engine.Engine
	engineLog *marketlog.Writer
	kafka     *embedded.Kafka
	stopKafka func() // ends the embedded Kafka, which runs from New on
	compute   *compute.Compute
	bridge    *bridge.Bridge
	broker    *broker.Broker
	store     *store.Store
	history   *history.History
	page      *web.Page
	http      *public.Server
}

// Addrs are the addresses that clients use.
type Addrs struct {
	HTTP, MQTT, WebSocket, Admin, Kafka, Simulator string
	AdminKey                                       string // file with the operator's key; empty: there is none, or it was made elsewhere
}

// New builds every part; whatever is wrong with the configuration, a port or the data folder is an error here.
func New(cfg Config, version string, log *slog.Logger) (_ *Up, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Ports == "auto" {
		cfg.freePorts()
	}
	cat, err := catalog.Load(cfg.Topics, cfg.Contracts, catalog.Embedded)
	if err != nil {
		return nil, err
	}
	u := &Up{cfg: cfg, log: log, cat: cat, ready: make(chan struct{})}
	defer func() {
		if err != nil {
			u.abandon()
			if errors.Is(err, syscall.EADDRINUSE) {
				err = fmt.Errorf("%w (another Tickcast? `--ports auto` takes free ports)", err)
			}
		}
	}()
	if cfg.DataDir != "" {
		if u.lock, err = datadir.Lock(cfg.DataDir); err != nil {
			return nil, err
		}
		cfg.Kafka.DataDir = filepath.Join(cfg.DataDir, "kafka")
		cfg.Compute.Checkpoint = filepath.Join(cfg.DataDir, "compute.checkpoint")
		cfg.Simulator.DataDir = filepath.Join(cfg.DataDir, "simulator")
		cfg.Engine.DataDir = filepath.Join(cfg.DataDir, "engine")
		cfg.Store.File = filepath.Join(cfg.DataDir, "store.db")
		if err := u.adminFiles(&cfg.Broker.Admin); err != nil {
			return nil, err
		}
	}
	role := func(name string) *slog.Logger { return log.With("role", name) }
	p := &u.parts
	if p.broker, err = broker.New(cfg.Broker, cat, role("broker")); err != nil {
		return nil, err
	}
	origin := web.OriginVenue
	if cfg.Venue == VenueSimulator {
		origin = web.OriginSimulator
	}
	if err := u.startKafka(&cfg, cat, role("kafka")); err != nil {
		return nil, err
	}
	if cfg.Venue == VenueSimulator {
		if p.simulator, err = simexchange.New(cfg.Simulator, role("simulator")); err != nil {
			return nil, fmt.Errorf("simulator: %w", err)
		}
		cfg.Ingest.Simulated = true
		cfg.Ingest.Binance.RestURL = p.simulator.URL()
		cfg.Ingest.Binance.WsURL = "ws" + p.simulator.URL()[len("http"):]
	}
	client := kafka.Config{Brokers: p.kafka.Addr()}
	cfg.Compute.Kafka, cfg.Store.Kafka, cfg.History.Kafka = client, client, client
	if p.marketLog, err = kafkalog.New(client, role("ingest")); err != nil {
		return nil, err
	}
	if p.ingest, err = ingest.New(cfg.Ingest, cat.Contracts, p.marketLog, p.marketLog, role("ingest")); err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	if p.engineLog, err = marketlog.NewWriter(client, "engine", role("engine")); err != nil {
		return nil, err
	}
	if p.engine, err = engine.New(cfg.Engine, cat.Contracts, p.engineLog, role("engine")); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	if p.compute, err = compute.New(cfg.Compute, cat, role("compute")); err != nil {
		return nil, fmt.Errorf("compute: %w", err)
	}
	if p.store, err = store.New(cfg.Store, role("store")); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if p.history, err = history.New(cfg.History, cat, p.store.DB(), role("history")); err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", p.history)
	u.app = func(cat *catalog.Catalog) web.App {
		return web.AppOf(cat, origin, version, p.broker.Addrs().WebSocket, cfg.Broker.WebSocketPath)
	}
	p.page = web.New(u.app(cat))
	mux.Handle("/", p.page)
	if p.http, err = public.New(cfg.HTTP, mux, func() bool { return u.isReady() && p.broker.Ready() }, role("http")); err != nil {
		return nil, err
	}
	if p.bridge, err = bridge.New(bridge.Config{Kafka: client}, cat, p.broker, role("bridge")); err != nil {
		return nil, err
	}
	return u, nil
}

// adminFiles fills in where the admin port keeps its files, those that the configuration names none for. Where the keys are ours, there is one from the start.
func (u *Up) adminFiles(cfg *admin.Config) error {
	dir := filepath.Join(u.cfg.DataDir, "admin")
	for _, f := range []struct {
		file *string
		name string
	}{{&cfg.AuditFile, "audit.jsonl"}, {&cfg.BannedFile, "banned.json"}} {
		if *f.file == "" {
			*f.file = filepath.Join(dir, f.name)
		}
	}
	if cfg.Listen == "" || cfg.KeysFile != "" {
		return nil
	}
	cfg.KeysFile, u.adminKey = filepath.Join(dir, "keys.yaml"), filepath.Join(dir, "operator.key")
	_, err := admin.FirstKey(cfg.KeysFile, u.adminKey)
	return err
}

// startKafka runs the embedded Kafka and makes its topics: the clients that New builds next need it.
func (u *Up) startKafka(cfg *Config, cat *catalog.Catalog, log *slog.Logger) error {
	var k *embedded.Kafka
	var err error
	begun := time.Now()
	pprof.Do(context.Background(), pprof.Labels("role", "kafka"), func(context.Context) { k, err = embedded.New(cfg.Kafka, log) })
	if err != nil {
		return err
	}
	log.Info("Kafka is up, its logs are loaded", "took", time.Since(begun).Round(time.Millisecond))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = k.Run(ctx) // it only waits for the end
	}()
	u.parts.kafka, u.parts.stopKafka = k, func() { cancel(); <-done }
	admin, err := kafka.NewAdmin(context.Background(), kafka.Config{Brokers: k.Addr()})
	if err != nil {
		return err
	}
	defer admin.Close()
	_, err = admin.Apply(context.Background(), kafka.Specs(cat), 1)
	return err
}

// Reload reads the catalogue of contracts again, while Run runs: what is new is read from its source, what is gone is delisted, and what changed goes into the logs,
// from which everything else follows. An error changes nothing. It belongs to one goroutine.
func (u *Up) Reload() error {
	cat, err := catalog.Load(u.cfg.Topics, u.cfg.Contracts, catalog.Embedded)
	if err != nil {
		return err
	}
	next := u.cat.With(cat.Contracts)
	if err := u.parts.ingest.Reload(next.Contracts); err != nil {
		return err
	}
	if err := u.parts.engine.Reload(next.Contracts); err != nil {
		return err
	}
	u.parts.history.Reload(next)
	u.parts.bridge.Reload(next)
	u.parts.page.Reload(u.app(next))
	return nil
}

func (u *Up) isReady() bool {
	select {
	case <-u.ready:
		return true
	default:
		return false
	}
}

// Ready is closed when clients are accepted.
func (u *Up) Ready() <-chan struct{} { return u.ready }

// Addrs says where the parts listen.
func (u *Up) Addrs() Addrs {
	b := u.parts.broker.Addrs()
	a := Addrs{HTTP: u.parts.http.Addr(), MQTT: b.TCP, WebSocket: b.WebSocket, Admin: b.Admin, AdminKey: u.adminKey, Kafka: u.parts.kafka.Addr()}
	if u.parts.simulator != nil {
		a.Simulator = u.parts.simulator.URL()
	}
	return a
}

// abandon undoes what New had built when it failed.
func (u *Up) abandon() {
	if u.parts.marketLog != nil {
		_ = u.parts.marketLog.Close(0) // nothing was written
	}
	if u.parts.engineLog != nil {
		_ = u.parts.engineLog.Close(0)
	}
	if u.parts.store != nil {
		_ = u.parts.store.Close()
	}
	if u.parts.simulator != nil {
		closeUnused(u.parts.simulator.Run)
	}
	if u.parts.http != nil {
		closeUnused(u.parts.http.Run)
	}
	if u.parts.broker != nil {
		closeUnused(u.parts.broker.Run)
	}
	if u.parts.stopKafka != nil {
		u.parts.stopKafka()
	}
	if u.lock != nil {
		u.lock.Close()
	}
}

// closeWait bounds how long the last records may take into the embedded Kafka at the end.
const closeWait = 5 * time.Second
