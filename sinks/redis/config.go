package redis

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/tickcast/tickcast/kafka"
)

// Config says which Redis, and as whom.
type Config struct {
	Kafka        kafka.Config  `yaml:"kafka"`
	Address      string        `yaml:"address"` // host:port
	Username     string        `yaml:"username"`
	PasswordFile string        `yaml:"password_file"`
	PasswordEnv  string        `yaml:"password_env"`
	TLS          bool          `yaml:"tls"`
	Database     int           `yaml:"database"`
	Batch        int           `yaml:"batch"`   // values per round trip, at most
	Timeout      time.Duration `yaml:"timeout"` // of a round trip
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
	case c.PasswordFile != "" && c.PasswordEnv != "":
		return errors.New("password_file and password_env: only one can be given")
	case c.Username != "" && c.PasswordFile == "" && c.PasswordEnv == "":
		return errors.New("username: needs password_file or password_env")
	case c.Database < 0:
		return fmt.Errorf("database: %d is negative", c.Database)
	case c.Batch < 1 || c.Batch > 10_000:
		return fmt.Errorf("batch: %d, want 1 to 10000", c.Batch)
	case c.Timeout < 10*time.Millisecond || c.Timeout > time.Minute:
		return fmt.Errorf("timeout: %s, want 10ms to 1m", c.Timeout)
	}
	return nil
}

func (c Config) password() (string, error) {
	switch {
	case c.PasswordEnv != "":
		p := os.Getenv(c.PasswordEnv)
		if p == "" {
			return "", fmt.Errorf("password_env: environment variable %s is empty", c.PasswordEnv)
		}
		return p, nil
	case c.PasswordFile != "":
		b, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return "", fmt.Errorf("password_file: %w", err)
		}
		return strings.TrimRight(string(b), "\r\n"), nil
	}
	return "", nil
}

// options has no retries: a connection that broke must be seen, since a Redis that began anew has nothing of what it had.
func (c Config) options() (*goredis.Options, error) {
	password, err := c.password()
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
