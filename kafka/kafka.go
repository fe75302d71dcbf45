// Package kafka is the one importer of confluent-kafka-go: producers, readers and the admin calls that the roles need, with the settings that the live
// path asks for. The roles see records, offsets and errors, never the driver.
package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Config says which cluster to talk to.
type Config struct {
	Brokers string      `yaml:"brokers"` // host:port, separated by commas
	TLS     *TLSConfig  `yaml:"tls"`     // nil: connections are not encrypted
	SASL    *SASLConfig `yaml:"sasl"`    // nil: Kafka does not ask who this is

	// Of topics that `topics apply` creates.
	Replication int `yaml:"replication"`         // replicas; 0: one
	MinInSync   int `yaml:"min_insync_replicas"` // of these, so many have a record before it counts as written; 0: as the brokers have it
}

// DefaultConfig points at the embedded Kafka's usual port.
func DefaultConfig() Config { return Config{Brokers: "127.0.0.1:19092"} }

// Validate names the key that is wrong.
func (c Config) Validate() error {
	if c.Brokers == "" {
		return fmt.Errorf("kafka.brokers: is missing")
	}
	if c.Replication < 0 || c.Replication > 100 {
		return fmt.Errorf("kafka.replication: %d, want 1 to 100", c.Replication)
	}
	if c.MinInSync < 0 || c.MinInSync > max(c.Replication, 1) {
		return fmt.Errorf("kafka.min_insync_replicas: %d, want at most kafka.replication, %d", c.MinInSync, max(c.Replication, 1))
	}
	return c.validateSecurity()
}

// ConnectTimeout is how long a role waits for a first answer of the cluster before it gives up with an error.
const ConnectTimeout = 10 * time.Second

// Header is one header of a record.
type Header struct {
	Key   string
	Value []byte
}

// base are the settings of every client.
func (c Config) base(name string, more ck.ConfigMap) (*ck.ConfigMap, error) {
	m, err := c.security()
	if err != nil {
		return nil, err
	}
	maps.Copy(m, ck.ConfigMap{
		"bootstrap.servers":        c.Brokers,
		"client.id":                name,
		"enable.metrics.push":      false, // librdkafka 2.11 and later pushes telemetry, and logs it
		"log_level":                3,
		"reconnect.backoff.ms":     50,
		"reconnect.backoff.max.ms": 2000,
		"socket.keepalive.enable":  true,
		"socket.nagle.disable":     true,
		// a topic that was just created must be seen at once
		"topic.metadata.refresh.fast.interval.ms": 50,
	})
	maps.Copy(m, more)
	return &m, nil
}

// Unreachable says whether an error means that the cluster does not answer now, which passes, rather than that something is wrong.
func Unreachable(err error) bool {
	var e ck.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() {
	case ck.ErrTimedOut, ck.ErrTransport, ck.ErrAllBrokersDown, ck.ErrLeaderNotAvailable, ck.ErrNotLeaderForPartition, ck.ErrRequestTimedOut:
		return true
	}
	return false
}

// report logs what librdkafka says of itself: connection trouble is a warning, it goes on trying.
func report(log *slog.Logger, cfg Config, e ck.Error) {
	if e.Code() == ck.ErrAllBrokersDown {
		log.Warn("Kafka is not reachable; trying again", "brokers", cfg.Brokers)
		return
	}
	log.Warn("Kafka client", "error", explain(cfg, e))
}
