//go:build linux

package stackbench

import (
	"fmt"
	"math"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/compute/candle"
	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/market"
)

// ledgerRecord is a closed candle: its version and its value without tsc, the one field in which two computations may differ.
type ledgerRecord struct {
	version market.Version
	value   string
}

// expectation is the ledger as compute's Go core makes it. It belongs to one goroutine.
type expectation struct {
	machines map[string]*candle.Machine
	decoder  market.Decoder
	record   market.Record
	ledger   map[string]ledgerRecord // the newest version of each key
	written  int                     // records, revisions included
}

func newExpectation() *expectation {
	return &expectation{machines: map[string]*candle.Machine{}, ledger: map[string]ledgerRecord{}}
}

// take computes one record of market.trades.
func (e *expectation) take(value []byte) error {
	if err := e.decoder.Decode(value, &e.record); err != nil {
		return err
	}
	m := e.machines[e.record.Contract]
	if m == nil {
		m = candle.New(e.record.Contract, math.MaxInt64, e.emit) // a job that never begins writes the ledger only
		e.machines[e.record.Contract] = m
	}
	v, err := m.Apply(&core.Input{Record: &e.record, Value: value, Thin: true})
	if err != nil || v != core.Applied {
		return fmt.Errorf("record %s of %s: %s, %v", e.record.Kind, e.record.Contract, v, err)
	}
	return nil
}

func (e *expectation) emit(o *core.Output) {
	if o.Topic == catalog.LedgerCandles {
		e.written++
		e.ledger[string(o.Key)] = ledgerRecord{o.Version, market.WithoutComputeTime(o.Value)}
	}
}

// differences compares a ledger with the expected one, and says so of the first few keys.
func (e *expectation) differences(got map[string]ledgerRecord) (n int, examples []string) {
	const shown = 3
	say := func(format string, args ...any) {
		n++
		if n <= shown {
			examples = append(examples, fmt.Sprintf(format, args...))
		}
	}
	for key, want := range e.ledger {
		if is, ok := got[key]; !ok {
			say("%s is missing", key)
		} else if is != want {
			say("%s: is %s %s, want %s %s", key, is.version, is.value, want.version, want.value)
		}
	}
	for key := range got {
		if _, ok := e.ledger[key]; !ok {
			say("%s was not expected", key)
		}
	}
	return n, examples
}
