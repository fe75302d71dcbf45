package broker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/tickcast/tickcast/broker/admin"
	"github.com/tickcast/tickcast/broker/token"
	"github.com/tickcast/tickcast/broker/wire"
	"github.com/tickcast/tickcast/configs"
)

// Config is the edge's configuration. DefaultConfig gives the values that a file may leave out.
type Config struct {
	TCP            string   `yaml:"tcp"`            // listen address of MQTT over TCP, empty: none
	WebSocket      string   `yaml:"websocket"`      // listen address of MQTT over WebSocket, empty: none
	WebSocketPath  string   `yaml:"websocket_path"` // path of the upgrade request
	TLS            TLS      `yaml:"tls"`
	Proxies        []string `yaml:"proxies"`         // networks (CIDR) of load balancers, whose connections must begin with a PROXY protocol header
	AllowedOrigins []string `yaml:"allowed_origins"` // Origin headers that may connect over WebSocket; empty: any

	AnonymousRead  bool         `yaml:"anonymous_read"`  // clients without credentials may subscribe to public topics
	PublicTopics   []string     `yaml:"public_topics"`   // filters: what anonymous clients and those whose token names no topics may subscribe to
	Tokens         token.Config `yaml:"tokens"`          // clients that show a JSON Web Token as their password
	AwaitPublisher bool         `yaml:"await_publisher"` // refuse ordinary clients unless a publisher is connected that has sent `ready` on $tickcast/bridge
	Publishers     []Publisher  `yaml:"publishers"`      // who may publish on market topics

	StrictClientIDs bool     `yaml:"strict_client_ids"` // printable ASCII without / + #
	General         *General `yaml:"general_purpose"`   // nil: market topics only

	ArrivalTopics []ArrivalTopics `yaml:"arrival_topics"` // topics for measuring, whose messages carry no version

	Admin admin.Config `yaml:"admin"` // the port for operators

	MaxConnections           int `yaml:"max_connections"`
	MaxConnectionsPerAddress int `yaml:"max_connections_per_address"` // of one IPv4 address or IPv6 /64; a proxy in front needs more; 0: no limit
	ConnectsPerAddress       int `yaml:"connects_per_address"`        // new connections of one such address within 10 s; 0: no limit
	RequestsPerSecond        int `yaml:"requests_per_second"`         // packets and filters of one client, acknowledgements aside; 0: no limit
	RequestsPerAddress       int `yaml:"requests_per_address"`        // the same of all clients of one such address in a second; 0: no limit
	MaxSessions              int `yaml:"max_sessions"`                // connected or waiting for their client to come back; those that wait make room
	MaxFilters               int `yaml:"max_filters"`                 // subscriptions of one client
	MaxAllFilters            int `yaml:"max_all_filters"`             // subscriptions of all clients
	MaxFilterLevels          int `yaml:"max_filter_levels"`
	MaxFilterBytes           int `yaml:"max_filter_bytes"`

	QueueMessages  int           `yaml:"queue_messages"`             // closed candles and status that may wait per session before it is ended
	EventMessages  int           `yaml:"event_messages"`             // events that may wait per connection before the oldest is dropped
	ClientMessages int           `yaml:"client_messages_per_second"` // that one client is sent; a token may say otherwise; 0: no limit
	ClientBytes    configs.Bytes `yaml:"client_bytes_per_second"`    // the same of bytes
	InflightWindow int           `yaml:"inflight_window"`            // unacknowledged QoS 1 messages per session, unless the client's Receive Maximum is lower

	MaxPacket       configs.Bytes    `yaml:"max_packet"`        // largest packet that a client may send
	ConnectTimeout  configs.Duration `yaml:"connect_timeout"`   // from accept to CONNECT
	WriteTimeout    configs.Duration `yaml:"write_timeout"`     // a socket that takes nothing for so long is closed
	MaxKeepalive    configs.Duration `yaml:"max_keepalive"`     // MQTT 5 clients with none or a longer one are told to use this
	SessionExpiry   configs.Duration `yaml:"session_expiry"`    // longest that a session outlives its connection
	ShutdownTimeout configs.Duration `yaml:"shutdown_timeout"`  // for flushing queues when the edge stops
	SendBuffer      configs.Bytes    `yaml:"send_buffer"`       // kernel's send buffer per socket: what waits there is not conflated
	UnsentLowWater  configs.Bytes    `yaml:"unsent_low_water"`  // TCP_NOTSENT_LOWAT
	BatchBytes      configs.Bytes    `yaml:"write_batch_bytes"` // what is gathered for one write to a connection
}

