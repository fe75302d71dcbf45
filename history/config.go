package history

import (
	"fmt"
	"time"

	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/kafka"
)

// Config of the history API.
type Config struct {
	Kafka           kafka.Config     `yaml:"kafka"`
	Trades          int              `yaml:"trades"`            // newest trades per contract, for aggTrades; also how many records per partition are read back at the start
	WeightPerMinute int              `yaml:"weight_per_minute"` // request weight that one address may use
	Timeout         configs.Duration `yaml:"timeout"`           // of one request
}

// DefaultConfig has Binance's limit.
func DefaultConfig() Config {
	return Config{Kafka: kafka.DefaultConfig(), Trades: 20_000, WeightPerMinute: 6000, Timeout: configs.Duration(5 * time.Second)}
}

// Validate names the key that is wrong.
func (c Config) Validate() error {
	if err := c.Kafka.Validate(); err != nil {
		return err
	}
	switch {
	case c.Trades < 1 || c.Trades > 1_000_000:
		return fmt.Errorf("trades: %d, want 1 to 1000000", c.Trades)
	case c.WeightPerMinute < 250 || c.WeightPerMinute > 1_000_000:
		return fmt.Errorf("weight_per_minute: %d, want 250, the heaviest request, to 1000000", c.WeightPerMinute)
	case c.Timeout.D() < 100*time.Millisecond || c.Timeout.D() > 25*time.Second:
		return fmt.Errorf("timeout: %s, want 100ms to 25s", c.Timeout)
	}
	return nil
}
