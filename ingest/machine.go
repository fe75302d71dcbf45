package ingest

import (
	"context"

	"github.com/tickcast/tickcast/ingest/binance"
	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/ingest/depth"
	"github.com/tickcast/tickcast/ingest/feed"
	"github.com/tickcast/tickcast/market"
)

// machine is the pure core of one contract's log: feed for trades, depth for order books. It belongs to one goroutine; nowMs never goes back. What the calls cause
// is taken with effects, which is valid until the next call.
type machine interface {
	start(nowMs, writer int64, tail []market.Record)
	take(nowMs int64, e *binance.Event)
	sourceTime(nowMs, serverMs int64)
	tick(nowMs int64)
	wake(nowMs int64) int64
	// change takes the contract's new catalogue entry; the source's events are those of its symbol from now on.
	change(nowMs int64, c market.Contract)
	// delist says in the log that the contract has left the catalogue. Nothing comes after it.
	delist(nowMs int64)
	effects(src *binance.Source, symbol string) effects
	report(f *Feed)
}

// effects is what a core wants done. Records come first: they are what is waited for.
type effects struct {
	records     []market.Record
	quarantined []Quarantined
	statuses    []market.Status
	notes       []core.Note
	askTime     bool   // the source's time is wanted at once
	reconnect   string // not empty: the connections are to be replaced, for this reason
	// fetches ask the source's REST side, each on a goroutine of its own; what they return gives the answer to the core, on the core's goroutine.
	fetches []func(context.Context) (answer func(nowMs int64))
}

type trades struct{ *feed.Feed }

func (t trades) start(nowMs, writer int64, tail []market.Record) { t.Start(nowMs, writer, tail) }
func (t trades) sourceTime(nowMs, serverMs int64)                { t.SourceTime(nowMs, serverMs) }
func (t trades) tick(nowMs int64)                                { t.Tick(nowMs) }
func (t trades) wake(nowMs int64) int64                          { return t.Wake(nowMs) }
func (t trades) change(nowMs int64, c market.Contract)           { t.Change(nowMs, c) }
func (t trades) delist(nowMs int64)                              { t.Delist(nowMs) }
func (t trades) report(f *Feed)                                  { f.State, f.LastID, f.Trades = t.State(), t.LastID(), t.Counts }

func (t trades) take(nowMs int64, e *binance.Event) {
	switch e.Kind {
	case binance.EventTrade:
		t.Trade(nowMs, e.Conn, &e.Trade)
	case binance.EventWitness:
		t.Witness(nowMs, e.Conn, e.Witness, e.Trade.Raw)
	case binance.EventMalformed:
		t.Malformed(nowMs, e.Conn, e.Channel, e.Reason, e.Detail, e.Trade.Raw)
	case binance.EventUp:
		t.ConnUp(nowMs, e.Conn)
	case binance.EventDown:
		t.ConnDown(nowMs, e.Conn, e.Detail)
	}
}

func (t trades) effects(src *binance.Source, symbol string) effects {
	out := t.Take()
	e := effects{records: out.Records, quarantined: out.Quarantined, statuses: out.Statuses, notes: out.Notes, askTime: out.AskTime, reconnect: out.Reconnect}
	for _, r := range out.Requests {
		e.fetches = append(e.fetches, func(ctx context.Context) func(int64) {
			a := src.Fetch(ctx, symbol, r)
			return func(nowMs int64) { t.Answer(nowMs, &a) }
		})
	}
	return e
}

type books struct{ *depth.Feed }

func (b books) start(nowMs, writer int64, tail []market.Record) { b.Start(nowMs, writer, tail) }
func (b books) sourceTime(nowMs, serverMs int64)                { b.SourceTime(nowMs, serverMs) }
func (b books) tick(nowMs int64)                                { b.Tick(nowMs) }
func (b books) wake(nowMs int64) int64                          { return b.Wake(nowMs) }
func (b books) change(nowMs int64, c market.Contract)           { b.Change(nowMs, c) }
func (b books) delist(nowMs int64)                              { b.Delist(nowMs) }
func (b books) report(f *Feed)                                  { f.State, f.LastID, f.Books = b.State(), b.LastID(), b.Counts }

func (b books) take(nowMs int64, e *binance.Event) {
	switch e.Kind {
	case binance.EventDiff:
		b.Diff(nowMs, e.Conn, e.Diff)
	case binance.EventWitness:
		b.Heard(nowMs, e.Witness.EventMs)
	case binance.EventMalformed:
		b.Malformed(nowMs, e.Conn, e.Channel, e.Reason, e.Detail, e.Trade.Raw)
	case binance.EventUp:
		b.ConnUp(nowMs, e.Conn)
	case binance.EventDown:
		b.ConnDown(nowMs, e.Conn, e.Detail)
	}
}

func (b books) effects(src *binance.Source, symbol string) effects {
	out := b.Take()
	e := effects{records: out.Records, quarantined: out.Quarantined, statuses: out.Statuses, notes: out.Notes, askTime: out.AskTime}
	for _, r := range out.Requests {
		e.fetches = append(e.fetches, func(ctx context.Context) func(int64) {
			a := src.Depth(ctx, symbol, r)
			return func(nowMs int64) { b.Answer(nowMs, &a) }
		})
	}
	return e
}
