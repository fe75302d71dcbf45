package simexchange

import (
	"fmt"
	"sort"
)

// eventLog is all that is known about one symbol's past: aggregate trades with contiguous ids, bounded, the klines that they make up, and the order
// book. Everything that the simulator serves is derived from it. It has no clock and no locks.
type eventLog struct {
	trades []trade
	keep   int // aggregate trades that are kept
	bars   *barTable
	depth  *depth
}

func newEventLog(keep int) *eventLog {
	return &eventLog{keep: keep, bars: newBarTable(), depth: newDepth()}
}

// enter appends an event. told says whether it changed what bookTicker shows.
func (l *eventLog) enter(e *event) (told bool, err error) {
	for i := range e.Trades {
		if err = l.add(e.Trades[i]); err != nil {
			return false, err
		}
	}
	if e.Book != nil {
		told = l.depth.add(e.Book, e.Frame)
	}
	if e.Best != nil {
		l.depth.best, told = *e.Best, true
	}
	return told, nil
}

// follows checks that ids go on and time does not go back: else streams and klines would contradict each other.
func (t *trade) follows(last *trade) error {
	if t.ID != last.ID+1 || t.FirstID != last.LastID+1 || t.TimeUs < last.TimeUs {
		return fmt.Errorf("trade %d (%d..%d at %d us) does not follow %d (%d..%d at %d us)",
			t.ID, t.FirstID, t.LastID, t.TimeUs, last.ID, last.FirstID, last.LastID, last.TimeUs)
	}
	return nil
}

// add appends a trade, which must follow the last one.
func (l *eventLog) add(t trade) error {
	if n := len(l.trades); n > 0 {
		if err := t.follows(&l.trades[n-1]); err != nil {
			return err
		}
	}
	l.bars.add(&t)
	l.trades = append(l.trades, t)
	if len(l.trades) > l.keep+l.keep/4+16 {
		l.trades = append(make([]trade, 0, l.keep+l.keep/2), l.trades[len(l.trades)-l.keep:]...)
	}
	return nil
}

// aggRange are the limits of a question for aggregate trades; noTime where not given.
type aggRange struct {
	fromID, startUs, endUs int64
	limit                  int
}

// aggTrades answers like GET /api/v3/aggTrades over the trades that are not after untilUs (what REST knows already). The slice is only valid
// until the log changes.
func (l *eventLog) aggTrades(r aggRange, untilUs int64) []trade {
	ts := l.until(untilUs)
	if r.endUs != noTime {
		ts = ts[:after(ts, r.endUs)]
	}
	switch {
	case len(ts) == 0:
		return nil
	case r.fromID != noTime:
		i := max(r.fromID-ts[0].ID, 0)
		if i >= int64(len(ts)) {
			return nil
		}
		ts = ts[i:]
	case r.startUs != noTime:
		ts = ts[after(ts, r.startUs-1):]
	default:
		return ts[max(len(ts)-r.limit, 0):]
	}
	return ts[:min(len(ts), r.limit)]
}

// single is one trade of one maker with one taker.
type single struct {
	id, timeUs, price, qty int64
	buyerMaker             bool
}

// singles answers like GET /api/v3/historicalTrades; without fromID the newest.
func (l *eventLog) singles(fromID int64, limit int, untilUs int64) []single {
	ts := l.until(untilUs)
	if len(ts) == 0 {
		return nil
	}
	last := ts[len(ts)-1].LastID
	if fromID == noTime {
		fromID = last - int64(limit) + 1
	}
	fromID = max(fromID, ts[0].FirstID)
	var out []single
	for i := sort.Search(len(ts), func(i int) bool { return ts[i].LastID >= fromID }); i < len(ts) && len(out) < limit; i++ {
		t := &ts[i]
		for id := max(fromID, t.FirstID); id <= t.LastID && len(out) < limit; id++ {
			out = append(out, t.single(id))
		}
	}
	return out
}

func (t *trade) single(id int64) single {
	return single{id: id, timeUs: t.TimeUs, price: t.Price, qty: t.fillQty(int(id - t.FirstID)), buyerMaker: t.BuyerMaker}
}

func (l *eventLog) until(us int64) []trade { return l.trades[:after(l.trades, us)] }

// after is the index of the first trade later than us.
func after(ts []trade, us int64) int {
	if n := len(ts); n == 0 || ts[n-1].TimeUs <= us {
		return n
	}
	return sort.Search(len(ts), func(i int) bool { return ts[i].TimeUs > us })
}
