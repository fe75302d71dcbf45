package live

import (
	"slices"

	"github.com/tickcast/tickcast/market"
)

// How many closed candles are kept: more than the store may lag behind.
const (
	keepSeconds = 128
	keepLonger  = 16
)

// candles of one contract and period.
type candles struct {
	owner  *Contract
	period market.Period
	open   [2]Value // the newest in-progress candle, and the one before it, whose closed form may still be on its way
	closed []market.CandleMessage
}

func (c *candles) setOpen(v Value) bool {
	c.owner.mu.Lock()
	defer c.owner.mu.Unlock()
	if len(v.JSON) == 0 { // delisted: nothing is open any more
		if c.open[0].AtMs == 0 || c.open[0].Version.Epoch <= v.Version.Epoch {
			c.open = [2]Value{}
		}
		return true
	}
	before := c.open[0]
	if !c.open[0].newer(v) {
		return false
	}
	if before.AtMs != 0 && before.Version.T < v.Version.T {
		c.open[1] = before
	} else if c.open[1].Version.T >= v.Version.T {
		c.open[1] = Value{} // a new epoch began earlier
	}
	return true
}

// setClosed keeps the newest version of each open time, and the newest open times.
func (c *candles) setClosed(m *market.CandleMessage) bool {
	keep := keepLonger
	if c.period == market.Period1s {
		keep = keepSeconds
	}
	c.owner.mu.Lock()
	defer c.owner.mu.Unlock()
	i := len(c.closed)
	for i > 0 && c.closed[i-1].OpenMs > m.OpenMs {
		i--
	}
	if i > 0 && c.closed[i-1].OpenMs == m.OpenMs {
		if !c.closed[i-1].Version().Less(m.Version()) {
			return false
		}
		c.closed[i-1] = *m
		return true
	}
	if len(c.closed) == keep {
		if i == 0 {
			return false // older than all of them: the store has it
		}
		copy(c.closed, c.closed[1:i])
		c.closed[i-1] = *m
		return true
	}
	c.closed = slices.Insert(c.closed, i, *m)
	return true
}

// Open is an in-progress candle; it may have closed meanwhile, and then stands beside its closed form, which has a greater version.
type Open struct {
	market.CandleMessage
	AtMs int64 // when it came
}

// Candles returns the candles of one period whose open time is within the range: those that have just closed, oldest first, and those that are open.
func (c *Contract) Candles(p market.Period, fromMs, toMs int64) (closed []market.CandleMessage, open []Open) {
	k := &c.candles[p]
	c.mu.RLock()
	opens := k.open
	for i := range k.closed {
		if at := k.closed[i].OpenMs; at >= fromMs && at <= toMs {
			closed = append(closed, k.closed[i])
		}
	}
	c.mu.RUnlock()
	var d market.Decoder
	for i := len(opens) - 1; i >= 0; i-- {
		v := opens[i]
		if v.JSON == nil || v.Version.T < fromMs || v.Version.T > toMs {
			continue
		}
		o := Open{AtMs: v.AtMs}
		if d.DecodeCandle(v.JSON, &o.CandleMessage) == nil && o.Version() == v.Version && o.Period == p { // compute has written nothing else
			open = append(open, o)
		}
	}
	return closed, open
}

// LastPrice is the close of the shortest period's newest candle that is known, and its decimals; ok is false without one.
func (c *Contract) LastPrice() (price int64, scale int, ok bool) {
	for p := range market.Period(market.PeriodCount) {
		closed, open := c.Candles(p, 0, 1<<62)
		if n := len(open); n > 0 {
			return open[n-1].Close, open[n-1].PriceScale, true
		}
		if n := len(closed); n > 0 {
			return closed[n-1].Close, closed[n-1].PriceScale, true
		}
	}
	return 0, 0, false
}
