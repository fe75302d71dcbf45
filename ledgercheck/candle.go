// Package ledgercheck compares the ledger of closed candles with what an independent job (flink-sql/sql/check_candles.sql) makes of the same log.
package ledgercheck

import (
	"encoding/json"
	"fmt"
	"math/big"
	"time"
)

// periods are those that the job computes, with their length.
var periods = map[string]int64{"1m": time.Minute.Milliseconds(), "5m": 5 * time.Minute.Milliseconds(), "1h": time.Hour.Milliseconds()}

// Candle is a record of either topic. It is read by the standard decoder, not by package market: what that gets wrong must not be wrong on both sides.
type Candle struct {
	Contract string `json:"s"`
	Epoch    int64  `json:"epoch"`
	Period   string `json:"i"`
	OpenMs   int64  `json:"t"`
	Traded

	// The ledger's.
	Seq     int64  `json:"seq"`
	Quality string `json:"q"`
	CloseMs int64  `json:"T"` // also because the decoder ignores case, and would take it for t

	// The job's.
	WholeMs *int64 `json:"whole"`   // from this time on the epoch's log has every trade; nil: it does not say
	Limited bool   `json:"limited"` // the contract does not serve all periods
}

// Traded is what is compared.
type Traded struct {
	Open             string `json:"o"`
	High             string `json:"h"`
	Low              string `json:"l"`
	Close            string `json:"c"`
	Volume           string `json:"v"`
	QuoteVolume      string `json:"qv"`
	Trades           int64  `json:"n"`
	TakerVolume      string `json:"bv"`
	TakerQuoteVolume string `json:"bqv"`
	FirstID          int64  `json:"f"`
	LastID           int64  `json:"L"`
}

func decode(value []byte, c *Candle) error {
	*c = Candle{}
	if err := json.Unmarshal(value, c); err != nil {
		return err
	}
	if c.Contract == "" || c.Period == "" {
		return fmt.Errorf("a candle without contract or period: %.100q", value)
	}
	return nil
}

// field is one that differs.
type field struct{ name, ledger, check string }

// differs returns the fields in which the ledger's candle is not the job's; numbers are compared by value, whatever their zeros.
func (t *Traded) differs(check *Traded) []field {
	var fs []field
	for _, f := range []field{
		{"o", t.Open, check.Open}, {"h", t.High, check.High}, {"l", t.Low, check.Low}, {"c", t.Close, check.Close},
		{"v", t.Volume, check.Volume}, {"qv", t.QuoteVolume, check.QuoteVolume}, {"n", fmt.Sprint(t.Trades), fmt.Sprint(check.Trades)},
		{"bv", t.TakerVolume, check.TakerVolume}, {"bqv", t.TakerQuoteVolume, check.TakerQuoteVolume},
		{"f", fmt.Sprint(t.FirstID), fmt.Sprint(check.FirstID)}, {"L", fmt.Sprint(t.LastID), fmt.Sprint(check.LastID)},
	} {
		a, okA := new(big.Rat).SetString(f.ledger)
		b, okB := new(big.Rat).SetString(f.check)
		if !okA || !okB || a.Cmp(b) != 0 {
			fs = append(fs, f)
		}
	}
	return fs
}
