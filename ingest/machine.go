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
	Start(nowMs, writer int64, tail []market.Record)
	ConnUp(nowMs, conn int64)
	ConnDown(nowMs, conn int64, reason string)
	Malformed(nowMs, conn int64, channel, reason, detail string, raw []byte)
	SourceTime(nowMs, serverMs int64)
	Tick(nowMs int64)
	Wake(nowMs int64) int64
	// Change takes the contract's new catalogue entry; the source's events are those of its symbol from now on.
	Change(nowMs int64, c market.Contract)
	// Delist says in the log that the contract has left the catalogue. Nothing comes after it.
	Delist(nowMs int64)
	// data takes what a frame says.
	data(nowMs int64, e *binance.Event)
	effects(src *binance.Source, symbol string) effects
	report(f *Feed)
}

// take gives a source's event to a core.
func take(m machine, nowMs int64, e *binance.Event) {
	switch e.Kind {
	case binance.EventMalformed:
		m.Malformed(nowMs, e.Conn, e.Channel, e.Reason, e.Detail, e.Trade.Raw)
	case binance.EventUp:
		m.ConnUp(nowMs, e.Conn)
	case binance.EventDown:
		m.ConnDown(nowMs, e.Conn, e.Detail)
	default:
		m.data(nowMs, e)
	}
}

// effects is what a core wants done. Records come first: they are what is waited for.
type effects struct {
	core.Effects
	reconnect string // not empty: the connections are to be replaced, for this reason
	// fetches ask the source's REST side, each on a goroutine of its own; what they return gives the answer to the core, on the core's goroutine.
	fetches []func(context.Context) (answer func(nowMs int64))
}

type trades struct{ *feed.Feed }

func (t trades) report(f *Feed) { f.State, f.LastID, f.Trades = t.State(), t.LastID(), t.Counts }

func (t trades) data(nowMs int64, e *binance.Event) {
	switch e.Kind {
	case binance.EventTrade:
		t.Trade(nowMs, e.Conn, &e.Trade)
	case binance.EventWitness:
		t.Witness(nowMs, e.Conn, e.Witness, e.Trade.Raw)
	}
}

func (t trades) effects(src *binance.Source, symbol string) effects {
	out := t.Take()
	e := effects{Effects: out.Effects, reconnect: out.Reconnect}
	for _, r := range out.Requests {
		e.fetches = append(e.fetches, func(ctx context.Context) func(int64) {
			a := src.Fetch(ctx, symbol, r)
			return func(nowMs int64) { t.Answer(nowMs, &a) }
		})
	}
	return e
}

type books struct{ *depth.Feed }

func (b books) report(f *Feed) { f.State, f.LastID, f.Books = b.State(), b.LastID(), b.Counts }

func (b books) data(nowMs int64, e *binance.Event) {
	switch e.Kind {
	case binance.EventDiff:
		b.Diff(nowMs, e.Conn, e.Diff)
	case binance.EventWitness:
		b.Heard(nowMs, e.Witness.EventMs)
	}
}

func (b books) effects(src *binance.Source, symbol string) effects {
	out := b.Take()
	e := effects{Effects: out.Effects}
	for _, r := range out.Requests {
		e.fetches = append(e.fetches, func(ctx context.Context) func(int64) {
			a := src.Depth(ctx, symbol, r)
			return func(nowMs int64) { b.Answer(nowMs, &a) }
		})
	}
	return e
}
