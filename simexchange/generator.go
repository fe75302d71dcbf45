package simexchange

import (
	"errors"
	"fmt"

	"github.com/tickcast/tickcast/matching"
)

// marketParams are what a symbol's random market depends on. Prices and quantities are in units of 10^-8.
type marketParams struct {
	Tick, Step int64
	Anchor     int64 // the price it keeps coming back to
	RateMilli  int64 // aggregate trades per 1,000 s
	Even       bool  // equal distances in time instead of random ones: for benchmarks
}

// medianNotional is the usual size of a trade in units of the quote asset.
const medianNotional = 150

// usualLots is the median size in lots at a price in ticks.
func (p *marketParams) usualLots(price int64) float64 {
	return medianNotional * 1e16 / (float64(price) * float64(p.Tick) * float64(p.Step))
}

// ordersPerSide is how many orders rest on each side of a random market, about.
const ordersPerSide = 300

// maxQuoteMilli bounds the orders that rest or leave without a trade, per 1,000 s: at high rates the trades move the book enough.
const maxQuoteMilli = 100_000

// minTicks is the lowest price in ticks that the flow of orders can keep around.
const minTicks = 64

// flow is the flow of orders with these parameters.
func (p *marketParams) flow() matching.FlowParams {
	anchor := p.Anchor / p.Tick
	rate := p.RateMilli
	if !p.Even { // runs of orders and those that take from several levels make 17 aggregate trades where 16 are asked for, measured
		rate = max(1, rate*16/17)
	}
	f := matching.DefaultFlowParams(anchor, min(int64(p.usualLots(anchor)), 1<<24), rate)
	f.Even, f.Orders, f.QuoteMilli = p.Even, ordersPerSide, min(f.QuoteMilli, maxQuoteMilli)
	return f
}

// paramSwitch changes the parameters at a time, so that generating the past again after a restart gives the same trades although the
// configuration has changed since. ResumeUs, if set, is when trading goes on after a halt.
type paramSwitch struct {
	AtUs     int64
	Params   marketParams
	ResumeUs int64
}

// generator is a seeded random market of one symbol: a flow of orders that go through a matching engine. It is a pure function of its state.
type generator struct {
	params   marketParams
	seed     uint64
	switches []paramSwitch
	book     *matching.Book
	flow     *matching.Flow

	cleared   *bookChange // the levels of a book that was given up, not taken yet
	clearedUs int64

	out    event // room for what take returns
	change bookChange
}

// newGenerator begins a market whose first order comes after startUs.
func newGenerator(p marketParams, seed uint64, startUs int64, ids matching.Config) (*generator, error) {
	g := &generator{params: p, seed: seed}
	var err error
	if g.book, err = matching.New(ids); err != nil {
		return nil, err
	}
	g.flow, err = matching.NewFlow(p.flow(), seed, startUs)
	return g, err
}

func (g *generator) nextUs() (int64, bool) {
	if g.cleared != nil {
		return g.clearedUs, true
	}
	at := g.flow.Peek(g.book).TimeUs
	for len(g.switches) > 0 && at >= g.switches[0].AtUs {
		s := g.switches[0]
		g.switches = g.switches[1:]
		if err := g.become(s.Params, s.AtUs, max(s.AtUs, s.ResumeUs)); err != nil { // the configuration and the snapshot have been validated
			panic(fmt.Sprintf("simexchange: %v", err))
		}
		if g.cleared != nil {
			return g.clearedUs, true
		}
		at = g.flow.Peek(g.book).TimeUs
	}
	return at, true
}

// become goes on with other parameters. With another tick or step the orders are worth something else: the book is given up for a new one at the same price.
func (g *generator) become(p marketParams, atUs, resumeUs int64) error {
	old := g.params
	if p.Tick == old.Tick && p.Step == old.Step {
		g.params = p
		return g.flow.Resume(p.flow(), resumeUs)
	}
	id := g.book.UpdateID() + 1
	g.clearedUs, g.cleared = atUs, &bookChange{FirstID: id, LastID: id}
	for _, l := range g.levels() {
		g.cleared.Levels = append(g.cleared.Levels, levelChange{Bid: l.Bid, Price: l.Price})
	}
	g.params = p
	here := p
	here.Anchor = max(g.flow.Mid()*old.Tick, minTicks*p.Tick)
	next, err := newGenerator(here, g.seed^uint64(id), resumeUs, marketIDs(g.book.LastAggID()+1, g.book.LastTradeID()+1, id+1))
	if err != nil {
		return err
	}
	g.book, g.flow = next.book, next.flow
	return g.flow.Resume(p.flow(), resumeUs)
}

