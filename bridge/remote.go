package bridge

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/configs"
)

// RemoteConfig says how to reach an edge in another process, as its role publisher.
type RemoteConfig struct {
	URL            string `yaml:"url"`       // mqtt://host:1883 or mqtts://host:8883
	ClientID       string `yaml:"client_id"` // empty: one of its own per process
	Username       string `yaml:"username"`
	configs.Secret `yaml:",inline"`
}

// Validate names the key that is wrong.
func (c RemoteConfig) Validate() error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "mqtt" && u.Scheme != "mqtts" {
		return fmt.Errorf("remote.url: %q, want mqtt://host:port or mqtts://host:port", c.URL)
	}
	if u.User != nil {
		return errors.New("remote.url: must not hold a password; use password_file or password_env")
	}
	if c.Username == "" {
		return errors.New("remote.username: is missing")
	}
	if !c.Given() || c.Secret.Validate() != nil {
		return errors.New("remote: exactly one of password_file and password_env must be given")
	}
	return nil
}

// What may wait for a remote edge; beyond, the oldest is dropped and counted. Of closed candles and statuses the edge still gets each topic's newest.
const (
	maxFinals = 50_000
	maxEvents = 10_000
)

// Remote is an Edge in another process, reached over MQTT 5. It keeps the newest message of each topic, so that after each reconnection the edge gets all of
// them again (events only once); messages carry their version as user property `ver`, and the edge refuses what is older.
type Remote struct {
	cfg      RemoteConfig
	password []byte
	log      *slog.Logger
	wake     chan struct{}

	mu     sync.Mutex
	latest map[string]catalog.Message // what an edge would retain
	dirty  []string                   // topics of state whose latest message is to be sent, oldest change first
	repeat []string                   // topics of finals whose latest message is to be sent behind all finals that wait
	marked map[string]bool
	finals []catalog.Message
	events []catalog.Message
	loaded bool
	yield  bool // a final was sent: if something else waits it is next

	// Dropped counts finals and events that overflowed, Refused messages that the edge did not take.
	Dropped, Refused atomic.Int64
}

// NewRemote checks the configuration and reads the password; it does not connect yet.
func NewRemote(cfg RemoteConfig, log *slog.Logger) (*Remote, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.ClientID == "" {
		cfg.ClientID = "tickcast-bridge-" + rand.Text()[:8] // two bridges of one name would take each other's session over for ever
	}
	pw, err := cfg.Read()
	if err != nil {
		return nil, fmt.Errorf("remote.%w", err)
	}
	return &Remote{cfg: cfg, password: []byte(pw), log: log, wake: make(chan struct{}, 1), latest: map[string]catalog.Message{}, marked: map[string]bool{}}, nil
}

// Publish implements Edge: it queues, a state topic's waiting message is replaced.
func (r *Remote) Publish(m catalog.Message) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, known := r.latest[m.Topic]
	newest := !known || supersedes(m, old)
	if newest {
		r.latest[m.Topic] = m
	} else if m.Class != catalog.Final || m.Version.T == old.Version.T {
		return false
	}
	switch m.Class {
	case catalog.Final:
		if len(r.finals) >= maxFinals {
			r.mark(r.finals[0].Topic)
		}
		r.finals = r.bounded(r.finals, maxFinals, m)
	case catalog.Event:
		r.events = r.bounded(r.events, maxEvents, m)
	default:
		r.mark(m.Topic)
	}
	r.kick()
	return true
}

func (r *Remote) bounded(line []catalog.Message, most int, m catalog.Message) []catalog.Message {
	if len(line) >= most {
		line = line[1:]
		r.Dropped.Add(1)
	}
	return append(line, m)
}

// supersedes says whether an edge that holds old as a topic's value would hold m instead: of closed candles it holds that of the greatest t, whatever its epoch.
// Where one of the two clears the topic, t means nothing and the log decides.
func supersedes(m, old catalog.Message) bool {
	a, b := m.Version, old.Version
	switch {
	case len(m.Payload) == 0 || len(old.Payload) == 0:
		return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Seq, b.Seq)) > 0
	case m.Class == catalog.Final && a.T != b.T:
		return a.T > b.T
	}
	return b.Less(a)
}

// SetLoaded tells that the bridge has loaded the newest state of every key: the edge may be told so.
func (r *Remote) SetLoaded() {
	r.mu.Lock()
	r.loaded = true
	r.mu.Unlock()
	r.kick()
}

func (r *Remote) mark(topic string) {
	if !r.marked[topic] {
		r.marked[topic] = true
		if r.latest[topic].Class == catalog.Final {
			r.repeat = append(r.repeat, topic)
		} else {
			r.dirty = append(r.dirty, topic)
		}
	}
}

