// Package up runs every role in one process, with Kafka inside: the embedded form.
package up

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/tickcast/tickcast/broker"
	"github.com/tickcast/tickcast/compute"
	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/engine"
	"github.com/tickcast/tickcast/history"
	"github.com/tickcast/tickcast/ingest"
	"github.com/tickcast/tickcast/kafka/embedded"
	"github.com/tickcast/tickcast/public"
	"github.com/tickcast/tickcast/simexchange"
	"github.com/tickcast/tickcast/sinks/store"
)

// Venues that `up` can take its market from.
const (
	VenueSimulator = "simulator" // an exchange simulator in the same process; needs no network
	VenueBinance   = "binance"   // live
)

// Config of the embedded form. Parts that name a folder or another part's address are filled in from DataDir and from where that part listens.
type Config struct {
	DataDir   string             `yaml:"data_dir"` // everything that survives a restart; empty: in memory
	Venue     string             `yaml:"venue"`    // simulator or binance
	Ports     string             `yaml:"ports"`    // fixed, or auto: a free port where one is taken
	Topics    string             `yaml:"topics"`   // path; empty: the shipped catalogue
	Contracts string             `yaml:"contracts"`
	HTTP      public.Config      `yaml:"http"`
	Kafka     embedded.Config    `yaml:"kafka"`
	Simulator simexchange.Config `yaml:"simulator"`
	Ingest    ingest.Config      `yaml:"ingest"`
	Engine    engine.Config      `yaml:"engine"`
	Compute   compute.Config     `yaml:"compute"`
	Broker    broker.Config      `yaml:"broker"`
	Store     store.Config       `yaml:"store"`
	History   history.Config     `yaml:"history"`
}

// DefaultConfig serves the simulator's market, and keeps it in ./data.
func DefaultConfig() Config {
	return Config{DataDir: "data", Venue: VenueSimulator, Ports: "fixed", HTTP: public.DefaultConfig(), Kafka: embedded.DefaultConfig(),
		Simulator: simexchange.DefaultConfig(), Ingest: ingest.DefaultConfig(), Engine: engine.DefaultConfig(), Compute: compute.DefaultConfig(), Broker: broker.DefaultConfig(),
		Store: store.DefaultConfig(), History: history.DefaultConfig()}
}

// Load reads a configuration file over the defaults; an empty path means the shipped up.yaml.
func Load(path string) (Config, error) {
	cfg := DefaultConfig()
	if path == "" {
		path = "up.yaml"
	}
	if err := configs.Load(path, &cfg); err != nil {
		return Config{}, err
	}
	return cfg, cfg.Validate()
}

// Validate names the key that is wrong. The parts are checked where they are built.
func (c *Config) Validate() error {
	switch {
	case c.Venue != VenueSimulator && c.Venue != VenueBinance:
		return fmt.Errorf("venue: %q, want %s or %s", c.Venue, VenueSimulator, VenueBinance)
	case c.Ports != "fixed" && c.Ports != "auto":
		return fmt.Errorf("ports: %q, want fixed or auto", c.Ports)
	}
	if err := c.HTTP.Validate(); err != nil {
		return err
	}
	return c.Kafka.Validate()
}

// freePorts replaces each listen address whose port is taken by one with a free port.
func (c *Config) freePorts() {
	for _, addr := range []*string{&c.HTTP.Listen, &c.Kafka.Listen, &c.Broker.TCP, &c.Broker.WebSocket, &c.Broker.TLS.TCP, &c.Broker.TLS.WebSocket, &c.Broker.Admin.Listen} {
		if *addr == "" {
			continue
		}
		l, err := net.Listen("tcp", *addr)
		if err == nil {
			l.Close()
			continue
		}
		if host, _, e := net.SplitHostPort(*addr); e == nil && errors.Is(err, syscall.EADDRINUSE) {
			*addr = net.JoinHostPort(host, "0")
		}
	}
}
