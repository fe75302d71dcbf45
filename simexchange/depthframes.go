package simexchange

import (
	"strconv"

	"github.com/tickcast/tickcast/binanceapi"
)

func appendLevels(dst []byte, name string, n int, at func(int) level) []byte {
	dst = append(dst, `,"`...)
	dst = append(dst, name...)
	dst = append(dst, `":[`...)
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		l := at(i)
		dst = append(dst, `["`...)
		dst = appendPrice(dst, l.Price)
		dst = append(dst, `","`...)
		dst = appendPrice(dst, l.Qty)
		dst = append(dst, `"]`...)
	}
	return append(dst, ']')
}

// appendDepth appends the payload of <symbol>@depth and @depth@100ms.
func appendDepth(dst []byte, u binanceapi.Unit, eventUs int64, symbol string, c *bookChange) []byte {
	dst = appendHead(dst, "depthUpdate", u, eventUs, symbol)
	dst = appendInt(dst, "U", c.FirstID)
	dst = appendInt(dst, "u", c.LastID)
	bids := 0
	for bids < len(c.Levels) && c.Levels[bids].Bid {
		bids++
	}
	dst = appendLevels(dst, "b", bids, func(i int) level { return level{c.Levels[i].Price, c.Levels[i].Qty} })
	asks := c.Levels[bids:]
	dst = appendLevels(dst, "a", len(asks), func(i int) level { return level{asks[i].Price, asks[i].Qty} })
	return append(dst, '}')
}

// appendTop appends the payload of <symbol>@depth<levels>, and the answer of GET /api/v3/depth.
func appendTop(dst []byte, t *bookTop) []byte {
	dst = append(dst, `{"lastUpdateId":`...)
	dst = strconv.AppendInt(dst, t.lastID, 10)
	dst = appendLevels(dst, "bids", len(t.bids), func(i int) level { return t.bids[i] })
	dst = appendLevels(dst, "asks", len(t.asks), func(i int) level { return t.asks[i] })
	return append(dst, '}')
}

// appendBookTicker appends the payload of <symbol>@bookTicker: it has no time.
func appendBookTicker(dst []byte, symbol string, b *best) []byte {
	dst = append(dst, `{"u":`...)
	dst = strconv.AppendInt(dst, b.ID, 10)
	dst = appendField(dst, "s", symbol)
	dst = appendDecimalField(dst, "b", b.Bid.Price)
	dst = appendDecimalField(dst, "B", b.Bid.Qty)
	dst = appendDecimalField(dst, "a", b.Ask.Price)
	dst = appendDecimalField(dst, "A", b.Ask.Qty)
	return append(dst, '}')
}
