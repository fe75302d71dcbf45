package matching

import "fmt"

// FlowParams describe a random market. Start from DefaultFlowParams.
type FlowParams struct {
	Anchor     int64 // ticks: the price that it keeps coming back to
	RateMilli  int64 // taker orders per 1,000 s; nearly every one is one aggregate trade
	QuoteMilli int64 // limit orders and cancels at leisure, per 1,000 s; those that follow the price come on top
	Even       bool  // taker orders at equal distances in time, each exactly one aggregate trade: for benchmarks
	Lots       int64 // the usual (median) size of a taker order
	Orders     int   // resting orders of each side; it moves between half and one and a half of it
	Reach      int64 // ticks: mean distance of a resting order from the mid price
}

// DefaultFlowParams is a market around a price in ticks, with a usual size in lots and so many taker orders in 1,000 s.
func DefaultFlowParams(anchor, lots, rateMilli int64) FlowParams {
	return FlowParams{Anchor: anchor, RateMilli: rateMilli, QuoteMilli: max(2*rateMilli, 4000), Lots: max(1, lots), Orders: 150, Reach: max(20, anchor/1000)}
}

// Validate names what is wrong.
func (p *FlowParams) Validate() error {
	switch {
	case p.Anchor < minMid || p.Anchor > 1<<40:
		return fmt.Errorf("matching: flow around %d ticks, want %d to 2^40", p.Anchor, minMid)
	case p.RateMilli < 1 || p.RateMilli > 1e9, p.QuoteMilli < 1 || p.QuoteMilli > 1e9:
		return fmt.Errorf("matching: flow of %d taker orders and %d quotes in 1,000 s, want 1 to 10^9", p.RateMilli, p.QuoteMilli)
	case p.Lots < 1 || p.Lots > 1<<24:
		return fmt.Errorf("matching: flow of orders of %d lots, want 1 to 2^24", p.Lots)
	case p.Orders < 8 || p.Orders > 2000:
		return fmt.Errorf("matching: flow with %d orders a side, want 8 to 2000", p.Orders)
	case p.Reach < 1 || p.Reach > 1<<32:
		return fmt.Errorf("matching: flow with a reach of %d ticks, want 1 to 2^32", p.Reach)
	}
	return nil
}

// Flow draws the orders of a random market, one at a time: a pure function of its state, its parameters and the book that its commands are applied to.
//
//	for {
//		c := flow.Peek(book) // c.TimeUs says when it is due
//		book.Apply(c)
//		flow.Take()
//	}
//
// The mid price is a random walk of 60 % a year, pulled back to the anchor. Makers follow it: they take back orders that it has passed, quote close to it
// again, and keep the book filled. No command of a flow is rejected as long as the book has room for it and nobody else's order is in between.
type Flow struct {
	p         FlowParams
	random    splitmix
	mid       int64 // 1/256 ticks
	nowUs     int64 // of the last command drawn
	takerUs   int64 // when the next taker order is due
	quoteUs   int64
	even      int64 // taker orders so far in even pacing
	sincePull int64 // microseconds since the pull to the anchor was last applied
	burst     int64 // taker orders left of a run on one side
	side      Side  // of the last taker order
	next      Command
	hasNext   bool
}

const (
	midScale = 256
	minMid   = 64 // ticks
)

// NewFlow begins a market at its anchor; its first commands, at startUs, fill the book.
func NewFlow(p FlowParams, seed uint64, startUs int64) (*Flow, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	f := &Flow{p: p, random: splitmix(seed), mid: p.Anchor*midScale + midScale/2, nowUs: startUs}
	f.schedule(startUs)
	return f, nil
}

// Params are the parameters in force.
func (f *Flow) Params() FlowParams { return f.p }

// Mid is the price that makers quote around, in ticks: bids are at it or below, asks above.
func (f *Flow) Mid() int64 { return f.mid / midScale }

// Peek returns the next command without taking it. The book must be the one that every command of this flow was applied to.
func (f *Flow) Peek(b *Book) Command {
	if !f.hasNext {
		f.next, f.hasNext = f.draw(b), true
	}
	return f.next
}

// Take goes on to the command after the one that Peek returned, which has been applied.
func (f *Flow) Take() { f.hasNext = false }

// Resume goes on after a halt, or with other parameters: the next command comes after atUs, unless it is a later one anyway. A command that was peeked and not
// taken is drawn again. Where the tick or the step has changed, begin a new book and a new flow instead.
func (f *Flow) Resume(p FlowParams, atUs int64) error {
	if err := p.Validate(); err != nil {
		return err
	}
	f.p, f.hasNext = p, false
	f.nowUs = max(f.nowUs, atUs)
	f.schedule(f.nowUs)
	return nil
}

func (f *Flow) schedule(atUs int64) {
	f.takerUs, f.quoteUs = atUs, atUs+f.random.exponential(1_000_000_000/f.p.QuoteMilli)
	if f.p.Even { // not all markets in the same microsecond
		f.takerUs += f.random.below(1_000_000_000/f.p.RateMilli + 1)
	}
	f.takerUs += f.takerGap()
}

