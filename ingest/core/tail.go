package core

import (
	"fmt"

	"github.com/tickcast/tickcast/market"
)

// Tail is what the end of a log says, whatever its kind.
type Tail struct {
	Any        bool
	Newest     market.Record
	Writer     int64
	Epoch, Seq int64
	ClockMs    int64
	Contract   market.Record // the last contract record
	HasSpec    bool
}

// Read takes the next record. It follows the rules of every reader: records of an older writer after a newer one's open do not count, nor does a seq that is
// not above the last. anew: an epoch begins with it, and what was before counts no more.
func (t *Tail) Read(r *market.Record) (counts, anew bool) {
	if r.Kind == market.KindOpen {
		t.Writer = max(t.Writer, r.Writer)
	}
	if r.Writer < t.Writer || r.Epoch < t.Epoch || r.Epoch == t.Epoch && r.Seq <= t.Seq {
		return false, false
	}
	if anew = r.Epoch != t.Epoch; anew {
		*t = Tail{}
	}
	t.Any, t.Newest = true, *r
	t.Writer, t.Epoch, t.Seq = r.Writer, r.Epoch, r.Seq
	switch r.Kind {
	case market.KindClock:
		t.ClockMs = max(t.ClockMs, r.EventMs)
	case market.KindContract:
		t.Contract, t.HasSpec = *r, true
	}
	return true, anew
}

// OtherSource says that the log is of another source than l; empty if it is not.
func (t *Tail) OtherSource(l *Log) string {
	if t.Newest.Source == l.Contract.Source && t.Newest.Simulated == l.Simulated {
		return ""
	}
	return fmt.Sprintf("the log is of source %s (simulated: %t)", t.Newest.Source, t.Newest.Simulated)
}

// OtherMarket says why what l will write could not be compared with the log; empty if it can. price and qty are the scales of what was written last, -1 if nothing was.
func (t *Tail) OtherMarket(l *Log, price, qty int) string {
	c, was := &l.Contract, &t.Contract.Spec.Contract
	switch {
	case price >= 0 && (price != c.Tick.Scale || qty != c.Step.Scale):
		return fmt.Sprintf("the log has %d and %d decimals", price, qty)
	case t.HasSpec && was.Symbol != c.Symbol:
		return fmt.Sprintf("the log is of symbol %s", was.Symbol)
	case t.HasSpec && (was.Tick.Scale != c.Tick.Scale || was.Step.Scale != c.Step.Scale):
		return fmt.Sprintf("the log's tick and step are %s and %s", was.Tick, was.Step)
	}
	return ""
}
