package feed_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tickcast/tickcast/ingest/core/coretest"
	"github.com/tickcast/tickcast/ingest/feed"
	"github.com/tickcast/tickcast/market"
)

var seeds = flag.Uint64("seeds", 150, "how many random exchanges TestTheLogIsTheMarketWhateverTheExchangeDoes tries")

// TestTheLogIsTheMarketWhateverTheExchangeDoes plays random markets through frames that are dropped, doubled and delayed, connections that are cut or silent,
// a REST side that lags, fails and is slow, and restarts. The log must hold the market's trades in order, each once, and no clock record that is not true.
func TestTheLogIsTheMarketWhateverTheExchangeDoes(t *testing.T) {
	t.Parallel()
	for seed := range *seeds {
		if !t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { newWorld(seed).run(t) }) {
			return
		}
	}
}

// TestTradesThatAreHeldBackAreBounded: a wrong id, ahead of all others, must not open the buffer for what comes after it.
func TestTradesThatAreHeldBackAreBounded(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.feed.Start(s.NowMs, s.NowMs, nil)
	s.feed.ConnUp(s.NowMs, 1)
	send := func(id int64) {
		raw := s.frame(id)
		s.feed.Trade(s.NowMs, 1, &raw)
	}
	send(1 << 50)
	for id := int64(1); id <= 20; id++ { // the log's beginning is not known yet: all are held
		send(id)
	}
	if n := s.feed.Counts.Refused; n != int64(21-s.cfg.MaxHeld) {
		t.Errorf("%d of 21 trades were refused, at most %d may be held", n, s.cfg.MaxHeld)
	}
}

// world is an exchange, a network and the feed between them and the log, in virtual time.
type world struct {
	*stage
	rnd    *rand.Rand
	trades []feed.RawTrade // the market, by id from 1
	events coretest.Events
	conn   int64 // 0: none
	silent bool  // frames are lost, nobody says so
	bad    bool  // faults are allowed; the last part of each run is calm
	life   int   // of the process: answers to an older one are lost
}

func newWorld(seed uint64) *world {
	w := &world{stage: newStage(), rnd: rand.New(rand.NewPCG(seed, 7)), bad: true}
	w.cfg.PageRows, w.cfg.MaxHeld, w.cfg.MaxFill = 20+w.rnd.IntN(20), 5+w.rnd.IntN(200), 100_000
	w.cfg.GiveUpMs = 3_600_000
	w.feed = feed.New(w.cfg, w.Contract, true)
	w.NowMs = coretest.BaseMs + w.rnd.Int64N(60_000)
	if seed%3 == 0 {
		w.NowMs = market.Period1d.NextMs(market.Period1d.OpenMs(coretest.BaseMs)) - 60_000 // midnight comes
	}
	at, id := w.NowMs-30_000, int64(1)
	pause := []int64{200, 1000, 4000}[w.rnd.IntN(3)]
	for at < w.NowMs+180_000 {
		if w.rnd.IntN(4) > 0 {
			at += w.rnd.Int64N(pause)
		}
		w.trades = append(w.trades, deal(id, at))
		w.market[id] = deal(id, at)
		id++
	}
	return w
}

func (w *world) after(ms int64, do func()) { w.events.Add(w.NowMs+ms, do) }

func (w *world) chance(p float64) bool { return w.bad && w.rnd.Float64() < p }

// send brings a frame over the connection, unless the network does otherwise.
func (w *world) send(do func()) {
	conn := w.conn
	if conn == 0 || w.silent || w.chance(0.05) {
		return
	}
	deliver := func() {
		if w.conn == conn && !w.silent {
			do()
		}
	}
	delay := int64(1)
	if w.chance(0.1) {
		delay += w.rnd.Int64N(300)
	}
	w.after(delay, deliver)
	if w.chance(0.05) {
		w.after(delay+w.rnd.Int64N(500), deliver)
	}
}

func (w *world) connect() {
	w.conn++
	conn := w.conn
	w.silent = false
	w.feed.ConnUp(w.NowMs, conn)
	if w.bad {
		w.after(1000+w.rnd.Int64N(20_000), func() {
			if w.conn != conn || !w.bad {
				return
			}
			w.silent = w.rnd.IntN(2) == 0
			w.after(w.rnd.Int64N(8_000), func() { w.disconnect(conn) })
		})
	}
}

func (w *world) disconnect(conn int64) {
	if w.conn != conn {
		return
	}
	w.conn = 0
	w.feed.ConnDown(w.NowMs, conn, "cut")
	w.after(w.rnd.Int64N(3_000), func() {
		w.conn = conn
		w.connect()
	})
}