// TLS are the encrypted listeners and their certificate, which is read again when its files change.
type TLS struct {
	TCP         string `yaml:"tcp"`         // listen address of MQTT over TLS, empty: none
	WebSocket   string `yaml:"websocket"`   // listen address of MQTT over secure WebSocket, empty: none
	Certificate string `yaml:"certificate"` // PEM file: the chain
	Key         string `yaml:"key"`         // PEM file
}

// Publisher is a user that may publish. The password comes from a file or an environment variable, so that no configuration holds it, except where only
// this machine can connect.
type Publisher struct {
	User         string `yaml:"user"`
	Password     string `yaml:"password"` // with listeners on loopback only
	PasswordFile string `yaml:"password_file"`
	PasswordEnv  string `yaml:"password_env"`
}

// DefaultConfig returns the default configuration.
func DefaultConfig() Config {
	return Config{
		TCP:           ":1883",
		WebSocket:     ":8083",
		WebSocketPath: "/mqtt",
		AnonymousRead: true,
		Admin:         admin.DefaultConfig(),
		PublicTopics:  []string{"candle/#", "ticker/#", "bbo/#", "orderbook/#", "trade/#", "refprice/#", "status/#"},

		MaxConnections:           20000,
		MaxConnectionsPerAddress: 1000,
		ConnectsPerAddress:       2000,
		RequestsPerSecond:        100,
		RequestsPerAddress:       5000,
		MaxSessions:              40000,
		MaxFilters:               2000,
		MaxAllFilters:            500_000,
		MaxFilterLevels:          8,
		MaxFilterBytes:           256,

		QueueMessages:  4096,
		EventMessages:  1024,
		InflightWindow: 256,

		MaxPacket:       64 << 10,
		ConnectTimeout:  configs.Duration(10 * time.Second),
		WriteTimeout:    configs.Duration(5 * time.Second),
		MaxKeepalive:    configs.Duration(5 * time.Minute),
		SessionExpiry:   configs.Duration(15 * time.Minute),
		ShutdownTimeout: configs.Duration(500 * time.Millisecond),
		SendBuffer:      64 << 10,
		UnsentLowWater:  16 << 10,
		BatchBytes:      16 << 10,
	}
}

