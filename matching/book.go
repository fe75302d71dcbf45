package matching

import "fmt"

// Config bounds a book and says where its ids begin. Start from DefaultConfig.
type Config struct {
	MaxOrders     int   // resting orders, at most 1<<22
	MaxLevels     int   // price levels of each side
	MaxQty        int64 // lots of one order, at most 1<<40: a level's sum cannot overflow then
	MaxPrice      int64 // ticks, at most 1<<60
	FirstTradeID  int64 // of the first fill
	FirstAggID    int64 // of the first aggregate trade
	FirstUpdateID int64 // of the first change of the book
}

// DefaultConfig has room for any market that the flow makes.
func DefaultConfig() Config {
	return Config{MaxOrders: 200_000, MaxLevels: 5_000, MaxQty: 1 << 40, MaxPrice: 1 << 60, FirstTradeID: 1, FirstAggID: 1, FirstUpdateID: 1}
}

// Validate names what is wrong.
func (c *Config) Validate() error {
	switch {
	case c.MaxOrders < 1 || c.MaxOrders > 1<<22:
		return fmt.Errorf("matching: %d orders, want 1 to %d", c.MaxOrders, 1<<22)
	case c.MaxLevels < 1 || c.MaxLevels > 1<<22:
		return fmt.Errorf("matching: %d levels, want 1 to %d", c.MaxLevels, 1<<22)
	case c.MaxQty < 1 || c.MaxQty > 1<<40:
		return fmt.Errorf("matching: quantities up to %d, want 1 to 2^40", c.MaxQty)
	case c.MaxPrice < 1 || c.MaxPrice > 1<<60:
		return fmt.Errorf("matching: prices up to %d, want 1 to 2^60", c.MaxPrice)
	case c.FirstTradeID < 1 || c.FirstAggID < 1 || c.FirstUpdateID < 1:
		return fmt.Errorf("matching: ids begin at 1 or above")
	}
	return nil
}

// Book is a limit order book: commands in, outcomes out.
type Book struct {
	cfg     Config
	sides   [2]ladder // by Side
	levels  arena[level]
	orders  arena[order]
	byID    index
	seq     int64
	timeUs  int64
	lastID  int64 // greatest accepted order id
	tradeID int64 // of the last fill
	aggID   int64
	update  int64
	out     Outcome
}

// New makes an empty book.
func New(cfg Config) (*Book, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	b := &Book{cfg: cfg, tradeID: cfg.FirstTradeID - 1, aggID: cfg.FirstAggID - 1, update: cfg.FirstUpdateID - 1}
	b.sides[Sell].side = Sell
	return b, nil
}

// Apply carries out one command. What it returns is the book's own and holds until the next Apply.
func (b *Book) Apply(c Command) *Outcome {
	o := &b.out
	b.seq++
	*o = Outcome{Seq: b.seq, Fills: o.Fills[:0], Trades: o.Trades[:0], Levels: o.Levels[:0], UpdateID: b.update}
	if o.Reason = b.check(&c); o.Reason != ReasonNone {
		o.Status = Rejected
		return o
	}
	b.timeUs = c.TimeUs
	if c.Kind == Cancel {
		b.cancel(c.ID)
	} else {
		b.lastID = c.ID
		b.match(&c)
		switch left := c.Qty - o.Filled; {
		case c.Kind == Limit && left > 0:
			o.Rested = left
			b.rest(&c, left)
		default:
			o.Killed = left
		}
	}
	if len(o.Levels) > 0 {
		b.update++
		o.UpdateID = b.update
	}
	return o
}

