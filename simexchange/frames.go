package simexchange

import (
	"strconv"

	"github.com/tickcast/tickcast/binanceapi"
	"github.com/tickcast/tickcast/market"
)

func appendPrice(dst []byte, v int64) []byte { return market.AppendDecimal(dst, v, decimals) }

// appendQuote appends an amount of scale 16 with eight decimals, as Binance does; with ticks and steps that have eight decimals together nothing is lost.
func appendQuote(dst []byte, v market.Int128) []byte {
	dst = v.AppendDecimal(dst, 2*decimals)
	return dst[:len(dst)-decimals]
}

func appendField(dst []byte, name, value string) []byte {
	dst = append(dst, `,"`...)
	dst = append(dst, name...)
	dst = append(dst, `":"`...)
	dst = append(dst, value...)
	return append(dst, '"')
}

func appendInt(dst []byte, name string, v int64) []byte {
	dst = append(dst, `,"`...)
	dst = append(dst, name...)
	dst = append(dst, `":`...)
	return strconv.AppendInt(dst, v, 10)
}

func appendDecimalField(dst []byte, name string, v int64) []byte {
	dst = append(dst, `,"`...)
	dst = append(dst, name...)
	dst = append(dst, `":"`...)
	dst = appendPrice(dst, v)
	return append(dst, '"')
}

func appendHead(dst []byte, event string, u binanceapi.Unit, eventUs int64, symbol string) []byte {
	dst = append(dst, `{"e":"`...)
	dst = append(dst, event...)
	dst = append(dst, '"')
	dst = appendInt(dst, "E", eventUs/int64(u))
	return appendField(dst, "s", symbol)
}

func appendMaker(dst []byte, maker bool) []byte {
	dst = append(dst, `,"m":`...)
	dst = strconv.AppendBool(dst, maker)
	return append(dst, `,"M":true}`...)
}

// appendAggTrade appends the payload of <symbol>@aggTrade.
func appendAggTrade(dst []byte, u binanceapi.Unit, eventUs int64, symbol string, t *trade) []byte {
	dst = appendHead(dst, "aggTrade", u, eventUs, symbol)
	dst = appendInt(dst, "a", t.ID)
	dst = appendDecimalField(dst, "p", t.Price)
	dst = appendDecimalField(dst, "q", t.Qty)
	dst = appendInt(dst, "f", t.FirstID)
	dst = appendInt(dst, "l", t.LastID)
	dst = appendInt(dst, "T", t.TimeUs/int64(u))
	return appendMaker(dst, t.BuyerMaker)
}

// appendTrade appends the payload of <symbol>@trade.
func appendTrade(dst []byte, u binanceapi.Unit, eventUs int64, symbol string, s single) []byte {
	dst = appendHead(dst, "trade", u, eventUs, symbol)
	dst = appendInt(dst, "t", s.id)
	dst = appendDecimalField(dst, "p", s.price)
	dst = appendDecimalField(dst, "q", s.qty)
	dst = appendInt(dst, "T", s.timeUs/int64(u))
	return appendMaker(dst, s.buyerMaker)
}

// closeTime is the last instant of a bar in the client's unit: one millisecond, or one microsecond, before the next one opens.
func closeTime(p market.Period, openMs int64, u binanceapi.Unit) int64 {
	next := p.NextMs(openMs)
	if u == binanceapi.Ms {
		return next - 1
	}
	return next*1000 - 1
}

