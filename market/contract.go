package market

import (
	"fmt"
	"strings"
)

// Contract is what a client subscribes to: one market of one source, with its tick and step.
type Contract struct {
	ID     string // such as BTCUSDT or BTCUSDT.BINANCE; part of topic names
	Source string // a venue (binance, coinbase, kraken, okx) or engine
	Symbol string // the source's own name of the market
	Base   string
	Quote  string
	Tick   Unit     // smallest change of a price
	Step   Unit     // smallest change of a quantity
	Books  []Unit   // price resolutions of its order books
	Depth  int      // levels per side of an order book
	Period []Period // candles that are served, shortest first
}

// QuoteScale is the number of decimals of price times quantity.
func (c *Contract) QuoteScale() int { return c.Tick.Scale + c.Step.Scale }

// HasPeriod says whether candles of this period are served.
func (c *Contract) HasPeriod(p Period) bool {
	for _, q := range c.Period {
		if q == p {
			return true
		}
	}
	return false
}

// CheckID says whether an id may be part of a topic name: 1 to 32 of A-Z, 0-9, '.', '-', '_', beginning with a letter or digit.
func CheckID(id string) error {
	if len(id) == 0 || len(id) > 32 {
		return fmt.Errorf("contract id %.40q: must have 1 to 32 characters", id)
	}
	for i := 0; i < len(id); i++ {
		c := id[i]
		letter := c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || strings.IndexByte(".-_", c) < 0) {
			return fmt.Errorf("contract id %q: only A-Z, 0-9 and, not at its beginning, '.', '-', '_'", id)
		}
	}
	return nil
}

// Quality tells a client how far a value can be trusted.
type Quality uint8

// The qualities, best first.
const (
	QualityOK       Quality = iota // complete and current
	QualityFilled                  // taken over from the source's own candles instead of computed from trades
	QualityDegraded                // known to miss trades that could not be fetched
	QualityStale                   // the feed is down or silent: nothing newer is known
	QualitySuspect                 // kept, but statistically odd
)

var qualityNames = [...]string{"ok", "filled", "degraded", "stale", "suspect"}

func (q Quality) String() string {
	if int(q) >= len(qualityNames) {
		return fmt.Sprintf("Quality(%d)", uint8(q))
	}
	return qualityNames[q]
}

// ParseQuality reads the text form.
func ParseQuality[T text](s T) (Quality, error) {
	for i, n := range qualityNames {
		if string(s) == n {
			return Quality(i), nil
		}
	}
	return 0, fmt.Errorf("unknown quality %.20q", string(s))
}
