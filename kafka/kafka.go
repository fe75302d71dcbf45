// Package kafka is the one importer of confluent-kafka-go: producers, readers and the admin calls that the roles need, with the settings that the live
// path asks for. The roles see records, offsets and errors, never the driver.
package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Config says which cluster to talk to.
type Config struct {
	Brokers string `yaml:"brokers"` // host:port, separated by commas
}

// DefaultConfig points at the embedded Kafka's usual port.
func DefaultConfig() Config { return Config{Brokers: "127.0.0.1:19092"} }

// Validate names the key that is wrong.
func (c Config) Validate() error {
	if c.Brokers == "" {
		return fmt.Errorf("kafka.brokers: is missing")
	}
	return nil
}

// ConnectTimeout is how long a role waits for a first answer of the cluster before it gives up with an error.
const ConnectTimeout = 10 * time.Second

// Header is one header of a record.
type Header struct {
	Key   string
	Value []byte
}

// base are the settings of every client.
func (c Config) base(name string) ck.ConfigMap {
	return ck.ConfigMap{
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
	}
}

func with(m ck.ConfigMap, more ck.ConfigMap) *ck.ConfigMap {
	for k, v := range more {
		m[k] = v
	}
	return &m
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
func report(log *slog.Logger, brokers string, e ck.Error) {
	if e.Code() == ck.ErrAllBrokersDown {
		log.Warn("Kafka is not reachable; trying again", "brokers", brokers)
		return
	}
	log.Warn("Kafka client", "error", e.Error())
}
