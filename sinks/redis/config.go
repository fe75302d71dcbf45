package redis

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/kafka"
)

// Config says which Redis, and as whom.
type Config struct {
	Kafka          kafka.Config `yaml:"kafka"`
	Address        string       `yaml:"address"` // host:port
	Username       string       `yaml:"username"`
	configs.Secret `yaml:",inline"`
	TLS            bool          `yaml:"tls"`
	Database       int           `yaml:"database"`
	Batch          int           `yaml:"batch"`   // values per round trip, at most
	Timeout        time.Duration `yaml:"timeout"` // of a round trip
}

// DefaultConfig is a Redis of this machine without a password.
func DefaultConfig() Config {
	return Config{Kafka: kafka.DefaultConfig(), Address: "127.0.0.1:6379", Batch: 256, Timeout: time.Second}
}

// Validate names the key that is wrong.
func (c Config) Validate() error {
	if err := c.Kafka.Validate(); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(c.Address)
	switch {
	case err != nil || host == "" || port == "":
		return fmt.Errorf("address: %q, want host:port", c.Address)
	case c.Username != "" && !c.Given():
		return errors.New("username: needs password_file or password_env")
	case c.Database < 0:
		return fmt.Errorf("database: %d is negative", c.Database)
	case c.Batch < 1 || c.Batch > 10_000:
		return fmt.Errorf("batch: %d, want 1 to 10000", c.Batch)
	case c.Timeout < 10*time.Millisecond || c.Timeout > time.Minute:
		return fmt.Errorf("timeout: %s, want 10ms to 1m", c.Timeout)
	}
	return c.Secret.Validate()
}

// options has no retries: a connection that broke must be seen, since a Redis that began anew has nothing of what it had.
func (c Config) options() (*goredis.Options, error) {
	password, err := c.Read()
	if err != nil {
		return nil, err
	}
	o := &goredis.Options{Addr: c.Address, ClientName: "tickcast", Username: c.Username, Password: password, DB: c.Database, MaxRetries: -1, PoolSize: 1, ContextTimeoutEnabled: true,
		DialTimeout: c.Timeout, ReadTimeout: c.Timeout, WriteTimeout: c.Timeout, DisableIdentity: true}
	if c.TLS {
		host, _, _ := net.SplitHostPort(c.Address) // Validate has read it
		o.TLSConfig = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	}
	return o, nil
}
