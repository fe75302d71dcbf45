package history

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
)

// depthLimit reads the number of levels per side; there are as many as the catalogue says of the contract.
func (q *query) depthLimit() int { return q.limit(100, 5000) }

// depthWeight is that of GET /api/v3/depth.
func depthWeight(q *query) int {
	switch n := q.depthLimit(); {
	case n <= 100:
		return 5
	case n <= 500:
		return 25
	case n <= 1000:
		return 50
	}
	return 250
}

// depth answers with the order book at the finest resolution that the contract has.
func (h *History) depth(_ context.Context, q *query) ([]byte, error) {
	c, limit := q.symbol(), q.depthLimit()
	q.trading(true)
	if q.bad != nil {
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
		return append(dst, list(len(levels), func(dst []byte, i int) []byte {
			dst = append(appendText(append(dst, `["`...), levels[i][0]), `","`...)
			return append(appendText(dst, levels[i][1]), `"]`...)
		})...)
	}
	dst := strconv.AppendInt([]byte(`{"lastUpdateId":`), book.LastID, 10)
	dst = side(append(dst, `,"bids":`...), book.Bids)
	dst = side(append(dst, `,"asks":`...), book.Asks)
	return append(dst, '}'), nil
}
