package simexchange

import (
	"fmt"
	"testing"
)

// The market's book, as its events tell it, is the engine's own, is never crossed, and a taker's trades are at prices that stood in it.
func TestEventsTellTheEnginesBook(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0.5, 50} {
		for _, sym := range DefaultConfig().Symbols {
			p, err := sym.params(&MarketConfig{Rate: rate}, true)
			if err != nil {
				t.Fatal(err)
			}
			g, err := newGenerator(p, 3, 0, marketIDs(1, 1, 1))
			if err != nil {
				t.Fatal(err)
			}
			told := newDepth()
			trades := 0
			for i := range 30_000 {
				before := told.best
				e := g.take()
				if e.Book != nil {
					if e.Book.FirstID != told.book.lastID+1 || e.Book.LastID != e.Book.FirstID {
						t.Fatalf("update %d to %d after %d", e.Book.FirstID, e.Book.LastID, told.book.lastID)
					}
					told.add(e.Book, false)
				}
				told.forget()
				for j := range e.Trades {
					trades++
					tr := &e.Trades[j]
					if tr.BuyerMaker && tr.Price > before.Bid.Price || !tr.BuyerMaker && tr.Price < before.Ask.Price || j == 0 && tr.Price != before.Bid.Price && tr.Price != before.Ask.Price {
						t.Fatalf("trade %+v, the best were %+v", tr, before)
					}
				}
				b := told.book.best()
				if b.Bid.Qty > 0 && b.Ask.Qty > 0 && b.Bid.Price >= b.Ask.Price {
					t.Fatalf("crossed: %+v", b)
				}
				if i%1000 == 0 {
					d := newDepth()
					d.reset(g.book.UpdateID(), g.levels())
					sameBook(t, told.book, d.book)
				}
			}
			if trades < 300 || len(told.book.bids.levels) < 20 || len(told.book.asks.levels) < 20 {
				t.Errorf("%s: %d trades, %d and %d levels", sym.Symbol, trades, len(told.book.bids.levels), len(told.book.asks.levels))
			}
		}
	}
}

// With another tick the orders go, and the market goes on at the same price, ids without holes; also from a stored state in which the change lies ahead.
func TestMarketGoesOnWithAnotherTick(t *testing.T) {
	t.Parallel()
	sym := DefaultConfig().Symbols[0]
	old, err := sym.params(&MarketConfig{Rate: 20}, true)
	if err != nil {
		t.Fatal(err)
	}
	sym.Tick, sym.Step = "0.1", "0.0001"
	other, err := sym.params(&MarketConfig{Rate: 20}, true)
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGenerator(old, 3, 0, marketIDs(1, 1, 1))
	if err != nil {
		t.Fatal(err)
	}
	const switchUs, endUs = 600_000_000, 900_000_000
	g.switches = []paramSwitch{{AtUs: switchUs, Params: other}}
	log := newEventLog(1 << 20)
	var half marketState
	run := func(g *generator, log *eventLog, until int64) {
		for at, _ := g.nextUs(); at < until; at, _ = g.nextUs() {
			e := g.take()
			if e.Book != nil && e.Book.FirstID != log.depth.book.lastID+1 && log.depth.book.lastID > 0 {
				t.Fatalf("update %d after %d", e.Book.FirstID, log.depth.book.lastID)
			}
			if _, err := log.enter(e); err != nil {
				t.Fatal(err)
			}
			log.depth.forget()
		}
	}
	run(g, log, switchUs/2)
	half = g.state()
	run(g, log, switchUs)
	before := log.trades[len(log.trades)-1]
	run(g, log, endUs)
	n := 0
	for _, tr := range log.trades {
		if tr.TimeUs > switchUs {
			if n++; tr.Price%other.Tick != 0 || tr.Qty%other.Step != 0 {
				t.Fatalf("trade %+v", tr)
			}
			if n == 1 && (tr.Price < before.Price*99/100 || tr.Price > before.Price*101/100) {
				t.Errorf("price %d after %d", tr.Price, before.Price)
			}
		}
	}
	for _, l := range log.depth.book.top(maxDepth).bids {
		if l.Price%other.Tick != 0 || l.Qty%other.Step != 0 {
			t.Fatalf("level %+v is of the old book", l)
		}
	}
	if n < 4000 {
		t.Errorf("%d trades after the change, want about 6000", n)
	}
	restored, err := half.generator()
	if err != nil {
		t.Fatal(err)
	}
	again := newEventLog(1 << 20)
	again.depth.reset(restored.book.UpdateID(), restored.levels())
	run(restored, again, endUs)
	sameBook(t, again.depth.book, log.depth.book)
	if a, b := again.trades[len(again.trades)-1], log.trades[len(log.trades)-1]; fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("last trade %+v from the stored state, %+v without it", a, b)
	}
}
