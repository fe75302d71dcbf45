package history

import (
	"context"
	"math"
	"slices"
	"strconv"

	"github.com/tickcast/tickcast/binanceapi"
	"github.com/tickcast/tickcast/market"
)

func (h *History) klines(ctx context.Context, q *query) ([]byte, error) {
	c, p := q.symbol(), q.Interval()
	from, until, limit := q.fromMs("startTime"), q.untilMs("endTime"), q.Limit(500, 1000)
	if zone := q.zoneMs(); q.Bad == nil && zone != 0 && (p > market.Period12h || zone%p.NextMs(0) != 0) {
		q.Invalid("timeZone") // candles are kept in UTC
	}
	if q.Bad == nil && !c.HasPeriod(p) {
		q.Failf(-1120, "Invalid interval.")
	}
	if q.Bad != nil {
		return nil, nil
	}
	r := market.CandleRange{Contract: c.ID, Period: p, FromMs: 0, ToMs: math.MaxInt64, Limit: limit, Newest: from == binanceapi.Absent}
	if from != binanceapi.Absent {
		r.FromMs = from
	}
	if until != binanceapi.Absent {
		r.ToMs = until
	}
	all, err := h.candles(ctx, r)
	if err != nil {
		return nil, err
	}
	return binanceapi.List(len(all), func(dst []byte, i int) []byte { return appendKline(dst, q, &all[i]) }), nil
}

// candles joins what is stored with what is live: each open time once, in its newest version, oldest first. The live state is asked first: a candle that closes
// meanwhile is in it as an open one, and, newer, in the store. It keeps more closed candles than the store may be behind by.
func (h *History) candles(ctx context.Context, r market.CandleRange) ([]market.CandleMessage, error) {
	closed, open := h.state.Contract(r.Contract).Candles(r.Period, r.FromMs, r.ToMs)
	all, err := h.stored.Candles(ctx, r)
	if err != nil {
		return nil, err
	}
	for i := range closed {
		all = join(all, &closed[i])
	}
	for i := range open {
		all = join(all, &open[i].CandleMessage)
	}
	if n := len(all) - r.Limit; n > 0 {
		if r.Newest {
			all = all[n:]
		} else {
			all = all[:r.Limit]
		}
	}
	return all, nil
}

// join puts a candle in its place, if it is newer than the one that is there.
func join(all []market.CandleMessage, m *market.CandleMessage) []market.CandleMessage {
	i := len(all)
	for i > 0 && all[i-1].OpenMs > m.OpenMs {
		i--
	}
	if i == 0 || all[i-1].OpenMs != m.OpenMs {
		return slices.Insert(all, i, *m)
	}
	if all[i-1].Version().Less(m.Version()) {
		all[i-1] = *m
	}
	return all
}

// appendKline appends a row (rest-api.md, "Kline/Candlestick data").
func appendKline(dst []byte, q *query, m *market.CandleMessage) []byte {
	ps, qs := m.PriceScale, m.QtyScale
	dst = q.time(append(dst, '['), m.OpenMs)
	for _, v := range [...]int64{m.Open, m.High, m.Low, m.Close} {
		dst = append(appendAmount(append(dst, `,"`...), v, ps), '"')
	}
	dst = append(appendSum(append(dst, `,"`...), m.Volume, qs), `",`...)
	dst = q.Unit.Append(dst, m.Period.NextMs(m.OpenMs)*1000-1)
	dst = append(appendSum(append(dst, `,"`...), m.QuoteVolume, ps+qs), `",`...)
	dst = strconv.AppendInt(dst, m.Trades, 10)
	dst = append(appendSum(append(dst, `,"`...), m.BuyVolume, qs), `","`...)
	return append(appendSum(dst, m.BuyQuoteVolume, ps+qs), `","0"]`...)
}
