// Package broker is the edge: it keeps the latest value of every market topic and pushes it to MQTT clients over TCP and WebSocket.
//
// Stock mochi-mqtt is the control plane: CONNECT, SUBSCRIBE, PING, session takeover. Market data never goes through it, because its data path blocks every
// publisher behind one stalled client, drops the newest value and keeps old ones, and deadlocks. A hub of our own keeps one slot per topic, encoded once;
// a connection holds a set of topics that changed, and a pump sends their values of the moment when the socket takes them.
package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"

	"github.com/tickcast/tickcast/broker/admin"
	"github.com/tickcast/tickcast/broker/reload"
	"github.com/tickcast/tickcast/catalog"
)

// Broker is an MQTT edge.
type Broker struct {
	cfg      Config
	log      *slog.Logger
	classOf  func(topic string) (catalog.Class, bool)
	mqtt     *mqtt.Server
	hub      *hub
	life     *life // nil: nothing is sent again
	sessions *registry
	access   *access
	limits   filterLimits
	stats    counters
	ready    readiness
	pumps    []*pump
	intakes  []*intake     // none: a goroutine waits for each client
	accepts  atomic.Uint32 // connections that were given a pump
	bans     *bans
	gate     *gate
	drainer  *drainer
	admin    *admin.Server // nil: not configured
	general  *general      // nil: market topics only

	endpoints   []*endpoint
	certificate *reload.Value[*tls.Certificate] // nil: no encrypted endpoint

	listing sync.Mutex // held while a client takes its place in mochi's list, or is taken out

	mu      sync.Mutex
	conns   map[*conn]struct{}
	serving sync.WaitGroup // by mu: not added to once closed
	closed  bool
}

// Addrs are the addresses that the broker listens on, host:port; empty where it does not.
type Addrs struct{ TCP, WebSocket, TLS, SecureWebSocket, Admin string }

// New checks the configuration and binds the listeners. Nobody is accepted before Run.
func New(cfg Config, cat *catalog.Catalog, log *slog.Logger) (*Broker, error) {
	b, err := newBroker(cfg, cat.ClassOf, log)
	if err == nil {
		b.life = newLife(b.hub, cat.ContractOf, b.fed)
	}
	return b, err
}

func newBroker(cfg Config, classOf func(string) (catalog.Class, bool), log *slog.Logger) (*Broker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("broker configuration: %w", err)
	}
	acc, err := newAccess(&cfg)
	if err != nil {
		return nil, fmt.Errorf("broker configuration: %w", err)
	}
	b := &Broker{
		cfg: cfg, log: log, classOf: classOf, access: acc, sessions: newRegistry(), conns: map[*conn]struct{}{},
		limits: filterLimits{levels: cfg.MaxFilterLevels, bytes: cfg.MaxFilterBytes},
		ready:  readiness{grace: publisherGrace}, drainer: newDrainer(),
	}
	if b.bans, err = openBans(cfg.Admin.BannedFile); err != nil {
		return nil, fmt.Errorf("broker: admin.banned_file: %w", err)
	}
	for range max(1, runtime.GOMAXPROCS(0)/2) {
		b.pumps = append(b.pumps, newPump())
	}
	b.hub = &hub{index: newIndex(), maxEvents: cfg.EventMessages, stats: &b.stats, pumps: b.pumps, end: b.endOverflowed}
	if cfg.General != nil {
		b.general = &general{cfg: *cfg.General}
		log.Warn("general-purpose realm: clients may publish on every topic outside the reserved roots", "any_user", cfg.General.AnyUser)
	}
	b.mqtt = mqtt.New(mochiOptions(&cfg))
	if err := b.mqtt.AddHook(&hook{b: b}, nil); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	if err := b.bind(); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	if cfg.Admin.Listen != "" {
		if b.admin, err = admin.New(cfg.Admin, manage{b}, log); err != nil {
			b.unbind()
			return nil, fmt.Errorf("broker: %w", err)
		}
	}
	return b, nil
}

// receiveMaximum is what publishers are told.
const receiveMaximum = 256