// check says why a command cannot be carried out. The bounds of the book are checked before anything trades, so that a rejected order leaves no trace.
func (b *Book) check(c *Command) Reason {
	switch {
	case c.Kind > Cancel:
		return ReasonKind
	case c.TimeUs < b.timeUs:
		return ReasonTime
	case c.Kind == Cancel:
		if b.byID.get(c.ID) == 0 {
			return ReasonUnknownOrder
		}
		return ReasonNone
	case c.ID <= b.lastID:
		return ReasonOrderID
	case c.Side > Sell:
		return ReasonSide
	case c.Qty < 1 || c.Qty > b.cfg.MaxQty:
		return ReasonQty
	case c.Kind == Market:
		if b.sides[c.Side.Other()].best() == 0 {
			return ReasonNoLiquidity
		}
		return ReasonNone
	case c.Price < 1 || c.Price > b.cfg.MaxPrice:
		return ReasonPrice
	case c.Kind == IOC:
		return ReasonNone
	}
	own := &b.sides[c.Side]
	if b.Orders() >= b.cfg.MaxOrders {
		return ReasonOrders
	}
	if len(own.entries) >= b.cfg.MaxLevels {
		if _, ok := own.find(own.key(c.Price)); !ok {
			return ReasonLevels
		}
	}
	return ReasonNone
}

// match trades the order with the other side as far as its price allows.
func (b *Book) match(c *Command) {
	o, other := &b.out, &b.sides[c.Side.Other()]
	worst := other.key(c.Price)
	for left := c.Qty; left > 0 && len(other.entries) > 0; {
		best := other.entries[len(other.entries)-1]
		if c.Kind != Market && best.key < worst {
			return
		}
		lv := &b.levels.items[best.level]
		t := Trade{ID: b.aggID + 1, FirstID: b.tradeID + 1, Price: lv.price, TakerSide: c.Side}
		for left > 0 && lv.head != 0 {
			m := &b.orders.items[lv.head]
			qty := min(left, m.qty)
			m.qty -= qty
			left -= qty
			t.Qty += qty
			b.tradeID++
			o.Fills = append(o.Fills, Fill{ID: b.tradeID, Price: lv.price, Qty: qty, Maker: m.id, Taker: c.ID, TakerSide: c.Side, MakerRests: m.qty})
			if m.qty == 0 {
				b.unlink(lv.head)
			}
		}
		b.aggID++
		t.LastID = b.tradeID
		o.Trades = append(o.Trades, t)
		o.Filled += t.Qty
		lv.qty -= t.Qty
		b.changed(best.level)
	}
}

// rest puts an order at the end of its level's queue.
func (b *Book) rest(c *Command, qty int64) {
	own := &b.sides[c.Side]
	i, ok := own.find(own.key(c.Price))
	if !ok {
		n := b.levels.take()
		b.levels.items[n] = level{price: c.Price, side: c.Side}
		own.insert(i, entry{own.key(c.Price), n})
	}
	n := own.entries[i].level
	at := b.orders.take()
	lv := &b.levels.items[n]
	b.orders.items[at] = order{id: c.ID, qty: qty, level: n, prev: lv.tail}
	if lv.tail != 0 {
		b.orders.items[lv.tail].next = at
	} else {
		lv.head = at
	}
	lv.tail = at
	lv.orders++
	lv.qty += qty
	own.orders++
	b.byID.put(c.ID, at)
	b.changed(n)
}

func (b *Book) cancel(id int64) {
	at := b.byID.get(id)
	n, qty := b.orders.items[at].level, b.orders.items[at].qty
	b.out.Status, b.out.Killed = Cancelled, qty
	b.unlink(at)
	b.levels.items[n].qty -= qty
	b.changed(n)
}

// unlink takes an order out of its level's queue; the level's quantity is the caller's to change.
func (b *Book) unlink(at int32) {
	od := b.orders.items[at]
	lv := &b.levels.items[od.level]
	if od.prev != 0 {
		b.orders.items[od.prev].next = od.next
	} else {
		lv.head = od.next
	}
	if od.next != 0 {
		b.orders.items[od.next].prev = od.prev
	} else {
		lv.tail = od.prev
	}
	lv.orders--
	b.sides[lv.side].orders--
	b.byID.remove(od.id)
	b.orders.give(at)
}

// changed reports a level as it is now, and takes it out when it is empty.
func (b *Book) changed(n int32) {
	lv := &b.levels.items[n]
	b.out.Levels = append(b.out.Levels, LevelChange{Side: lv.side, Price: lv.price, Qty: lv.qty})
	if lv.qty == 0 {
		b.sides[lv.side].remove(lv.price)
		b.levels.give(n)
	}
}
