package simexchange

import (
	"math"
	"math/rand/v2"
)

// splitmix is a 64-bit random source whose whole state is one number, so that a snapshot can hold it (Steele, Lea, Flood: "Fast splittable
// pseudorandom number generators", 2014).
type splitmix uint64

// Uint64 implements rand.Source.
func (s *splitmix) Uint64() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// marketParams are what a symbol's random market depends on. Prices and quantities are in units of 10^-8.
type marketParams struct {
	Tick, Step int64
	Anchor     int64 // the price it keeps coming back to
	RateMilli  int64 // aggregate trades per 1,000 s
	Even       bool  // equal distances in time instead of random ones: for benchmarks
}

// paramSwitch changes the parameters at a time, so that generating the past again after a restart gives the same trades although the
// configuration has changed since. ResumeUs, if set, is when trading goes on after a halt.
type paramSwitch struct {
	AtUs     int64
	Params   marketParams
	ResumeUs int64
}

// generator is a seeded random market of one symbol: a pure function of its state, which a snapshot can hold.
// Draws (waiting times, steps of the price, sizes) use floats; what comes out is rounded to whole microseconds, ticks and lots.
type generator struct {
	Params   marketParams
	Switches []paramSwitch
	Random   splitmix
	Mid      int64 // mid price in 1/256 ticks
	Burst    int   // trades left of a run on one side
	Sell     bool
	Count    int64 // trades so far in even pacing
	Next     trade // drawn, not yet taken
}

const midScale = 256

// secondVolatility is the standard deviation of the price's step in one second: 60 % a year.
var secondVolatility = 0.6 / math.Sqrt(365*86400)

// newGenerator begins a market whose first trade comes after startUs.
func newGenerator(p marketParams, seed uint64, startUs, aggID, tradeID int64) *generator {
	g := &generator{Params: p, Random: splitmix(seed), Mid: p.Anchor / p.Tick * midScale}
	g.Next = trade{ID: aggID - 1, LastID: tradeID - 1, TimeUs: startUs}
	if p.Even { // not all symbols in the same microsecond
		g.Next.TimeUs += int64(g.Random.Uint64() % uint64(1_000_000_000/p.RateMilli+1))
	}
	g.draw()
	return g
}

// clone copies the state.
func (g *generator) clone() *generator {
	c := *g
	c.Switches = append([]paramSwitch(nil), g.Switches...)
	return &c
}

func (g *generator) peek() *event {
	t := g.Next
	return &event{TimeUs: t.TimeUs, Trade: &t}
}

func (g *generator) take() { g.draw() }

func (g *generator) draw() {
	r := rand.New(&g.Random)
	p := &g.Params
	gap := g.gapUs(r)
	at := g.Next.TimeUs + gap
	for len(g.Switches) > 0 && at >= g.Switches[0].AtUs {
		s := g.Switches[0]
		g.Switches = g.Switches[1:]
		g.Mid = g.Mid * p.Tick / max(s.Params.Tick, 1)
		*p = s.Params
		at = max(at, s.ResumeUs)
	}
	g.walk(r, gap)
	g.side(r)
	mid := g.Mid
	price := mid / midScale
	if !g.Sell { // takers buy at the ask, one tick above the bid
		price++
	}
	lots := g.lots(r, price)
	t := trade{ID: g.Next.ID + 1, FirstID: g.Next.LastID + 1, TimeUs: at, Price: price * p.Tick, Qty: lots * p.Step, BuyerMaker: g.Sell}
	n := int64(1)
	for n < 6 && n < lots && r.Uint64()%100 < 35 {
		n++
	}
	t.LastID = t.FirstID + n - 1
	if n > 1 {
		t.Fills = splitLots(r, lots, n, p.Step)
	}
	g.Next = t
}

// gapUs draws the time to the next trade: exponential, and short within a run.
func (g *generator) gapUs(r *rand.Rand) int64 {
	p := &g.Params
	if p.Even {
		k := g.Count % p.RateMilli
		g.Count++
		return 1_000_000_000*(k+1)/p.RateMilli - 1_000_000_000*k/p.RateMilli
	}
	mean := 1e9 / float64(p.RateMilli)
	if g.Burst > 0 { // a quarter of the trades come in runs: the others are that much rarer
		return int64(r.ExpFloat64() * mean / 20)
	}
	return int64(r.ExpFloat64()*mean*1.31) + 1
}

// walk moves the mid price: a random walk pulled back to the anchor with a time constant of five days.
func (g *generator) walk(r *rand.Rand, gapUs int64) {
	p := &g.Params
	anchor := p.Anchor / p.Tick * midScale
	gapUs = min(gapUs, 60_000_000)
	step := r.NormFloat64() * float64(g.Mid) * secondVolatility * math.Sqrt(float64(gapUs)/1e6)
	const pullUs = 5 * 86400 * 1_000_000
	g.Mid += int64(step) - int64(float64(g.Mid-anchor)*float64(gapUs)/pullUs)
	g.Mid = max(g.Mid, 2*midScale)
}

// side draws who takes: runs on one side, else a coin.
func (g *generator) side(r *rand.Rand) {
	if g.Burst > 0 {
		g.Burst--
		return
	}
	g.Sell = r.Uint64()&1 == 0
	if r.Uint64()%100 < 10 {
		g.Burst = 1 + int(r.Uint64()%4)
	}
}

// medianNotional is the usual size of a trade in units of the quote asset.
const medianNotional = 150

// lots draws a size: log-normal, at least one lot, at most 20,000 times the usual one.
func (g *generator) lots(r *rand.Rand, price int64) int64 {
	usual := g.Params.usualLots(price)
	return max(1, int64(usual*math.Exp(min(r.NormFloat64()*1.4, 9.9))))
}

// usualLots is the median size in lots at a price in ticks.
func (p *marketParams) usualLots(price int64) float64 {
	return medianNotional * 1e16 / (float64(price) * float64(p.Tick) * float64(p.Step))
}

// splitLots cuts a quantity into n parts of at least one lot each.
func splitLots(r *rand.Rand, lots, n, step int64) []int64 {
	fills := make([]int64, n)
	for i := range fills {
		rest := n - int64(i) - 1
		part := lots
		if rest > 0 {
			part = 1 + int64(r.Uint64()%uint64(max(1, min(lots-rest, 2*lots/(rest+1)))))
		}
		fills[i] = part * step
		lots -= part
	}
	return fills
}