func (w *world) restart() {
	w.life++
	w.conn, w.asked = w.conn+1, nil
	w.feed = feed.New(w.cfg, w.Contract, true)
	w.feed.Start(w.NowMs, w.Writer(), w.Log[max(0, len(w.Log)-200):])
	w.connect()
}

// rest answers what was asked, later.
func (w *world) rest() {
	for _, r := range w.asked {
		life := w.life
		lag := int64(0)
		if w.bad {
			lag = w.rnd.Int64N(1_200)
		}
		w.after(5+w.rnd.Int64N(200), func() {
			known := w.NowMs - lag
			fail := w.chance(0.2)
			a := feed.Answer{Serial: r.Serial, ServerMs: w.NowMs}
			if fail {
				a.Err = errors.New("status 503")
			} else {
				w.fill(&a, &r, known)
			}
			w.after(w.rnd.Int64N(200), func() {
				if w.life == life {
					w.feed.Answer(w.NowMs, &a)
				}
			})
		})
	}
	w.asked = nil
}

func (w *world) run(t *testing.T) {
	for _, tr := range w.trades {
		if tr.TradeMs > w.NowMs {
			w.after(tr.TradeMs-w.NowMs, func() {
				w.send(func() {
					f := tr
					f.EventMs = w.NowMs
					w.feed.Trade(w.NowMs, w.conn, &f)
				})
			})
		}
	}
	begin, end := w.NowMs, w.trades[len(w.trades)-1].TradeMs
	for second := begin - begin%1000; second < end+20_000; second += 1000 {
		k := feed.Witness{OpenMs: second, CloseMs: second + 999, LastID: -1, Closed: true}
		for _, tr := range w.trades {
			if tr.TradeMs >= second && tr.TradeMs < second+1000 {
				k.Trades++
				k.LastID = tr.LastID
			}
		}
		w.after(second+1002-w.NowMs, func() {
			w.send(func() {
				k.EventMs = w.NowMs
				w.feed.Witness(w.NowMs, 1, k, nil)
			})
		})
	}
	for range w.rnd.IntN(3) {
		w.after(w.rnd.Int64N(150_000), w.restart)
	}
	w.after(end-begin-10_000, func() { w.bad = false })
	w.feed.Start(w.NowMs, w.NowMs, nil)
	w.connect()
	w.events.Run(t, &w.NowMs, end+15_000, func() coretest.Core {
		w.take()
		w.rest()
		return w.feed
	})
	w.check(t)
}

// check reads the log as a reader does.
func (w *world) check(t *testing.T) {
	var next, seq, clock, epoch int64
	for i, r := range w.Log {
		if r.Epoch != epoch {
			epoch, seq, next, clock = r.Epoch, 0, 0, 0
		}
		if seq++; r.Seq != seq {
			t.Fatalf("record %d: seq %d, want %d", i, r.Seq, seq)
		}
		switch r.Kind {
		case market.KindTrade:
			if next != 0 && r.Trade.AggID != next {
				t.Fatalf("record %d: trade %d, want %d", i, r.Trade.AggID, next)
			}
			next = r.Trade.AggID + 1
			if want := w.trades[r.Trade.AggID-1]; r.EventMs != want.TradeMs || r.Trade.LastID != want.LastID || market.FormatDecimal(r.Trade.Price, 2)+"000000" != want.Price {
				t.Fatalf("record %d is not the market's trade %d: %s", i, r.Trade.AggID, r.AppendJSON(nil))
			}
		case market.KindClock:
			if r.EventMs <= clock {
				t.Fatalf("record %d: clock %d after %d", i, r.EventMs, clock)
			}
			clock = r.EventMs
			if next > 0 && int(next) <= len(w.trades) && w.trades[next-1].TradeMs < clock {
				t.Fatalf("record %d: the clock says %s, but trade %d of %s is not in the log", i, coretest.When(clock), next, coretest.When(w.trades[next-1].TradeMs))
			}
		case market.KindGap:
			t.Fatalf("record %d: a gap %d..%d was given up", i, r.GapFrom, r.GapTo)
		}
	}
	if int(next) != len(w.trades)+1 {
		t.Fatalf("the log ends with trade %d, the market with %d (state %s)", next-1, len(w.trades), w.feed.State())
	}
	if end := w.trades[len(w.trades)-1].TradeMs; clock < end+10_000 {
		t.Fatalf("the clock stopped at %s, the market ended at %s", coretest.When(clock), coretest.When(end))
	}
	if w.feed.State() != market.FeedSynced {
		t.Fatalf("state %s", w.feed.State())
	}
}
