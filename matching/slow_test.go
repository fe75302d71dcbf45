package matching

import "slices"

// slowBook is a limit order book as one would write it without a thought for speed: one sorted slice of orders per side, and everything else counted again.
type slowBook struct {
	cfg                    Config
	orders                 [2][]slowOrder
	seq, timeUs, lastID    int64
	tradeID, aggID, update int64
}

type slowOrder struct{ id, price, qty int64 }

func (s *slowBook) priceLevels(side Side) map[int64]int64 {
	m := map[int64]int64{}
	for _, o := range s.orders[side] {
		m[o.price] += o.qty
	}
	return m
}

func (s *slowBook) reject(c Command) Reason {
	resting := slices.Concat(s.orders[Buy], s.orders[Sell])
	isOrder := c.Kind == Limit || c.Kind == IOC || c.Kind == Market
	priced := c.Kind == Limit || c.Kind == IOC
	for _, r := range []struct {
		when bool
		why  Reason
	}{
		{!isOrder && c.Kind != Cancel, ReasonKind},
		{c.TimeUs < s.timeUs, ReasonTime},
		{c.Kind == Cancel && !slices.ContainsFunc(resting, func(o slowOrder) bool { return o.id == c.ID }), ReasonUnknownOrder},
		{isOrder && c.ID <= s.lastID, ReasonOrderID},
		{isOrder && c.Side != Buy && c.Side != Sell, ReasonSide},
		{isOrder && (c.Qty <= 0 || c.Qty > s.cfg.MaxQty), ReasonQty},
		{priced && (c.Price <= 0 || c.Price > s.cfg.MaxPrice), ReasonPrice},
	} {
		if r.when {
			return r.why
		}
	}
	if c.Kind == Market && len(s.orders[1-c.Side]) == 0 {
		return ReasonNoLiquidity
	}
	if c.Kind == Limit {
		own := s.priceLevels(c.Side)
		if len(resting) == s.cfg.MaxOrders {
			return ReasonOrders
		}
		if own[c.Price] == 0 && len(own) == s.cfg.MaxLevels {
			return ReasonLevels
		}
	}
	return ReasonNone
}

func (s *slowBook) apply(c Command) Outcome {
	s.seq++
	out := Outcome{Seq: s.seq, UpdateID: s.update}
	if out.Reason = s.reject(c); out.Reason != ReasonNone {
		out.Status = Rejected
		return out
	}
	s.timeUs = c.TimeUs
	if c.Kind == Cancel {
		for side := range s.orders {
			i := slices.IndexFunc(s.orders[side], func(o slowOrder) bool { return o.id == c.ID })
			if i < 0 {
				continue
			}
			o := s.orders[side][i]
			s.orders[side] = slices.Delete(s.orders[side], i, i+1)
			s.update++
			out.Status, out.Killed, out.UpdateID = Cancelled, o.qty, s.update
			out.Levels = []LevelChange{{Side(side), o.price, s.priceLevels(Side(side))[o.price]}}
		}
		return out
	}
	s.lastID = c.ID
	other := Side(1 - c.Side)
	left := c.Qty
	for left > 0 && len(s.orders[other]) > 0 {
		m := &s.orders[other][0]
		if c.Kind != Market && (c.Side == Buy && m.price > c.Price || c.Side == Sell && m.price < c.Price) {
			break
		}
		q := min(left, m.qty)
		left -= q
		m.qty -= q
		s.tradeID++
		out.Filled += q
		out.Fills = append(out.Fills, Fill{s.tradeID, m.price, q, m.id, c.ID, c.Side, m.qty})
		if n := len(out.Trades); n > 0 && out.Trades[n-1].Price == m.price {
			out.Trades[n-1].Qty += q
			out.Trades[n-1].LastID++
		} else {
			s.aggID++
			out.Trades = append(out.Trades, Trade{s.aggID, s.tradeID, s.tradeID, m.price, q, c.Side})
		}
		if m.qty == 0 {
			s.orders[other] = s.orders[other][1:]
		}
	}
	after := s.priceLevels(other)
	for _, t := range out.Trades {
		out.Levels = append(out.Levels, LevelChange{other, t.Price, after[t.Price]})
	}
	if out.Killed = left; c.Kind == Limit && left > 0 {
		out.Killed, out.Rested = 0, left
		better := func(a, b slowOrder) int { // stable: equal prices stay in the order in which they came
			if c.Side == Buy {
				a, b = b, a
			}
			return int(a.price - b.price)
		}
		s.orders[c.Side] = append(s.orders[c.Side], slowOrder{c.ID, c.Price, left})
		slices.SortStableFunc(s.orders[c.Side], better)
		out.Levels = append(out.Levels, LevelChange{c.Side, c.Price, s.priceLevels(c.Side)[c.Price]})
	}
	if len(out.Levels) > 0 {
		s.update++
		out.UpdateID = s.update
	}
	return out
}
