package compute

import (
	"fmt"
	"time"

	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/kafka"
)

// Config of compute.
type Config struct {
	Kafka           kafka.Config     `yaml:"kafka"`
	Checkpoint      string           `yaml:"checkpoint"`       // file of the state; empty: none, every start reads the whole log
	CheckpointEvery configs.Duration `yaml:"checkpoint_every"` // how much work a crash may cost
	RoundEvery      configs.Duration `yaml:"round_every"`      // full state of every key; 0: a third of the push topics' retention
}

// DefaultConfig reads from the embedded Kafka's usual port and keeps no checkpoint.
func DefaultConfig() Config {
	return Config{Kafka: kafka.DefaultConfig(), CheckpointEvery: configs.Duration(5 * time.Second)}
}

// Validate names the key that is wrong.
func (c Config) Validate() error {
	if err := c.Kafka.Validate(); err != nil {
		return err
	}
	if d := c.CheckpointEvery.D(); d < 100*time.Millisecond {
		return fmt.Errorf("checkpoint_every: %s is too short, at least 100ms", d)
	}
	if d := c.RoundEvery.D(); d != 0 && d < time.Second {
		return fmt.Errorf("round_every: %s is too short, at least 1s", d)
	}
	return nil
}
