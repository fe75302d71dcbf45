package simexchange

import "github.com/tickcast/tickcast/market"

// addPast fills the log with the klines from before a recording's first trade: from the klines file where it reaches, made up before that.
// The minute in which the recording begins gets what the file says of it less the recorded trades, so that with them it is the file's again.
func addPast(bt *barTable, p marketParams, seed uint64, trades []trade, klines []bar) {
	firstMs := trades[0].TimeUs / 1000
	minute := market.Period1m.OpenMs(firstMs)
	var before []bar
	for i := range klines {
		if klines[i].OpenMs < minute {
			before = append(before, klines[i])
		} else if head, ok := headOf(&klines[i], minute, trades); ok {
			before = append(before, head)
		}
	}
	id := trades[0].FirstID
	endMs, endPrice := minute, trades[0].Price
	for i := len(before) - 1; i >= 0; i-- {
		b := &before[i]
		b.FirstID, b.LastID = -1, -1
		if b.Trades > 0 {
			b.FirstID, b.LastID = id-b.Trades, id-1
			id -= b.Trades
		}
		endMs, endPrice = b.OpenMs, b.Open
	}
	p.RateMilli = max(1000, p.RateMilli)
	addHistory(bt, p, seed, endMs, endPrice, id)
	for i := range before {
		bt.addMinute(&before[i])
	}
}

// headOf is the part of minute k before the first trade.
func headOf(k *bar, minute int64, trades []trade) (bar, bool) {
	if k.OpenMs != minute {
		return bar{}, false
	}
	rec := emptyBar(minute, 0)
	for i := range trades {
		if trades[i].TimeUs/1000 >= minute+market.MinuteMs {
			break
		}
		rec.add(&trades[i])
	}
	h := bar{OpenMs: minute, Open: k.Open, Close: k.Open, Trades: k.Trades - rec.Trades,
		Volume: k.Volume.Sub(rec.Volume), Quote: k.Quote.Sub(rec.Quote),
		BuyVolume: k.BuyVolume.Sub(rec.BuyVolume), BuyQuote: k.BuyQuote.Sub(rec.BuyQuote)}
	if h.Trades <= 0 || h.Volume.Sign() < 0 || h.Quote.Sign() < 0 || h.BuyVolume.Sign() < 0 || h.BuyQuote.Sign() < 0 {
		return bar{}, false // the recording has the whole minute, or is not of this market
	}
	h.High, h.Low = h.Open, h.Open
	if k.High > rec.High {
		h.High = k.High
	}
	if k.Low < rec.Low {
		h.Low = k.Low
	}
	return h, true
}
