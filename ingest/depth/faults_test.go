package depth_test

import (
	"flag"
	"fmt"
	"testing"

	"github.com/tickcast/tickcast/ingest/core/coretest"
	"github.com/tickcast/tickcast/ingest/depth"
)

var seeds = flag.Uint64("seeds", 60, "how many random exchanges the fault tests try")

// TestAfterEachFaultTheLogSaysGapAndTheBookIsRightAgain lets exactly one fault happen to a book that is in order.
func TestAfterEachFaultTheLogSaysGapAndTheBookIsRightAgain(t *testing.T) {
	t.Parallel()
	const once = 5_000 // ms after the beginning
	for _, c := range []struct {
		name string
		gaps bool
		// fault happens to one diff; next is sent as it is. It brings the diff itself, if at all.
		fault func(w *world, d depth.RawDiff)
	}{
		{"drop", true, func(w *world, d depth.RawDiff) {}},
		{"reorder", true, func(w *world, d depth.RawDiff) { w.late = &d }},
		{"duplicate", false, func(w *world, d depth.RawDiff) { w.frame(d); w.frame(d); w.over(350, func() { w.frame(d) }) }},
		{"crossing bid", true, func(w *world, d depth.RawDiff) { d.Bids = append(d.Bids, [2]string{"150.00", "1"}); w.frame(d) }},
		{"crossing ask", true, func(w *world, d depth.RawDiff) { d.Asks = append(d.Asks, [2]string{"1.00", "1"}); w.frame(d) }},
		{"zero price", true, func(w *world, d depth.RawDiff) { d.Bids = append(d.Bids, [2]string{"0.00", "1"}); w.frame(d) }},
		{"negative quantity", true, func(w *world, d depth.RawDiff) { d.Asks = append(d.Asks, [2]string{"101.00", "-1"}); w.frame(d) }},
		{"no number", true, func(w *world, d depth.RawDiff) { d.Asks = append(d.Asks, [2]string{"", ""}); w.frame(d) }},
		{"off tick", true, func(w *world, d depth.RawDiff) { d.Bids = append(d.Bids, [2]string{"99.001", "1"}); w.frame(d) }},
		{"wrong symbol", true, func(w *world, d depth.RawDiff) { d.Symbol = "ETHUSDT"; w.frame(d) }},
		{"far in the future", true, func(w *world, d depth.RawDiff) { d.EventMs += 3_600_000; w.frame(d) }},
		{"long ago", true, func(w *world, d depth.RawDiff) { d.EventMs -= 3_600_000; w.frame(d) }},
		{"microseconds", true, func(w *world, d depth.RawDiff) { d.EventMs *= 1000; w.frame(d) }},
		{"ids far ahead", true, func(w *world, d depth.RawDiff) { d.FirstID += 1e6; d.LastID += 1e6; w.frame(d) }},
		{"ids before", true, func(w *world, d depth.RawDiff) { d.FirstID, d.LastID = 7, 8; w.frame(d) }},
		{"ids in disorder", true, func(w *world, d depth.RawDiff) { d.FirstID, d.LastID = d.LastID+1, d.FirstID; w.frame(d) }},
		{"cut", true, func(w *world, d depth.RawDiff) { w.disconnect(); w.after(700, w.connect) }},
		{"restart", true, func(w *world, d depth.RawDiff) { w.disconnect(); w.after(700, w.restart) }},
		{"drop, and a stale snapshot", true, func(w *world, d depth.RawDiff) { w.restMs = 20_000 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for seed := range *seeds / 5 {
				w := newWorld(seed, 20_000)
				w.bad = false
				done := false
				w.schedule(func(d depth.RawDiff) {
					if done || d.EventMs < coretest.BaseMs+once || !w.reader.valid {
						w.over(0, func() { w.frame(d) })
						if late := w.late; late != nil {
							w.late = nil
							w.over(0, func() { w.frame(*late) })
						}
						return
					}
					done, w.bad = true, true
					w.lostMs = d.EventMs
					c.fault(w, d)
					w.after(3_000, func() { w.bad = false })
				})
				w.feed.Start(w.NowMs, w.NowMs, nil)
				w.connect()
				w.until(t, coretest.BaseMs+45_000)
				if !done {
					t.Fatalf("seed %d: the fault did not happen", seed)
				}
				if c.gaps != (w.reader.gaps > 0) {
					t.Fatalf("seed %d: %d gaps in the log\n%s", seed, w.reader.gaps, w.Tail())
				}
				w.settled(t)
			}
		})
	}
}

// TestTheBookIsTheExchangesWhateverHappens mixes faults of all kinds: diffs that are dropped, doubled, late or broken, connections that are cut or silent or
// overlap, a REST side that lags, fails and is slow, restarts.
func TestTheBookIsTheExchangesWhateverHappens(t *testing.T) {
	t.Parallel()
	for seed := range *seeds {
		if !t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { chaos(t, seed) }) {
			return
		}
	}
}

func chaos(t *testing.T, seed uint64) {
	const calm = 90_000
	w := newWorld(seed, 110_000)
	w.restMs, w.lostMs = 2_000, coretest.BaseMs
	w.schedule(func(d depth.RawDiff) {
		if !w.up || w.silent || w.chance(0.01) {
			w.lostMs = d.EventMs
			return
		}
		delay := int64(1)
		if w.chance(0.02) {
			w.lostMs = d.EventMs // it comes out of order
			delay += w.rnd.Int64N(400)
		}
		if w.chance(0.005) {
			w.lostMs = d.EventMs
			d.Bids = append(d.Bids, [2]string{"150.00", "1"})
		}
		w.over(delay, func() { w.frame(d) })
		if w.chance(0.02) {
			w.over(delay+w.rnd.Int64N(500), func() { w.frame(d) })
		}
	})
	for at := w.rnd.Int64N(20_000); at < calm; at += 1000 + w.rnd.Int64N(20_000) {
		w.after(at, func() {
			switch w.rnd.IntN(4) {
			case 0:
				w.disconnect()
				w.after(w.rnd.Int64N(4_000), func() {
					w.lostMs = w.NowMs
					if !w.up {
						w.connect()
					}
				})
			case 1:
				w.silent = true
				w.after(w.rnd.Int64N(4_000), func() {
					w.lostMs = w.NowMs
					w.disconnect()
					w.connect()
				})
			case 2:
				w.lostMs = w.NowMs // what is on its way is lost, and REST may not know it yet
				w.restart()
			default: // another connection takes over
				old := w.conn
				w.connect()
				w.after(w.rnd.Int64N(300), func() { w.feed.ConnDown(w.NowMs, old, "replaced") })
			}
		})
	}
	w.after(calm, func() {
		w.bad = false
		if !w.up || w.silent {
			w.disconnect()
			w.connect()
		}
	})
	w.feed.Start(w.NowMs, w.NowMs, nil)
	w.connect()
	w.until(t, coretest.BaseMs+135_000)
	w.settled(t)
	if w.reader.gaps == 0 {
		t.Errorf("no gap in the log\n%s", w.Tail())
	}
}
