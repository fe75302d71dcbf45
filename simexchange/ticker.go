package simexchange

import (
	"math/big"

	"github.com/tickcast/tickcast/market"
)

// ticker are the statistics of the last 24 h. They are made of whole minutes, so that they cover up to 59.999 s more than is between openMs and closeMs.
type ticker struct {
	openMs, closeMs int64
	window          bar   // without trades: ids -1, all prices but Close zero
	before          int64 // price of the trade before the first
	lastQty         int64
	best            best
}

// ticker is as of nowMs.
func (l *eventLog) ticker(nowMs int64) ticker {
	t := ticker{openMs: nowMs - market.DayMs, closeMs: nowMs, best: l.depth.best}
	if n := len(l.trades); n > 0 {
		last := &l.trades[n-1]
		t.lastQty = last.fillQty(int(last.LastID - last.FirstID))
	}
	ms := &l.bars.minutes
	i := ms.from(market.Period1m.OpenMs(t.openMs))
	if i == len(ms.bars) {
		t.window = emptyBar(t.openMs, 0)
		return t
	}
	t.window, t.before = ms.bars[i], ms.bars[i].Open
	if i > 0 {
		t.before = ms.bars[i-1].Close
	}
	for i++; i < len(ms.bars); i++ {
		t.window.merge(&ms.bars[i])
	}
	if t.window.Trades == 0 {
		t.window.Open, t.window.High, t.window.Low, t.lastQty = 0, 0, 0, 0
	}
	return t
}

// change is the price change and the same in 1/1000 %, rounded to the nearest.
func (t *ticker) change() (abs, permille int64) {
	if t.window.Trades == 0 {
		return 0, 0
	}
	abs = t.window.Close - t.window.Open
	return abs, divide(new(big.Int).Mul(big.NewInt(abs), big.NewInt(100_000)), big.NewInt(t.window.Open))
}

// average is the price weighted by volume, rounded to the nearest.
func (t *ticker) average() int64 {
	if t.window.Volume.Sign() == 0 {
		return 0
	}
	return divide(t.window.Quote.Big(), t.window.Volume.Big())
}

// divide rounds halves away from zero, as the exchange's own answers do. The divisor is positive.
func divide(num, by *big.Int) int64 {
	half := new(big.Int).Rsh(by, 1)
	if num.Sign() < 0 {
		half.Neg(half)
	}
	return num.Add(num, half).Quo(num, by).Int64()
}