// levels are those of the whole book.
func (g *generator) levels() (out []levelChange) {
	for _, s := range [...]matching.Side{matching.Buy, matching.Sell} {
		for i := range g.book.Levels(s) {
			l := g.book.Level(s, i)
			out = append(out, levelChange{Bid: s == matching.Buy, Price: l.Price * g.params.Tick, Qty: l.Qty * g.params.Step})
		}
	}
	return out
}

func marketIDs(aggID, tradeID, updateID int64) matching.Config {
	c := matching.DefaultConfig()
	c.FirstAggID, c.FirstTradeID, c.FirstUpdateID = aggID, tradeID, updateID
	return c
}

func (g *generator) take() *event {
	at, _ := g.nextUs()
	e := &g.out
	*e = event{TimeUs: at, Trades: e.Trades[:0]}
	if g.cleared != nil {
		e.Book, g.cleared = g.cleared, nil
		return e
	}
	o := g.book.Apply(g.flow.Peek(g.book))
	g.flow.Take()
	p := &g.params
	for i := range o.Trades {
		e.Trades = append(e.Trades, p.trade(at, &o.Trades[i], o.Fills))
	}
	if len(o.Levels) == 0 {
		return e
	}
	c := &g.change
	c.FirstID, c.LastID, c.Levels = o.UpdateID, o.UpdateID, c.Levels[:0]
	for _, l := range o.Levels {
		c.Levels = append(c.Levels, levelChange{Bid: l.Side == matching.Buy, Price: l.Price * p.Tick, Qty: l.Qty * p.Step})
	}
	e.Book = c
	return e
}

// trade is an aggregate trade of the engine, all of whose fills are given.
func (p *marketParams) trade(timeUs int64, t *matching.Trade, fills []matching.Fill) trade {
	out := trade{ID: t.ID, FirstID: t.FirstID, LastID: t.LastID, TimeUs: timeUs, Price: t.Price * p.Tick, Qty: t.Qty * p.Step,
		BuyerMaker: t.TakerSide == matching.Sell}
	if t.FirstID == t.LastID {
		return out
	}
	for _, f := range fills {
		if f.ID >= t.FirstID && f.ID <= t.LastID {
			out.Fills = append(out.Fills, f.Qty*p.Step)
		}
	}
	return out
}

// marketState is a generator in a form that can be stored.
type marketState struct {
	Params     marketParams
	Seed       uint64
	Switches   []paramSwitch
	Book, Flow []byte
}

func (g *generator) state() marketState {
	return marketState{Params: g.params, Seed: g.seed, Switches: append([]paramSwitch(nil), g.switches...),
		Book: g.book.AppendSnapshot(nil), Flow: g.flow.AppendSnapshot(nil)}
}

func (m *marketState) generator() (*generator, error) {
	for _, p := range append([]paramSwitch{{Params: m.Params}}, m.Switches...) {
		if err := p.Params.validate(); err != nil {
			return nil, err
		}
	}
	g := &generator{params: m.Params, seed: m.Seed, switches: append([]paramSwitch(nil), m.Switches...)}
	var err error
	if g.book, _, err = matching.Load(m.Book); err != nil {
		return nil, err
	}
	g.flow, _, err = matching.LoadFlow(m.Flow)
	return g, err
}

// validate checks what the flow of orders needs.
func (p *marketParams) validate() error {
	if p.Tick <= 0 || p.Step <= 0 || p.Anchor < 0 || p.RateMilli <= 0 {
		return errors.New("impossible market parameters")
	}
	f := p.flow()
	return f.Validate()
}
