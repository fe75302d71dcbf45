// Package core is what the pure cores of ingest share: what a core wants done, the envelope of a contract's log and the reports beside it, what the end of
// a log says, the source's clock, the connections.
package core

import "github.com/tickcast/tickcast/market"

// Input is a kind of input of a contract. Each has a log, and connections, of its own.
type Input uint8

// The kinds of input.
const (
	Trades Input = iota
	Books
)

func (i Input) String() string { return [...]string{"trades", "books"}[i] }

// Effects is what inputs caused. Records must reach the log in this order, and before the effects of later inputs.
type Effects struct {
	Records     []market.Record
	Quarantined []Quarantined
	Statuses    []market.Status
	Notes       []Note
	AskTime     bool // frames contradict what is known of the source's clock: REST's answer, to SourceTime, is wanted at once
}

// Note is a line for the operator's log.
type Note struct {
	Warn bool
	Text string
}
