package simexchange

import (
	"math"
	"math/rand/v2"

	"github.com/tickcast/tickcast/market"
)

// splitmix is a 64-bit random source whose whole state is one number (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
type splitmix uint64

// Uint64 implements rand.Source.
func (s *splitmix) Uint64() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// secondVolatility is the standard deviation of the price's step in one second: 60 % a year, as in the flow of orders.
var secondVolatility = 0.6 / math.Sqrt(365*86400)

// historyDays is how many closed days there are before the day in which the log begins: what Tickcast asks a venue for.
const historyDays = 62

// maxHistoryRate bounds the trades of a made-up past, so that ids stay above zero: aggregate trades per 1,000 s.
const maxHistoryRate = 20_000

// addHistory makes up the minutes before endMs (a whole minute) from the beginning of the day historyDays before: the last one closes at endPrice
// and ends with the trade before tradeID. Longer klines are their roll-ups, each minute opens where the one before closed.
func addHistory(bt *barTable, p marketParams, seed uint64, endMs, endPrice, tradeID int64) {
	src := splitmix(seed ^ 0x68697374)
	r := rand.New(&src)
	start := market.Period1d.OpenMs(endMs) - historyDays*market.DayMs
	n := int((endMs - start) / market.MinuteMs)
	if n == 0 {
		return
	}
	closes := make([]int64, n+1) // in ticks; closes[i] is the open of minute i
	closes[n] = max(endPrice/p.Tick, 2)
	anchor := closes[n]
	for i := n; i > 0; i-- { // backwards, because the end is what is given
		step := r.NormFloat64() * float64(closes[i]) * secondVolatility * math.Sqrt(60)
		closes[i-1] = max(2, closes[i]+int64(step)-(closes[i]-anchor)/7200)
	}
	counts := make([]int64, n)
	perMinute := float64(min(p.RateMilli, maxHistoryRate)) * 60 / 1000 * 1.5
	var sum int64
	for i := range counts {
		counts[i] = int64(perMinute * (0.4 + 0.6*r.ExpFloat64()))
		sum += counts[i]
	}
	if sum > tradeID/2 { // a source whose ids are small
		share := float64(tradeID/2) / float64(sum)
		sum = 0
		for i := range counts {
			counts[i] = int64(float64(counts[i]) * share)
			sum += counts[i]
		}
	}
	id := tradeID - sum
	for i, count := range counts {
		b := emptyBar(start+int64(i)*market.MinuteMs, closes[i]*p.Tick)
		if count < 2 {
			closes[i+1] = closes[i] // without a second trade the price stays
		}
		if count > 0 {
			fillBar(&b, r, &p, closes[i], closes[i+1], count)
			b.FirstID, b.LastID = id, id+count-1
			id += count
		}
		if i < n-bt.minutes.keep { // would be dropped again
			bt.hours.mergeBar(&b)
			bt.days.mergeBar(&b)
			continue
		}
		bt.addMinute(&b)
	}
}

// fillBar makes up a minute with trades; open and close are in ticks. Quote amounts are whole lots at whole ticks within low and high.
func fillBar(b *bar, r *rand.Rand, p *marketParams, open, last, count int64) {
	wick := float64(open) * secondVolatility * 4
	if count == 1 {
		wick = 0
	}
	high := max(open, last) + int64(math.Abs(r.NormFloat64())*wick)
	low := max(1, min(open, last)-int64(math.Abs(r.NormFloat64())*wick))
	lots := max(count, int64(p.usualLots(open)*float64(count)*(1+r.ExpFloat64())))
	buys := int64(float64(lots) * (0.35 + 0.3*r.Float64()))
	within := func() int64 { return low + int64(r.Uint64()%uint64(high-low+1)) }
	amount := func(lots, price int64) market.Int128 { return market.Mul(lots*p.Step, price*p.Tick) }
	b.Open, b.High, b.Low, b.Close = open*p.Tick, high*p.Tick, low*p.Tick, last*p.Tick
	b.Volume, b.BuyVolume = market.Int128From(lots*p.Step), market.Int128From(buys*p.Step)
	b.BuyQuote = amount(buys, within())
	b.Quote = b.BuyQuote.Add(amount(lots-buys, within()))
	b.Trades = count
}
