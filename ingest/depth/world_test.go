package depth_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tickcast/tickcast/ingest/core/coretest"
	"github.com/tickcast/tickcast/ingest/depth"
	"github.com/tickcast/tickcast/market"
)

// exchange is a random market in virtual time: the true book after each update, and the diffs of each 100 ms.
type exchange struct {
	rnd   *rand.Rand
	books []market.BookChange // by update id less firstID
	diffs []depth.RawDiff
}

const firstID = 1000

func (x *exchange) at(id int64) *market.BookChange { return &x.books[id-firstID] }
func (x *exchange) last() int64                    { return firstID + int64(len(x.books)) - 1 }

// newExchange makes a market from a time on. Some windows of 100 ms bring nothing; now and then nothing happens for seconds.
func newExchange(rnd *rand.Rand, fromMs, untilMs int64) *exchange {
	x := &exchange{rnd: rnd}
	var b market.BookChange
	for i := range int64(15) {
		b.Bids = append(b.Bids, market.Level{Price: 999_9 - i, Qty: 1 + i})
		b.Asks = append(b.Asks, market.Level{Price: 1_000_0 + i, Qty: 1 + i})
	}
	x.books = append(x.books, b)
	for ms := fromMs; ms < untilMs; ms += 100 {
		if rnd.IntN(300) == 0 {
			ms += 1000 + rnd.Int64N(4000)
		}
		if n := rnd.IntN(8); n > 0 {
			x.window(ms+rnd.Int64N(3), n)
		}
	}
	return x
}

// window makes n updates and the diff that tells of them.
func (x *exchange) window(ms int64, n int) {
	d := depth.RawDiff{Symbol: "BTCUSDT", EventMs: ms, FirstID: x.last() + 1}
	bids, asks := map[int64]int64{}, map[int64]int64{}
	for range n {
		b := market.BookChange{Bids: slices.Clone(x.at(x.last()).Bids), Asks: slices.Clone(x.at(x.last()).Asks)}
		if x.rnd.IntN(2) == 0 {
			l := x.change(&b.Bids, b.Asks[0].Price, -1)
			bids[l.Price] = l.Qty
		} else {
			l := x.change(&b.Asks, b.Bids[0].Price, 1)
			asks[l.Price] = l.Qty
		}
		x.books = append(x.books, b)
	}
	d.LastID = x.last()
	d.Bids, d.Asks = x.raw(bids), x.raw(asks)
	x.diffs = append(x.diffs, d)
}

// change sets a level of a side: near the other side's best, which it does not reach, or it takes one away.
func (x *exchange) change(side *[]market.Level, other, away int64) market.Level {
	ls := *side
	if i := x.rnd.IntN(len(ls)); len(ls) > 12 && x.rnd.IntN(2) == 0 {
		l := market.Level{Price: ls[i].Price}
		*side = slices.Delete(ls, i, i+1)
		return l
	}
	l := market.Level{Price: other + away*(1+x.rnd.Int64N(25)), Qty: 1 + x.rnd.Int64N(99)}
	i, there := slices.BinarySearchFunc(ls, l, func(a, b market.Level) int { return int((a.Price - b.Price) * away) })
	if there {
		ls[i] = l
	} else {
		*side = slices.Insert(ls, i, l)
	}
	return l
}

func (x *exchange) raw(side map[int64]int64) [][2]string {
	out := [][2]string{}
	for p, q := range side {
		out = append(out, wire(market.Level{Price: p, Qty: q}))
	}
	return out
}

func wire(l market.Level) [2]string {
	return [2]string{market.FormatDecimal(l.Price, 2), market.FormatDecimal(l.Qty, 0)}
}

// snapshot is what REST answers, as of an update.
func (x *exchange) snapshot(serial, id int64, levels int) *depth.Answer {
	a := &depth.Answer{Serial: serial, LastID: id, Bids: [][2]string{}, Asks: [][2]string{}}
	b := x.at(id)
	for _, l := range b.Bids[:min(levels, len(b.Bids))] {
		a.Bids = append(a.Bids, wire(l))
	}
	for _, l := range b.Asks[:min(levels, len(b.Asks))] {
		a.Asks = append(a.Asks, wire(l))
	}
	return a
}

// world is the exchange, a network and the feed between them and the log.
type world struct {
	*stage
	rnd    *rand.Rand
	x      *exchange
	events coretest.Events
	conn   int64
	up     bool
	silent bool
	bad    bool // faults are allowed; the last part of each run is calm
	life   int  // of the process: answers to an older one are lost
	reader logReader
	read   int
	late   *depth.RawDiff // sent behind the next one
	lostMs int64          // event time of the newest diff that did not arrive whole
	restMs int64          // how old REST's answers may be
}

func newWorld(seed uint64, length int64) *world {
	w := &world{stage: newStage(), rnd: rand.New(rand.NewPCG(seed, 3)), bad: true}
	w.cfg.Levels, w.cfg.RefreshLevels, w.cfg.MaxHeld = 1000, 400, 300
	if seed%3 == 0 {
		w.cfg.Levels, w.cfg.RefreshLevels, w.cfg.RefreshMinMs = 10, 6, 500
	}
	w.feed = depth.New(w.cfg, w.Contract, true)
	w.x = newExchange(w.rnd, coretest.BaseMs-2000, coretest.BaseMs+length)
	w.NowMs = coretest.BaseMs
	return w
}

func (w *world) after(ms int64, do func()) { w.events.Add(w.NowMs+ms, do) }

func (w *world) chance(p float64) bool { return w.bad && w.rnd.Float64() < p }

