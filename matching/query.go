package matching

// Best returns the best level of a side (Buy: the highest bid); false if it is empty.
func (b *Book) Best(s Side) (Level, bool) {
	if n := b.sides[s].best(); n != 0 {
		return b.level(n), true
	}
	return Level{}, false
}

// Levels counts the price levels of a side.
func (b *Book) Levels(s Side) int { return len(b.sides[s].entries) }

// Level returns the i-th best level of a side, 0 the best. i must be below Levels.
func (b *Book) Level(s Side, i int) Level {
	es := b.sides[s].entries
	return b.level(es[len(es)-1-i].level)
}

func (b *Book) level(n int32) Level {
	l := &b.levels.items[n]
	return Level{Price: l.price, Qty: l.qty, Orders: int(l.orders)}
}

// Newest returns the id of the last order in the queue of the i-th best level.
func (b *Book) Newest(s Side, i int) int64 {
	es := b.sides[s].entries
	return b.orders.items[b.levels.items[es[len(es)-1-i].level].tail].id
}

// Order returns a resting order; false if there is none of this id.
func (b *Book) Order(id int64) (Order, bool) {
	at := b.byID.get(id)
	if at == 0 {
		return Order{}, false
	}
	o := &b.orders.items[at]
	l := &b.levels.items[o.level]
	return Order{ID: id, Side: l.side, Price: l.price, Qty: o.qty}, true
}

// EachOrder calls f for the resting orders of a side in the order in which they would trade, until f returns false.
func (b *Book) EachOrder(s Side, f func(Order) bool) {
	es := b.sides[s].entries
	for i := len(es) - 1; i >= 0; i-- {
		l := &b.levels.items[es[i].level]
		for at := l.head; at != 0; at = b.orders.items[at].next {
			o := &b.orders.items[at]
			if !f(Order{ID: o.id, Side: s, Price: l.price, Qty: o.qty}) {
				return
			}
		}
	}
}

// Orders counts the resting orders.
func (b *Book) Orders() int { return b.sides[Buy].orders + b.sides[Sell].orders }

// OrdersOf counts the resting orders of a side.
func (b *Book) OrdersOf(s Side) int { return b.sides[s].orders }

// Seq is the number of commands so far.
func (b *Book) Seq() int64 { return b.seq }

// TimeUs is the time of the last command that was not rejected.
func (b *Book) TimeUs() int64 { return b.timeUs }

// LastOrderID is the greatest id of an accepted order, 0 before the first.
func (b *Book) LastOrderID() int64 { return b.lastID }

// LastTradeID is the id of the last fill; before the first, one less than Config.FirstTradeID.
func (b *Book) LastTradeID() int64 { return b.tradeID }

// LastAggID is the id of the last aggregate trade, likewise.
func (b *Book) LastAggID() int64 { return b.aggID }

// UpdateID counts the commands that changed levels, likewise.
func (b *Book) UpdateID() int64 { return b.update }
