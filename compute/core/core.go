// Package core is what the pure cores of compute share: what a core is given and gives, which records of a log count, and the form of a saved state.
// flink-sql/README.md has its rules.
package core

import (
	"errors"
	"fmt"

	"github.com/tickcast/tickcast/market"
)

// Input is one log record with what the surroundings know about it.
type Input struct {
	Record    *market.Record
	Value     []byte // the record as it was read, for market.late
	AppendMs  int64  // Kafka's timestamp
	ComputeMs int64  // printed as tsc; decides nothing
	Thin      bool   // leave out in-progress versions until the next clock record
}

// Output is one record to be written. Its slices are the core's: they hold until the function that it is given to returns.
type Output struct {
	Topic   string // of Kafka
	Kind    string // header `kind`
	Version market.Version
	Key     []byte
	Ver     []byte // Version as the header has it
	Value   []byte // nil: the key is cleared
}

// Verdict says what became of a record.
type Verdict uint8

// The verdicts. All but Applied and Late mean that the record changed nothing, or made the state unusable (Invalid).
const (
	Applied   Verdict = iota
	OldWriter         // written by a fenced writer
	OldEpoch
	OldSeq   // seen before
	Waiting  // the state has no beginning yet
	Seeded   // event time before the log began: the seeds hold it
	Late     // beyond what is kept: sent to market.late
	Delisted // the contract has left the catalogue
	Invalid  // impossible: the error says why
	verdictCount
)

var verdictNames = [verdictCount]string{"applied", "old_writer", "old_epoch", "old_seq", "waiting", "seeded", "late", "delisted", "invalid"}

func (v Verdict) String() string { return verdictNames[v] }

// Bounds of event times, so that a poisoned record costs nothing.
const (
	MinEventMs = 31 * market.DayMs     // before it, weeks and months would open before 1970
	MaxEventMs = 253402300800000       // year 10000
	MaxJumpMs  = market.MaxClockJumpMs // ahead of the contract's clock; after a longer outage a log begins anew
)

// ErrJump is of a record that would move the contract's clock too far.
var ErrJump = errors.New("event time is too far ahead of the contract's clock")

// CheckTime refuses impossible event times.
func CheckTime(ms int64) error {
	if ms < MinEventMs || ms >= MaxEventMs {
		return fmt.Errorf("event time %d is impossible", ms)
	}
	return nil
}