// Validate names the first key whose value cannot be used.
func (c *Config) Validate() error {
	if c.TCP == "" && c.WebSocket == "" && !c.TLS.configured() {
		return errors.New("tcp, websocket, tls: at least one listen address is needed")
	}
	if c.TLS.configured() && (c.TLS.Certificate == "" || c.TLS.Key == "") {
		return errors.New("tls: certificate and key are needed")
	}
	if _, err := parseNetworks(c.Proxies); err != nil {
		return fmt.Errorf("proxies%w", err)
	}
	for _, a := range []struct{ key, addr string }{{"tcp", c.TCP}, {"websocket", c.WebSocket}, {"tls.tcp", c.TLS.TCP}, {"tls.websocket", c.TLS.WebSocket}} {
		if _, _, err := net.SplitHostPort(a.addr); a.addr != "" && err != nil {
			return fmt.Errorf("%s: %q is not host:port: %w", a.key, a.addr, err)
		}
	}
	if !strings.HasPrefix(c.WebSocketPath, "/") {
		return fmt.Errorf("websocket_path: %q must begin with /", c.WebSocketPath)
	}
	if c.AwaitPublisher && len(c.Publishers) == 0 {
		return errors.New("await_publisher: needs an entry in publishers, or no client could ever connect")
	}
	for i, f := range c.PublicTopics {
		if !wire.ValidFilter(f) {
			return fmt.Errorf("public_topics[%d]: %q is no topic filter", i, f)
		}
	}
	if c.General != nil {
		for i, f := range c.General.RefuseFilters {
			if !wire.ValidFilter(f) {
				return fmt.Errorf("general_purpose.refuse_filters[%d]: %q is no topic filter", i, f)
			}
		}
	}
	if err := c.Tokens.Validate(); err != nil {
		return fmt.Errorf("tokens.%w", err)
	}
	for i, p := range c.Publishers {
		if p.User == "" {
			return fmt.Errorf("publishers[%d].user: is empty", i)
		}
		given := 0
		for _, from := range []string{p.Password, p.PasswordFile, p.PasswordEnv} {
			if from != "" {
				given++
			}
		}
		if given != 1 {
			return fmt.Errorf("publishers[%d]: exactly one of password_file, password_env and password is needed", i)
		}
		if p.Password != "" && !c.loopbackOnly() {
			return fmt.Errorf("publishers[%d].password: a password that stands in the configuration needs tcp and websocket on a loopback address", i)
		}
	}
	for _, n := range []struct {
		key           string
		value, lo, hi int64
	}{
		{"max_connections", int64(c.MaxConnections), 1, 10_000_000},
		{"max_connections_per_address", int64(c.MaxConnectionsPerAddress), 0, 10_000_000},
		{"connects_per_address", int64(c.ConnectsPerAddress), 0, 10_000_000},
		{"requests_per_second", int64(c.RequestsPerSecond), 0, 10_000_000},
		{"requests_per_address", int64(c.RequestsPerAddress), 0, 10_000_000},
		{"max_sessions", int64(c.MaxSessions), 1, 10_000_000},
		{"max_filters", int64(c.MaxFilters), 1, 100_000},
		{"max_all_filters", int64(c.MaxAllFilters), 1, 1 << 30},
		{"max_filter_levels", int64(c.MaxFilterLevels), 1, 128},
		{"max_filter_bytes", int64(c.MaxFilterBytes), 1, 65535},
		{"queue_messages", int64(c.QueueMessages), 1, 1 << 24},
		{"event_messages", int64(c.EventMessages), 1, 1 << 24},
		{"client_messages_per_second", int64(c.ClientMessages), 0, 1 << 30},
		{"client_bytes_per_second", int64(c.ClientBytes), 0, 1 << 40},
		{"inflight_window", int64(c.InflightWindow), 1, 1024},
		{"max_packet", int64(c.MaxPacket), 1 << 10, 16 << 20},
		{"send_buffer", int64(c.SendBuffer), 4 << 10, 16 << 20},
		{"unsent_low_water", int64(c.UnsentLowWater), 1 << 10, 16 << 20},
		{"write_batch_bytes", int64(c.BatchBytes), 1 << 10, 1 << 20},
	} {
		if n.value < n.lo || n.value > n.hi {
			return fmt.Errorf("%s: %d is not within %d and %d", n.key, n.value, n.lo, n.hi)
		}
	}
	for _, d := range []struct {
		key           string
		value, lo, hi time.Duration
	}{
		{"connect_timeout", c.ConnectTimeout.D(), 10 * time.Millisecond, time.Minute},
		{"write_timeout", c.WriteTimeout.D(), 10 * time.Millisecond, 10 * time.Minute},
		{"max_keepalive", c.MaxKeepalive.D(), time.Second, 12 * time.Hour},
		{"session_expiry", c.SessionExpiry.D(), 0, 30 * 24 * time.Hour},
		{"shutdown_timeout", c.ShutdownTimeout.D(), 0, time.Minute},
	} {
		if d.value < d.lo || d.value > d.hi {
			return fmt.Errorf("%s: %s is not within %s and %s", d.key, d.value, d.lo, d.hi)
		}
	}
	if err := c.Admin.Validate(); err != nil {
		return err
	}
	return c.validateArrival()
}

// password reads the publisher's password. The error never contains it.
func (p *Publisher) password() (string, error) {
	if p.Password != "" {
		return p.Password, nil
	}
	if p.PasswordEnv != "" {
		v := os.Getenv(p.PasswordEnv)
		if v == "" {
			return "", fmt.Errorf("publisher %q: environment variable %s is not set", p.User, p.PasswordEnv)
		}
		return v, nil
	}
	b, err := os.ReadFile(p.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("publisher %q: read password: %w", p.User, err)
	}
	v := strings.TrimRight(string(b), "\r\n")
	if v == "" {
		return "", fmt.Errorf("publisher %q: password file %s is empty", p.User, p.PasswordFile)
	}
	return v, nil
}
