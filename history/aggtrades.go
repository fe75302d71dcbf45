package history

import (
	"context"
	"strconv"

	"github.com/tickcast/tickcast/binanceapi"
	"github.com/tickcast/tickcast/history/live"
)

func (h *History) aggTrades(_ context.Context, q *query) ([]byte, error) {
	c := q.symbol()
	r := live.TradeRange{FromID: q.Number("fromId"), FromMs: q.fromMs("startTime"), ToMs: q.untilMs("endTime"), Limit: q.Limit(500, 1000)}
	if r.FromID != binanceapi.Absent && (r.FromMs != binanceapi.Absent || r.ToMs != binanceapi.Absent) {
		q.Failf(-1128, "Combination of optional parameters invalid.")
	}
	if q.Bad != nil {
		return nil, nil
	}
	ts := h.state.Contract(c.ID).Trades(r)
	return binanceapi.List(len(ts), func(dst []byte, i int) []byte {
		t := &ts[i]
		dst = strconv.AppendInt(append(dst, `{"a":`...), t.AggID, 10)
		if t.Busted { // changelog of 2022-04-12
			dst = append(dst, `,"p":"0","q":"0","f":-1,"l":-1`...)
		} else {
			dst = append(appendAmount(append(dst, `,"p":"`...), t.Price, int(t.PriceScale)), `","q":"`...)
			dst = append(appendAmount(dst, t.Qty, int(t.QtyScale)), '"')
			dst = integer(integer(dst, "f", t.FirstID), "l", t.LastID)
		}
		dst = q.time(append(dst, `,"T":`...), t.EventMs)
		dst = strconv.AppendBool(append(dst, `,"m":`...), t.BuyerMaker)
		return append(dst, `,"M":true}`...)
	}), nil
}