// appendKline appends the payload of <symbol>@kline_<interval>.
func appendKline(dst []byte, u binanceapi.Unit, eventUs int64, symbol string, p market.Period, b *bar, closed bool) []byte {
	dst = appendHead(dst, "kline", u, eventUs, symbol)
	dst = append(dst, `,"k":{"t":`...)
	dst = u.Append(dst, b.OpenMs*1000)
	dst = appendInt(dst, "T", closeTime(p, b.OpenMs, u))
	dst = appendField(dst, "s", symbol)
	dst = appendField(dst, "i", p.String())
	dst = appendInt(dst, "f", b.FirstID)
	dst = appendInt(dst, "L", b.LastID)
	dst = appendDecimalField(dst, "o", b.Open)
	dst = appendDecimalField(dst, "c", b.Close)
	dst = appendDecimalField(dst, "h", b.High)
	dst = appendDecimalField(dst, "l", b.Low)
	dst = append(dst, `,"v":"`...)
	dst = b.Volume.AppendDecimal(dst, decimals)
	dst = append(dst, '"')
	dst = appendInt(dst, "n", b.Trades)
	dst = append(dst, `,"x":`...)
	dst = strconv.AppendBool(dst, closed)
	dst = append(dst, `,"q":"`...)
	dst = appendQuote(dst, b.Quote)
	dst = append(dst, `","V":"`...)
	dst = b.BuyVolume.AppendDecimal(dst, decimals)
	dst = append(dst, `","Q":"`...)
	dst = appendQuote(dst, b.BuyQuote)
	return append(dst, `","B":"0"}}`...)
}

// appendKlineRow appends a row of GET /api/v3/klines.
func appendKlineRow(dst []byte, u binanceapi.Unit, p market.Period, b *bar) []byte {
	dst = append(dst, '[')
	dst = u.Append(dst, b.OpenMs*1000)
	for _, v := range [...]int64{b.Open, b.High, b.Low, b.Close} {
		dst = append(dst, `,"`...)
		dst = appendPrice(dst, v)
		dst = append(dst, '"')
	}
	dst = append(dst, `,"`...)
	dst = b.Volume.AppendDecimal(dst, decimals)
	dst = append(dst, `",`...)
	dst = strconv.AppendInt(dst, closeTime(p, b.OpenMs, u), 10)
	dst = append(dst, `,"`...)
	dst = appendQuote(dst, b.Quote)
	dst = append(dst, `",`...)
	dst = strconv.AppendInt(dst, b.Trades, 10)
	dst = append(dst, `,"`...)
	dst = b.BuyVolume.AppendDecimal(dst, decimals)
	dst = append(dst, `","`...)
	dst = appendQuote(dst, b.BuyQuote)
	return append(dst, `","0"]`...)
}

// appendAggRow appends a row of GET /api/v3/aggTrades.
func appendAggRow(dst []byte, u binanceapi.Unit, t *trade) []byte {
	dst = append(dst, `{"a":`...)
	dst = strconv.AppendInt(dst, t.ID, 10)
	dst = appendDecimalField(dst, "p", t.Price)
	dst = appendDecimalField(dst, "q", t.Qty)
	dst = appendInt(dst, "f", t.FirstID)
	dst = appendInt(dst, "l", t.LastID)
	dst = appendInt(dst, "T", t.TimeUs/int64(u))
	return appendMaker(dst, t.BuyerMaker)
}

// appendTombstone appends what REST answers for an aggregate trade that was taken back (changelog of 2022-04-12).
func appendTombstone(dst []byte, u binanceapi.Unit, t *trade) []byte {
	dst = append(dst, `{"a":`...)
	dst = strconv.AppendInt(dst, t.ID, 10)
	dst = append(dst, `,"p":"0","q":"0","f":-1,"l":-1`...)
	dst = appendInt(dst, "T", t.TimeUs/int64(u))
	return appendMaker(dst, t.BuyerMaker)
}

// appendSingleRow appends a row of GET /api/v3/trades and /historicalTrades.
func appendSingleRow(dst []byte, u binanceapi.Unit, s single) []byte {
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendInt(dst, s.id, 10)
	dst = appendDecimalField(dst, "price", s.price)
	dst = appendDecimalField(dst, "qty", s.qty)
	dst = append(dst, `,"quoteQty":"`...)
	dst = appendQuote(dst, market.Mul(s.price, s.qty))
	dst = append(dst, '"')
	dst = appendInt(dst, "time", s.timeUs/int64(u))
	dst = append(dst, `,"isBuyerMaker":`...)
	dst = strconv.AppendBool(dst, s.buyerMaker)
	return append(dst, `,"isBestMatch":true}`...)
}
