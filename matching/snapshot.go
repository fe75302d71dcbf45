package matching

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// snapshotVersion is the first number of a snapshot.
const snapshotVersion = 1

// AppendSnapshot appends the book's whole state. It depends only on the book's content: two books that would answer every command alike give the same bytes.
// There is no checksum in it; the caller's file has one.
func (b *Book) AppendSnapshot(dst []byte) []byte {
	c := &b.cfg
	for _, v := range [...]int64{snapshotVersion, int64(c.MaxOrders), int64(c.MaxLevels), c.MaxQty, c.MaxPrice, c.FirstTradeID, c.FirstAggID, c.FirstUpdateID,
		b.seq, b.timeUs, b.lastID, b.tradeID, b.aggID, b.update} {
		dst = binary.AppendVarint(dst, v)
	}
	for s := range b.sides {
		es := b.sides[s].entries
		dst = binary.AppendVarint(dst, int64(len(es)))
		for i := len(es) - 1; i >= 0; i-- {
			l := &b.levels.items[es[i].level]
			dst = binary.AppendVarint(dst, l.price)
			dst = binary.AppendVarint(dst, int64(l.orders))
			for at := l.head; at != 0; at = b.orders.items[at].next {
				dst = binary.AppendVarint(dst, b.orders.items[at].id)
				dst = binary.AppendVarint(dst, b.orders.items[at].qty)
			}
		}
	}
	return dst
}

// AppendSnapshot appends the flow's whole state, with a command that was peeked and not taken.
func (f *Flow) AppendSnapshot(dst []byte) []byte {
	p, c := &f.p, &f.next
	flag := func(v bool) int64 {
		if v {
			return 1
		}
		return 0
	}
	for _, v := range [...]int64{snapshotVersion, p.Anchor, p.RateMilli, p.QuoteMilli, flag(p.Even), p.Lots, int64(p.Orders), p.Reach,
		int64(f.random), f.mid, f.nowUs, f.takerUs, f.quoteUs, f.even, f.sincePull, f.burst, int64(f.side), flag(f.hasNext)} {
		dst = binary.AppendVarint(dst, v)
	}
	if f.hasNext {
		for _, v := range [...]int64{int64(c.Kind), int64(c.Side), c.TimeUs, c.ID, c.Price, c.Qty} {
			dst = binary.AppendVarint(dst, v)
		}
	}
	return dst
}

// LoadFlow makes the flow that Flow.AppendSnapshot wrote, and returns what follows it.
func LoadFlow(snapshot []byte) (*Flow, []byte, error) {
	r := reader{b: snapshot}
	if v := r.next(); r.err == nil && v != snapshotVersion {
		return nil, nil, fmt.Errorf("matching: flow snapshot of version %d, want %d", v, snapshotVersion)
	}
	f := &Flow{p: FlowParams{Anchor: r.next(), RateMilli: r.next(), QuoteMilli: r.next(), Even: r.next() == 1, Lots: r.next(), Orders: int(r.next()), Reach: r.next()}}
	f.random = splitmix(r.next())
	for _, v := range [...]*int64{&f.mid, &f.nowUs, &f.takerUs, &f.quoteUs, &f.even, &f.sincePull, &f.burst} {
		*v = r.next()
	}
	f.side, f.hasNext = Side(r.next()&1), r.next() == 1
	if f.hasNext {
		f.next = Command{Kind: Kind(r.next()), Side: Side(r.next()), TimeUs: r.next(), ID: r.next(), Price: r.next(), Qty: r.next()}
	}
	if r.err != nil {
		return nil, nil, r.err
	}
	if f.mid < minMid*midScale || f.mid > 1<<60 {
		return nil, nil, fmt.Errorf("%w: mid price", errSnapshot)
	}
	return f, r.b, f.p.Validate()
}

var errSnapshot = errors.New("matching: the snapshot cannot be read")

// reader takes numbers from a snapshot; after an error it gives zeros.
type reader struct {
	b   []byte
	err error
}

func (r *reader) next() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.err = errSnapshot
		return 0
	}
	r.b = r.b[n:]
	return v
}

// Load makes the book that AppendSnapshot wrote, and returns what follows it. A state that no commands lead to is an error.
func Load(snapshot []byte) (*Book, []byte, error) {
	r := reader{b: snapshot}
	if v := r.next(); r.err == nil && v != snapshotVersion {
		return nil, nil, fmt.Errorf("matching: snapshot of version %d, want %d", v, snapshotVersion)
	}
	cfg := Config{MaxOrders: int(r.next()), MaxLevels: int(r.next()), MaxQty: r.next(), MaxPrice: r.next(), FirstTradeID: r.next(), FirstAggID: r.next(), FirstUpdateID: r.next()}
	b, err := New(cfg)
	if r.err != nil || err != nil {
		return nil, nil, errors.Join(r.err, err)
	}
	for _, v := range [...]*int64{&b.seq, &b.timeUs, &b.lastID, &b.tradeID, &b.aggID, &b.update} {
		*v = r.next()
	}
	for s := range b.sides {
		if err := b.loadSide(&r, Side(s)); err != nil {
			return nil, nil, err
		}
	}
	bid, hasBid := b.Best(Buy)
	ask, hasAsk := b.Best(Sell)
	if hasBid && hasAsk && bid.Price >= ask.Price {
		return nil, nil, fmt.Errorf("%w: the book is crossed", errSnapshot)
	}
	b.out = Outcome{}
	return b, r.b, nil
}

func (b *Book) loadSide(r *reader, s Side) error {
	levels := r.next()
	var last int64
	for i := int64(0); i < levels; i++ {
		price, orders := r.next(), r.next()
		key := b.sides[s].key(price)
		switch {
		case r.err != nil:
			return r.err
		case price < 1 || price > b.cfg.MaxPrice || i > 0 && key >= last || orders < 1 || i >= int64(b.cfg.MaxLevels):
			return fmt.Errorf("%w: level %d at %d is impossible", errSnapshot, i, price)
		}
		last = key
		for ; orders > 0; orders-- {
			id, qty := r.next(), r.next()
			switch {
			case r.err != nil:
				return r.err
			case id < 1 || id > b.lastID || qty < 1 || qty > b.cfg.MaxQty || b.byID.get(id) != 0 || b.Orders() >= b.cfg.MaxOrders:
				return fmt.Errorf("%w: order %d is impossible", errSnapshot, id)
			}
			b.out.Levels = b.out.Levels[:0]
			b.rest(&Command{Side: s, ID: id, Price: price}, qty)
		}
	}
	return r.err
}
