package simexchange

import (
	"github.com/tickcast/tickcast/binanceapi"
	"github.com/tickcast/tickcast/market"
)

func appendAmount(dst []byte, name string, v market.Int128, quote bool) []byte {
	dst = append(dst, `,"`...)
	dst = append(dst, name...)
	dst = append(dst, `":"`...)
	if quote {
		dst = appendQuote(dst, v)
	} else {
		dst = v.AppendDecimal(dst, decimals)
	}
	return append(dst, '"')
}

// appendTicker appends the payload of <symbol>@ticker.
func appendTicker(dst []byte, u binanceapi.Unit, eventUs int64, symbol string, t *ticker) []byte {
	abs, permille := t.change()
	w := &t.window
	dst = appendHead(dst, "24hrTicker", u, eventUs, symbol)
	dst = appendDecimalField(dst, "p", abs)
	dst = appendField(dst, "P", market.FormatDecimal(permille, 3))
	dst = appendDecimalField(dst, "w", t.average())
	dst = appendDecimalField(dst, "x", t.before)
	dst = appendDecimalField(dst, "c", w.Close)
	dst = appendDecimalField(dst, "Q", t.lastQty)
	dst = appendDecimalField(dst, "b", t.best.Bid.Price)
	dst = appendDecimalField(dst, "B", t.best.Bid.Qty)
	dst = appendDecimalField(dst, "a", t.best.Ask.Price)
	dst = appendDecimalField(dst, "A", t.best.Ask.Qty)
	dst = appendDecimalField(dst, "o", w.Open)
	dst = appendDecimalField(dst, "h", w.High)
	dst = appendDecimalField(dst, "l", w.Low)
	dst = appendAmount(dst, "v", w.Volume, false)
	dst = appendAmount(dst, "q", w.Quote, true)
	dst = appendInt(dst, "O", t.openMs*1000/int64(u))
	dst = appendInt(dst, "C", t.closeMs*1000/int64(u))
	dst = appendInt(dst, "F", w.FirstID)
	dst = appendInt(dst, "L", w.LastID)
	dst = appendInt(dst, "n", w.Trades)
	return append(dst, '}')
}

// appendMiniTicker appends the payload of <symbol>@miniTicker.
func appendMiniTicker(dst []byte, u binanceapi.Unit, eventUs int64, symbol string, t *ticker) []byte {
	w := &t.window
	dst = appendHead(dst, "24hrMiniTicker", u, eventUs, symbol)
	dst = appendDecimalField(dst, "c", w.Close)
	dst = appendDecimalField(dst, "o", w.Open)
	dst = appendDecimalField(dst, "h", w.High)
	dst = appendDecimalField(dst, "l", w.Low)
	dst = appendAmount(dst, "v", w.Volume, false)
	dst = appendAmount(dst, "q", w.Quote, true)
	return append(dst, '}')
}

func appendSymbol(dst []byte, symbol string) []byte {
	dst = append(dst, `{"symbol":"`...)
	dst = append(dst, symbol...)
	return append(dst, '"')
}

// appendTickerRow appends what GET /api/v3/ticker/24hr answers for one symbol.
func appendTickerRow(dst []byte, u binanceapi.Unit, symbol string, t *ticker, mini bool) []byte {
	abs, permille := t.change()
	w := &t.window
	dst = appendSymbol(dst, symbol)
	if !mini {
		dst = appendDecimalField(dst, "priceChange", abs)
		dst = appendField(dst, "priceChangePercent", market.FormatDecimal(permille, 3))
		dst = appendDecimalField(dst, "weightedAvgPrice", t.average())
		dst = appendDecimalField(dst, "prevClosePrice", t.before)
		dst = appendDecimalField(dst, "lastPrice", w.Close)
		dst = appendDecimalField(dst, "lastQty", t.lastQty)
		dst = appendBest(dst, &t.best)
	}
	dst = appendDecimalField(dst, "openPrice", w.Open)
	dst = appendDecimalField(dst, "highPrice", w.High)
	dst = appendDecimalField(dst, "lowPrice", w.Low)
	if mini {
		dst = appendDecimalField(dst, "lastPrice", w.Close)
	}
	dst = appendAmount(dst, "volume", w.Volume, false)
	dst = appendAmount(dst, "quoteVolume", w.Quote, true)
	dst = appendInt(dst, "openTime", t.openMs*1000/int64(u))
	dst = appendInt(dst, "closeTime", t.closeMs*1000/int64(u))
	dst = appendInt(dst, "firstId", w.FirstID)
	dst = appendInt(dst, "lastId", w.LastID)
	dst = appendInt(dst, "count", w.Trades)
	return append(dst, '}')
}

func appendBest(dst []byte, b *best) []byte {
	dst = appendDecimalField(dst, "bidPrice", b.Bid.Price)
	dst = appendDecimalField(dst, "bidQty", b.Bid.Qty)
	dst = appendDecimalField(dst, "askPrice", b.Ask.Price)
	return appendDecimalField(dst, "askQty", b.Ask.Qty)
}
