package history

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/tickcast/tickcast/binanceapi"
)

// depth answers with the order book at the finest resolution that the contract has.
func (h *History) depth(_ context.Context, q *query) ([]byte, error) {
	c, limit := q.symbol(), q.DepthLimit()
	q.Trading(true)
	if q.Bad != nil {
		return nil, nil
	}
	var book struct {
		LastID int64       `json:"u"`
		Bids   [][2]string `json:"b"`
		Asks   [][2]string `json:"a"`
	}
	if v := h.state.Contract(c.ID).Book().JSON; len(v) > 0 {
		if err := json.Unmarshal(v, &book); err != nil {
			return nil, fmt.Errorf("order book of %s: %w", c.ID, err)
		}
	}
	side := func(dst []byte, levels [][2]string) []byte {
		levels = levels[:min(limit, len(levels))]
		return append(dst, binanceapi.List(len(levels), func(dst []byte, i int) []byte {
			dst = append(appendText(append(dst, `["`...), levels[i][0]), `","`...)
			return append(appendText(dst, levels[i][1]), `"]`...)
		})...)
	}
	dst := strconv.AppendInt([]byte(`{"lastUpdateId":`), book.LastID, 10)
	dst = side(append(dst, `,"bids":`...), book.Bids)
	dst = side(append(dst, `,"asks":`...), book.Asks)
	return append(dst, '}'), nil
}