func (f *Flow) draw(b *Book) Command {
	if c, ok := f.urgent(b); ok {
		f.nowUs = min(f.nowUs+f.random.exponential(150), f.takerUs, f.quoteUs)
		c.TimeUs = f.nowUs
		return c
	}
	var c Command
	at := min(f.takerUs, f.quoteUs)
	if f.quoteUs < f.takerUs {
		c = f.quote(b)
		f.quoteUs += f.random.exponential(1_000_000_000/f.p.QuoteMilli) + 1
	} else {
		c = f.taker(b)
		f.takerUs += f.takerGap()
	}
	c.TimeUs, f.nowUs = at, at
	f.walk(min(f.takerUs, f.quoteUs) - at)
	return c
}

// takerGap draws the time to the next taker order: exponential, and short within a run.
func (f *Flow) takerGap() int64 {
	p := &f.p
	switch {
	case p.Even:
		k := f.even % p.RateMilli
		f.even++
		return mulDiv(1_000_000_000, k+1, p.RateMilli) - mulDiv(1_000_000_000, k, p.RateMilli)
	case f.burst > 0: // a quarter come in runs: the others are that much rarer
		return f.random.exponential(1_000_000_000 / p.RateMilli / 20)
	}
	return f.random.exponential(mulDiv(1_310_000_000, 1, p.RateMilli)) + 1
}

// walk moves the mid price: a random walk, pulled back to the anchor with a time constant of five days.
func (f *Flow) walk(gapUs int64) {
	const (
		volatility = 458_959               // 60 % a year: of the price in one second, in 1/2^32 (0.6 / sqrt(365*86400))
		pullUs     = 5 * 86400 * 1_000_000 // time constant
		pullEach   = 60 * 1_000_000        // less would be rounded away
	)
	gapUs = min(gapUs, 60_000_000)
	f.mid += mulDiv(f.random.normal(), mulDiv(f.mid, volatility*isqrt(gapUs), 1000<<16), 1<<32)
	if f.sincePull += gapUs; f.sincePull >= pullEach {
		f.mid -= mulDiv(f.mid-f.p.Anchor*midScale, f.sincePull, pullUs)
		f.sincePull = 0
	}
	f.mid = max(f.mid, minMid*midScale)
}

// urgent is what makers do at once after the price has moved or the book has become thin.
func (f *Flow) urgent(b *Book) (Command, bool) {
	mid := f.Mid()
	bid, hasBid := b.Best(Buy)
	ask, hasAsk := b.Best(Sell)
	switch {
	case hasBid && bid.Price > mid:
		return Command{Kind: Cancel, ID: b.Newest(Buy, 0)}, true
	case hasAsk && ask.Price <= mid:
		return Command{Kind: Cancel, ID: b.Newest(Sell, 0)}, true
	case !hasBid || bid.Price < mid-2:
		return f.place(b, Buy, f.random.below(3)), true
	case !hasAsk || ask.Price > mid+3:
		return f.place(b, Sell, f.random.below(3)), true
	}
	for s := Buy; s <= Sell; s++ {
		switch n := b.OrdersOf(s); {
		case n < f.p.Orders/2:
			return f.place(b, s, f.random.exponential(f.p.Reach)), true
		case n > f.p.Orders+f.p.Orders/2:
			return Command{Kind: Cancel, ID: b.Newest(s, b.Levels(s)-1)}, true
		}
	}
	return Command{}, false
}

// quote is what makers do at leisure: another order somewhere, or one less, so that the count stays near what is wanted.
func (f *Flow) quote(b *Book) Command {
	s := Side(f.random.below(2))
	if f.random.below(2*int64(f.p.Orders)) >= int64(b.OrdersOf(s)) {
		return f.place(b, s, f.random.exponential(f.p.Reach))
	}
	return Command{Kind: Cancel, ID: b.Newest(s, int(f.random.below(int64(b.Levels(s)))))}
}

// place makes a limit order so many ticks away from the mid price.
func (f *Flow) place(b *Book, s Side, away int64) Command {
	price := f.Mid() - away
	if s == Sell {
		price = f.Mid() + 1 + away
	}
	return Command{Kind: Limit, Side: s, ID: b.LastOrderID() + 1, Price: max(1, price), Qty: max(1, f.random.logNormal(4*f.p.Lots))}
}

// taker makes an order that trades: runs on one side, else a coin. Most take from the best level only, a few go deeper.
func (f *Flow) taker(b *Book) Command {
	if f.burst > 0 {
		f.burst--
	} else {
		f.side = Side(f.random.below(2))
		if !f.p.Even && f.random.below(100) < 10 {
			f.burst = 1 + f.random.below(4)
		}
	}
	best, _ := b.Best(f.side.Other()) // urgent has filled both sides
	c := Command{Kind: IOC, Side: f.side, ID: b.LastOrderID() + 1, Price: best.Price, Qty: max(1, f.random.logNormal(f.p.Lots))}
	if f.p.Even || f.random.below(100) >= 8 {
		return c
	}
	const deep = 5 // levels
	var room int64
	for i := range min(deep, b.Levels(f.side.Other())-1) {
		l := b.Level(f.side.Other(), i)
		room, c.Price = room+l.Qty, l.Price
	}
	c.Qty = max(1, min(8*c.Qty, room))
	if f.random.below(2) == 0 {
		c.Kind, c.Price = Market, 0
	}
	return c
}
