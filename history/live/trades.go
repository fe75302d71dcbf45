package live

import (
	"sort"

	"github.com/tickcast/tickcast/market"
)

// Trade is one aggregate trade of the log.
type Trade struct {
	market.Trade
	EventMs              int64
	PriceScale, QtyScale uint8
	Busted               bool // taken back; only its id and time count
}

// trades is a ring of the newest trades of one epoch, by ascending id.
type trades struct {
	keep  int
	ring  []Trade
	first int // index of the oldest, once the ring is full

	writer, epoch, seq int64
}

func (t *trades) at(i int) *Trade {
	return &t.ring[(t.first+i)%len(t.ring)]
}

// apply takes the next record of the contract's log. Records of an older writer after a newer one's, of an older epoch, and those that come again do not count.
func (t *trades) apply(r *market.Record) bool {
	if r.Writer < t.writer || r.Epoch < t.epoch || r.Epoch == t.epoch && r.Seq <= t.seq {
		return false
	}
	t.writer = r.Writer
	if r.Kind == market.KindOpen {
		return false // its writer need not know the epoch yet
	}
	if r.Epoch > t.epoch { // ids count anew, or decimals changed
		t.ring, t.first = t.ring[:0], 0
	}
	t.epoch, t.seq = r.Epoch, r.Seq
	switch r.Kind {
	case market.KindTrade:
		return t.add(tradeOf(r))
	case market.KindCorrection:
		if old := t.find(r.Trade.AggID); old != nil {
			*old = tradeOf(r)
			return true
		}
	case market.KindBust:
		if old := t.find(r.Trade.AggID); old != nil {
			old.Busted = true
			return true
		}
	}
	return false
}

func tradeOf(r *market.Record) Trade {
	return Trade{Trade: r.Trade, EventMs: r.EventMs, PriceScale: uint8(r.PriceScale), QtyScale: uint8(r.QtyScale)}
}

func (t *trades) add(tr Trade) bool {
	if n := len(t.ring); n > 0 && tr.AggID <= t.at(n-1).AggID {
		return false
	}
	if len(t.ring) < t.keep {
		t.ring = append(t.ring, tr)
		return true
	}
	t.ring[t.first] = tr
	t.first = (t.first + 1) % len(t.ring)
	return true
}

// from is the index of the first trade with an id of at least id.
func (t *trades) from(id int64) int {
	return sort.Search(len(t.ring), func(i int) bool { return t.at(i).AggID >= id })
}

func (t *trades) find(id int64) *Trade {
	if i := t.from(id); i < len(t.ring) && t.at(i).AggID == id {
		return t.at(i)
	}
	return nil
}

// TradeRange asks for trades; absent limits are Unlimited.
type TradeRange struct {
	FromID       int64 // ascending from here
	FromMs, ToMs int64 // event times, both included
	Limit        int
}

// Unlimited stands for a limit that was not given.
const Unlimited = -1

// Trades answers like Binance's aggTrades over the trades that are kept: with FromID or FromMs the oldest within the range, else the newest. Where the oldest trades
// asked for are no longer kept, the answer begins with the oldest that is.
func (c *Contract) Trades(q TradeRange) []Trade {
	c.mu.RLock()
	defer c.mu.RUnlock()
	t := &c.trades
	ascending := q.FromID != Unlimited || q.FromMs != Unlimited
	var out []Trade
	take := func(tr *Trade) bool {
		// times need not ascend with ids, so each one is looked at
		if (q.FromMs == Unlimited || tr.EventMs >= q.FromMs) && (q.ToMs == Unlimited || tr.EventMs <= q.ToMs) {
			out = append(out, *tr)
		}
		return len(out) < q.Limit
	}
	if ascending {
		for i := t.from(q.FromID); i < len(t.ring) && take(t.at(i)); i++ {
		}
		return out
	}
	for i := len(t.ring) - 1; i >= 0 && take(t.at(i)); i-- {
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// LastTrade is the newest trade that was not taken back; ok is false without one.
func (c *Contract) LastTrade() (tr Trade, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for i := len(c.trades.ring) - 1; i >= 0; i-- {
		if tr := c.trades.at(i); !tr.Busted {
			return *tr, true
		}
	}
	return tr, false
}