// mochiOptions are the settings without which stock mochi cannot face the public; reference/mochi.md tells each reason.
func mochiOptions(cfg *Config) *mqtt.Options {
	caps := mqtt.NewDefaultServerCapabilities()
	caps.MaximumClientWritesPending = 1 // it has no messages for clients
	caps.MaximumPacketSize = uint32(cfg.MaxPacket)
	caps.MaximumMessageExpiryInterval = 0
	caps.MaximumSessionExpiryInterval = uint32(cfg.SessionExpiry.D().Seconds())
	caps.MaximumInflight = 256
	caps.ReceiveMaximum = receiveMaximum // of a publisher; mochi acknowledges each PUBLISH before it reads the next
	caps.MaximumQos = 1
	caps.TopicAliasMaximum = 0
	caps.SharedSubAvailable = 0
	caps.MinimumProtocolVersion = 4
	caps.Compatibilities.NoInheritedPropertiesOnAck = true
	if cfg.General != nil {
		generalOptions(caps)
	}
	return &mqtt.Options{
		Capabilities:             caps,
		ClientNetWriteBufferSize: 1,                             // whole packets in each Write
		ClientNetReadBufferSize:  64,                            // our reader has a buffer
		Logger:                   slog.New(slog.DiscardHandler), // it prints whole packets, passwords too
	}
}

// Publish stores a message as its topic's value and pushes it to the subscribers; false if it is not newer than the topic's version. It never blocks on a
// client. Safe for any number of goroutines; messages of one topic must come from one goroutine at a time to keep their order.
func (b *Broker) Publish(m Message) bool {
	ok := b.hub.publish(&m)
	b.hub.start()
	return ok
}

// Stats returns the counts.
func (b *Broker) Stats() Stats {
	s := b.stats.snapshot()
	s.Sessions = int64(b.sessions.len())
	s.Topics = int64(b.hub.index.size())
	return s
}

// openIntakes makes an intake for each pump, before anybody is accepted and Run gives them to their loops.
func (b *Broker) openIntakes() error {
	for range b.pumps {
		in, err := newIntake(b.inTurn, func(c *conn) { go b.end(c, os.ErrDeadlineExceeded) })
		if err != nil {
			return err
		}
		if in != nil {
			b.intakes = append(b.intakes, in)
		}
	}
	return nil
}

// Run accepts clients until ctx ends, then sends what waits, tells the clients and closes. It returns nil then, ErrDrained after an operator
// has drained it, or the error that stopped it.
func (b *Broker) Run(ctx context.Context) error {
	if err := b.openIntakes(); err != nil {
		b.unbind()
		return fmt.Errorf("broker: %w", err)
	}
	for _, a := range b.cfg.ArrivalTopics {
		b.log.Warn("topics for measuring: messages get their versions by arrival, repetitions are not recognized", "filter", a.Filter, "class", a.Class.String())
	}
	pumping, stopPumps := context.WithCancel(context.WithoutCancel(ctx))
	var pumps sync.WaitGroup
	for _, p := range b.pumps {
		pumps.Go(func() { p.Run(pumping) })
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, in := range b.intakes {
		pumps.Go(func() {
			if err := in.Run(pumping); err != nil {
				cancel(fmt.Errorf("broker: %w", err))
			}
		})
	}
	var loops sync.WaitGroup
	for _, e := range b.endpoints {
		loops.Go(func() {
			if err := b.accept(ctx, e); err != nil {
				cancel(fmt.Errorf("broker: accept %s: %w", e.name, err))
			}
		})
	}
	if b.certificate != nil {
		loops.Go(func() { b.certificate.Run(ctx, b.log) })
	}
	var last sync.WaitGroup // the admin port shows a drain to its end
	adminCtx, stopAdmin := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAdmin()
	if b.admin != nil {
		last.Go(func() {
			if err := b.admin.Run(adminCtx); err != nil {
				cancel(fmt.Errorf("broker: %w", err))
			}
		})
	}
	loops.Go(func() { b.expiryLoop(ctx) })
	if b.life != nil {
		loops.Go(func() { b.life.run(ctx) })
	}
	loops.Go(func() {
		if b.drainLoop(ctx) {
			cancel(ErrDrained)
		}
	})
	if tokens := b.access.tokens; tokens != nil {
		loops.Go(func() { tokens.Run(ctx, b.log) })
	}
	<-ctx.Done()

	// Listeners first, so that nobody connects to an edge that is going away; then what is queued, then the reason, then the sockets; the admin port last.
	loops.Wait()
	b.sayGoodbye()
	b.serving.Wait()
	if b.general != nil {
		b.general.wills.stop()
	}
	stopPumps()
	pumps.Wait()
	stopAdmin()
	last.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// fed says whether whoever feeds the edge is there, as far as that is to be known: a bridge in the same process says nothing about itself.
func (b *Broker) fed() bool { return !b.cfg.AwaitPublisher || b.ready.present() }

// Ready says whether ordinary clients are accepted: until a drain begins always, or with AwaitPublisher while a publisher is connected that has said that its
// state is complete.
func (b *Broker) Ready() bool {
	return !b.drainer.on() && (!b.cfg.AwaitPublisher || b.ready.at(time.Now()))
}
