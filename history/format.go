package history

import (
	"bytes"
	"strconv"

	"github.com/tickcast/tickcast/market"
)

// decimals is how many Binance prints of every price and quantity.
const decimals = 8

// eight gives a decimal, which ends dst[from:], exactly eight decimals; what is finer is cut off.
func eight(dst []byte, from int) []byte {
	point := bytes.IndexByte(dst[from:], '.')
	if point < 0 {
		dst, point = append(dst, '.'), len(dst)-from
	}
	for len(dst)-from-point-1 < decimals {
		dst = append(dst, '0')
	}
	return dst[:from+point+1+decimals]
}

func appendAmount(dst []byte, v int64, scale int) []byte {
	from := len(dst)
	return eight(market.AppendDecimal(dst, v, scale), from)
}

func appendSum(dst []byte, v market.Int128, scale int) []byte {
	from := len(dst)
	return eight(v.AppendDecimal(dst, scale), from)
}

func appendText(dst []byte, text string) []byte {
	from := len(dst)
	return eight(append(dst, text...), from)
}

// field appends a member of an object whose value is a decimal as text.
func field(dst []byte, name, text string) []byte {
	dst = append(append(append(dst, `,"`...), name...), `":"`...)
	return append(appendText(dst, text), '"')
}

func integer(dst []byte, name string, v int64) []byte {
	dst = append(append(append(dst, `,"`...), name...), `":`...)
	return strconv.AppendInt(dst, v, 10)
}

// time appends a time in the client's unit.
func (q *query) time(dst []byte, ms int64) []byte { return q.Unit.Append(dst, ms*1000) }

func symbolHead(dst []byte, c *market.Contract) []byte {
	return append(append(append(dst, `{"symbol":"`...), c.ID...), '"')
}