// schedule lets each diff be sent at its time, and a sign of life each second.
func (w *world) schedule(send func(depth.RawDiff)) {
	for _, d := range w.x.diffs {
		if d.EventMs >= w.NowMs {
			w.after(d.EventMs-w.NowMs, func() { send(d) })
		}
	}
	end := w.x.diffs[len(w.x.diffs)-1].EventMs + 30_000
	for ms := w.NowMs; ms < end; ms += 1000 {
		w.after(ms-w.NowMs, func() { w.over(2, func() { w.feed.Heard(w.NowMs, w.NowMs-2) }) })
	}
}

// over brings something over the running connection.
func (w *world) over(delay int64, do func()) {
	conn := w.conn
	if !w.up || w.silent {
		return
	}
	w.after(delay, func() {
		if w.up && w.conn == conn && !w.silent {
			do()
		}
	})
}

func (w *world) frame(d depth.RawDiff) { w.feed.Diff(w.NowMs, w.conn, &d) }

func (w *world) connect() {
	w.conn++
	w.up, w.silent = true, false
	w.feed.ConnUp(w.NowMs, w.conn)
}

func (w *world) disconnect() {
	if w.up {
		w.up = false
		w.feed.ConnDown(w.NowMs, w.conn, "cut")
	}
}

func (w *world) restart() {
	w.life++
	w.asked, w.up = nil, false
	w.feed = depth.New(w.cfg, w.Contract, true)
	w.feed.Start(w.NowMs, w.Writer(), w.Log[max(0, len(w.Log)-100):])
	w.connect()
}

// rest answers what was asked, later.
func (w *world) rest() {
	for _, r := range w.asked {
		life := w.life
		old := int64(0)
		if w.bad && w.restMs > 0 {
			old = w.rnd.Int64N(w.restMs)
		}
		w.after(5+w.rnd.Int64N(60), func() {
			var a *depth.Answer
			if w.chance(0.2) {
				a = &depth.Answer{Serial: r.Serial, Err: errors.New("status 503")}
			} else {
				a = w.x.snapshot(r.Serial, w.known(w.NowMs-old), r.Levels)
			}
			w.after(w.rnd.Int64N(150), func() {
				if w.life == life {
					w.feed.Answer(w.NowMs, a)
				}
			})
		})
	}
	w.asked = nil
}

// known is an update within the diff that runs at this time.
func (w *world) known(ms int64) int64 {
	id := int64(firstID)
	for i := range w.x.diffs {
		if d := &w.x.diffs[i]; d.EventMs <= ms {
			id = d.LastID
		} else if d.EventMs <= ms+100 {
			return d.FirstID + w.rnd.Int64N(d.LastID-d.FirstID+1)
		}
	}
	return id
}

// until runs the world.
func (w *world) until(t *testing.T, endMs int64) {
	w.events.Run(t, &w.NowMs, endMs, func() coretest.Core {
		w.take()
		w.check(t)
		w.rest()
		return w.feed
	})
}

// check reads what is new in the log: after each command the reader's book must be the true one at that update.
func (w *world) check(t *testing.T) {
	t.Helper()
	for ; w.read < len(w.Log); w.read++ {
		r := &w.Log[w.read]
		if err := w.reader.read(r); err != nil {
			t.Fatalf("%v\n%s", err, w.Tail())
		}
		switch r.Kind {
		case market.KindSnapshot, market.KindDiff:
			if why := w.differs(r.Quality); why != "" {
				t.Fatalf("after update %d: %s\n%s", w.reader.last, why, w.Tail())
			}
		case market.KindClock:
			for i := len(w.x.diffs) - 1; i >= 0; i-- {
				d := &w.x.diffs[i]
				if d.EventMs < r.EventMs {
					if d.LastID > w.reader.last && d.EventMs > w.lostMs {
						t.Fatalf("the clock says %s, but update %d of %s is not in the log\n%s", coretest.When(r.EventMs), d.LastID, coretest.When(d.EventMs), w.Tail())
					}
					break
				}
			}
		}
	}
}

// differs compares the reader's book with the true one. Where REST tells only some levels, what lies beyond them may be missing, but nothing may be
// wrong, nor the best missing without a word.
func (w *world) differs(q market.Quality) string {
	got := market.BookChange{Bids: w.reader.book.AppendBids(nil, 9999), Asks: w.reader.book.AppendAsks(nil, 9999)}
	want := w.x.at(w.reader.last)
	for _, s := range []struct {
		name      string
		got, want []market.Level
	}{{"bids", got.Bids, want.Bids}, {"asks", got.Asks, want.Asks}} {
		if w.cfg.Levels >= 1000 && !slices.Equal(s.got, s.want) {
			return fmt.Sprintf("%s are %v, want %v", s.name, s.got, s.want)
		}
		for _, l := range s.got {
			if !slices.Contains(s.want, l) {
				return fmt.Sprintf("%s have %v, the true ones are %v", s.name, l, s.want)
			}
		}
		if q == market.QualityOK && (len(s.got) == 0 || s.got[0] != s.want[0]) {
			return fmt.Sprintf("best %s are %v, want %v", s.name, s.got[:min(1, len(s.got))], s.want[0])
		}
	}
	return ""
}

// settled checks that the book is right again and goes on.
func (w *world) settled(t *testing.T) {
	t.Helper()
	if w.feed.State() != market.FeedSynced || !w.reader.valid || w.reader.last != w.x.last() {
		t.Fatalf("state %s, the log is at update %d of %d (valid: %t)\n%s", w.feed.State(), w.reader.last, w.x.last(), w.reader.valid, w.Tail())
	}
}
