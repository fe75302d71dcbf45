package e2e

import (
	"fmt"
	"testing"

	"github.com/tickcast/tickcast/market"
)

// slowBook is an order book made of two maps, which looks through all of its levels for the best: another author's method. Prices and quantities are in 10^-8.
type slowBook [2]map[int64]int64 // bids, asks

func (b *slowBook) take(t *testing.T, r *market.Record) {
	if r.Kind == market.KindSnapshot {
		b[0], b[1] = map[int64]int64{}, map[int64]int64{}
	}
	for side, levels := range [2][]market.Level{r.Book.Bids, r.Book.Asks} {
		for _, l := range levels {
			price, err1 := market.Rescale(l.Price, r.PriceScale, 8)
			qty, err2 := market.Rescale(l.Qty, r.QtyScale, 8)
			if err1 != nil || err2 != nil {
				t.Errorf("level %+v: %v, %v", l, err1, err2)
			}
			if b[side][price] = qty; qty == 0 {
				delete(b[side], price)
			}
		}
	}
}

// best is the best bid and ask as bestOf writes them.
func (b *slowBook) best() string {
	var bid, ask int64
	for price := range b[0] {
		bid = max(bid, price)
	}
	for price := range b[1] {
		if ask == 0 || price < ask {
			ask = price
		}
	}
	return fmt.Sprint([4]int64{bid, b[0][bid], ask, b[1][ask]})
}
