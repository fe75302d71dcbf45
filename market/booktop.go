package market

// BBO is the best bid and the best offer. A side without orders has the quantity 0.
type BBO struct {
	Bid, Ask Level
	UpdateID int64 // the source's, of the last command that is in it
}

// AppendJSON appends the fields behind an envelope, from `,"b":` to the closing brace; a side without orders is null.
func (b *BBO) AppendJSON(dst []byte, priceScale, qtyScale int) []byte {
	dst = appendBest(dst, `,"b":`, `,"B":`, b.Bid, priceScale, qtyScale)
	dst = appendBest(dst, `,"a":`, `,"A":`, b.Ask, priceScale, qtyScale)
	dst = appendInt(dst, `,"u":`, b.UpdateID)
	return append(dst, '}')
}

func appendBest(dst []byte, price, qty string, l Level, priceScale, qtyScale int) []byte {
	dst = append(dst, price...)
	if l.Qty == 0 {
		dst = append(dst, "null"...)
		dst = append(dst, qty...)
		return append(dst, "null"...)
	}
	dst = AppendDecimal(append(dst, '"'), l.Price, priceScale)
	dst = append(append(dst, '"'), qty...)
	dst = AppendDecimal(append(dst, '"'), l.Qty, qtyScale)
	return append(dst, '"')
}

// OrderBook is a book at one price resolution: the quantities of all orders between two steps in one level, bids at the lower step and asks at the upper.
type OrderBook struct {
	Resolution Unit
	UpdateID   int64   // the source's, of the last command that is in it
	Bids, Asks []Level // best first
}

// AppendJSON appends the fields behind an envelope, from `,"res":` to the closing brace.
func (b *OrderBook) AppendJSON(dst []byte, priceScale, qtyScale int) []byte {
	dst = append(dst, `,"res":"`...)
	dst = AppendDecimal(dst, b.Resolution.Size, b.Resolution.Scale)
	dst = appendInt(dst, `","u":`, b.UpdateID)
	dst = AppendLevels(append(dst, `,"b":`...), b.Bids, priceScale, qtyScale)
	dst = AppendLevels(append(dst, `,"a":`...), b.Asks, priceScale, qtyScale)
	return append(dst, '}')
}
