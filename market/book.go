package market

import "fmt"

// Level is one price level of an order book, in units of the contract's tick scale and step scale. In a diff a quantity of 0 takes the level away.
type Level struct{ Price, Qty int64 }

// MaxLevels bounds one side of an order book in a record: Binance's largest snapshot.
const MaxLevels = 5000

// BookChange is the content of a snapshot or diff record of market.books. One record is one atomic command.
type BookChange struct {
	FirstID int64   // first update id of the source that is in it; in a snapshot equal to LastID
	LastID  int64   // last update id
	Bids    []Level // snapshot: best (highest) first; diff: in no order
	Asks    []Level // snapshot: best (lowest) first; diff: in no order
}

func (c *BookChange) appendJSON(dst []byte, priceScale, qtyScale int) []byte {
	dst = appendInt(dst, `,"u0":`, c.FirstID)
	dst = appendInt(dst, `,"u":`, c.LastID)
	dst = AppendLevels(append(dst, `,"bids":`...), c.Bids, priceScale, qtyScale)
	return AppendLevels(append(dst, `,"asks":`...), c.Asks, priceScale, qtyScale)
}

// AppendLevels appends levels as [["price","quantity"],…], Binance's form.
func AppendLevels(dst []byte, ls []Level, priceScale, qtyScale int) []byte {
	dst = append(dst, '[')
	for i := range ls {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `["`...)
		dst = AppendDecimal(dst, ls[i].Price, priceScale)
		dst = append(dst, `","`...)
		dst = AppendDecimal(dst, ls[i].Qty, qtyScale)
		dst = append(dst, `"]`...)
	}
	return append(dst, ']')
}

// levels reads what AppendLevels wrote into dst's room.
func (s *scanner) levels(dst []Level, priceScale, qtyScale *int) ([]Level, error) {
	dst = dst[:0]
	if err := s.expect('['); err != nil {
		return dst, err
	}
	if s.blanks(); s.i < len(s.b) && s.b[s.i] == ']' {
		s.i++
		return dst, nil
	}
	for {
		var l Level
		err := s.expect('[')
		if err == nil {
			l.Price, err = s.scaled(priceScale)
		}
		if err == nil {
			err = s.expect(',')
		}
		if err == nil {
			l.Qty, err = s.scaled(qtyScale)
		}
		if err == nil {
			err = s.expect(']')
		}
		if err != nil {
			return dst, err
		}
		if len(dst) == MaxLevels {
			return dst, fmt.Errorf("more than %d levels", MaxLevels)
		}
		dst = append(dst, l)
		s.blanks()
		if s.i >= len(s.b) {
			return dst, errTruncated
		}
		if s.b[s.i] == ']' {
			s.i++
			return dst, nil
		}
		if err := s.expect(','); err != nil {
			return dst, err
		}
	}
}

// check says what is impossible in it.
func (c *BookChange) check(k Kind) error {
	if c.FirstID < 0 || c.LastID < c.FirstID {
		return fmt.Errorf("%s record: update ids %d to %d are impossible", k, c.FirstID, c.LastID)
	}
	for _, side := range [...][]Level{c.Bids, c.Asks} {
		for _, l := range side {
			if l.Price <= 0 || l.Qty < 0 || l.Qty == 0 && k == KindSnapshot {
				return fmt.Errorf("%s record: a level's price or quantity is impossible", k)
			}
		}
	}
	if k != KindSnapshot {
		return nil
	}
	for i := 1; i < len(c.Bids); i++ {
		if c.Bids[i].Price >= c.Bids[i-1].Price {
			return fmt.Errorf("%s record: bids are not in order", k)
		}
	}
	for i := 1; i < len(c.Asks); i++ {
		if c.Asks[i].Price <= c.Asks[i-1].Price {
			return fmt.Errorf("%s record: asks are not in order", k)
		}
	}
	if len(c.Bids) > 0 && len(c.Asks) > 0 && c.Bids[0].Price >= c.Asks[0].Price {
		return fmt.Errorf("%s record: the book is crossed", k)
	}
	return nil
}