func (r *Remote) kick() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run connects, and again whenever the connection is lost, and sends until ctx ends.
func (r *Remote) Run(ctx context.Context) error {
	u, err := url.Parse(r.cfg.URL)
	if err != nil {
		return fmt.Errorf("remote.url: %w", err)
	}
	up := make(chan struct{}, 1)
	connection := connection{lost: true} // until it is there
	cm, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls: []*url.URL{u}, KeepAlive: 20, CleanStartOnInitialConnection: true, ConnectTimeout: 10 * time.Second,
		ConnectUsername: r.cfg.Username, ConnectPassword: r.password,
		ReconnectBackoff: autopaho.NewExponentialBackoff(100*time.Millisecond, 10*time.Second, 500*time.Millisecond, 2),
		OnConnectionUp: func(*autopaho.ConnectionManager, *paho.Connack) {
			r.log.Info("connected to the edge", "url", r.cfg.URL)
			connection.begin()
			select {
			case up <- struct{}{}:
			default:
			}
		},
		AttemptConnection: func(ctx context.Context, cfg autopaho.ClientConfig, u *url.URL) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, cfg.ConnectTimeout)
			defer cancel()
			c, err := dial(ctx, u)
			if err != nil {
				return nil, err
			}
			connection.use(c)
			return c, nil
		},
		OnConnectError:   func(err error) { r.log.Warn("edge is not reachable; trying again", "url", r.cfg.URL, "error", err) },
		OnConnectionDown: func() bool { connection.end(); return true }, // before the next attempt; OnClientError may come after that has succeeded
		ClientConfig:     paho.ClientConfig{ClientID: r.cfg.ClientID, PacketTimeout: 10 * time.Second},
	})
	if err != nil {
		return fmt.Errorf("connect to edge %s: %w", r.cfg.URL, err)
	}
	defer func() {
		bye, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = cm.Disconnect(bye) // the process ends; an edge that does not hear it closes by keep alive
	}()
	told, said := false, true // before the first connection OnConnectError says what is wrong
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-up:
			r.remarkAll()
			told, said = false, false
		case <-r.wake:
		}
		if connection.isLost() {
			continue // what waits is sent after the reconnection
		}
		sending, cancel := connection.bound(ctx)
		err := r.drain(sending, cm, &connection)
		if err == nil && !told && r.isLoaded() && len(up) == 0 { // a new connection may lead to an edge that has nothing yet
			_, err = cm.Publish(sending, &paho.Publish{Topic: catalog.BridgeTopic, QoS: 1, Payload: []byte(catalog.BridgeReady)})
			told = err == nil
		}
		cancel()
		if err != nil && !said && ctx.Err() == nil {
			said = true
			r.log.Warn("edge lost; its state is sent again after the reconnection", "error", err)
		}
	}
}

// connection is the one to the edge. It ends what waits for acknowledgements when it is lost; they would be awaited for PacketTimeout.
type connection struct {
	mu     sync.Mutex
	lost   bool
	cancel context.CancelFunc
	conn   *corked
}

func (c *connection) use(conn *corked) { c.mu.Lock(); c.conn = conn; c.mu.Unlock() }

// hold has the connection gather what is written to it, or write it.
func (c *connection) hold(on bool) {
	c.mu.Lock()
	conn := c.conn
	c.mu.Unlock()
	conn.hold(on)
}

func (c *connection) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = false
}

func (c *connection) isLost() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.lost }

func (c *connection) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = true
	if c.cancel != nil {
		c.cancel()
	}
}

// bound is ctx until the connection is lost. It belongs to one goroutine.
func (c *connection) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel = cancel; c.lost {
		cancel()
	}
	return ctx, cancel
}

func (r *Remote) isLoaded() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.loaded }

// remarkAll makes every topic's newest message wait to be sent.
func (r *Remote) remarkAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for topic, m := range r.latest {
		if m.Class != catalog.Event {
			r.mark(topic)
		}
	}
}

// drain sends what waits; the first error leaves the rest waiting.
func (r *Remote) drain(ctx context.Context, cm *autopaho.ConnectionManager, c *connection) error {
	c.hold(true)
	defer c.hold(false)
	for {
		m, ok := r.next()
		if !ok {
			return nil
		}
		p := &paho.Publish{Topic: m.Topic, QoS: 0, Retain: m.Class != catalog.Event, Payload: m.Payload,
			Properties: &paho.PublishProperties{User: paho.UserProperties{{Key: catalog.VersionName, Value: m.Version.String()}}}}
		if m.Class == catalog.Final {
			p.QoS = 1
			c.hold(false) // its acknowledgement is waited for
		}
		res, err := cm.Publish(ctx, p)
		if m.Class == catalog.Final {
			c.hold(true)
		}
		if res != nil && res.ReasonCode >= 0x80 {
			r.Refused.Add(1)
			r.log.Warn("edge refused a message", "topic", m.Topic, "reason", fmt.Sprintf("0x%02x", res.ReasonCode))
			continue
		}
		if err != nil {
			r.again(m)
			return fmt.Errorf("publish %s: %w", m.Topic, err)
		}
	}
}

// next takes turns: each final waits for its acknowledgement, and after a start or a crash thousands of them come at once, which must not hold up what happens now.
func (r *Remote) next() (catalog.Message, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.finals) > 0 && (!r.yield || len(r.events) == 0 && len(r.dirty) == 0) {
		m := r.finals[0]
		r.finals, r.yield = r.finals[1:], true
		return m, true
	}
	r.yield = false
	if len(r.events) > 0 {
		m := r.events[0]
		r.events = r.events[1:]
		return m, true
	}
	for _, line := range []*[]string{&r.dirty, &r.repeat} { // finals wait no more, or the first is not empty
		if len(*line) > 0 {
			topic := (*line)[0]
			*line = (*line)[1:]
			delete(r.marked, topic)
			return r.latest[topic], true
		}
	}
	return catalog.Message{}, false
}

// again puts a message that was not sent back to the front.
func (r *Remote) again(m catalog.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch m.Class {
	case catalog.Final:
		r.finals = append([]catalog.Message{m}, r.finals...)
	case catalog.Event:
		r.events = append([]catalog.Message{m}, r.events...)
	default:
		r.mark(m.Topic)
	}
}
