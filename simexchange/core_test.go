package simexchange

import (
	"bytes"
	"encoding/gob"
	"reflect"
	"testing"

	"github.com/tickcast/tickcast/market"
)

func marketOf(t *testing.T, even bool, rate float64) (*instrument, int64) {
	t.Helper()
	cfg := DefaultConfig()
	sym := cfg.Symbols[0]
	p, err := sym.params(&MarketConfig{Rate: rate, Even: even}, true)
	if err != nil {
		t.Fatal(err)
	}
	in := newInstrument(sym, p, 1_000_000)
	startMs := int64(1_763_942_400_000) // 2025-11-24 00:00
	startMs += 5 * market.HourMs
	if err := in.begin(7, startMs); err != nil {
		t.Fatal(err)
	}
	return in, startMs
}

func TestRandomMarketHoldsItsRules(t *testing.T) {
	t.Parallel()
	in, startMs := marketOf(t, false, 20)
	end := startMs + 2*market.HourMs
	if err := in.catchUp(end*1000, 10); err != nil {
		t.Fatal(err)
	}
	ts := in.log.trades
	perSecond := float64(len(ts)) / 7200
	if perSecond < 18 || perSecond > 22 {
		t.Errorf("%.1f trades a second, want about 20", perSecond)
	}
	t.Logf("%.2f trades a second", perSecond)
	var buys, multi int
	for i := range ts {
		tr := &ts[i]
		sum := tr.Qty
		if tr.Fills != nil {
			multi++
			sum = 0
			for _, q := range tr.Fills {
				if q < in.params.Step || q%in.params.Step != 0 {
					t.Fatalf("trade %d: fill of %d", tr.ID, q)
				}
				sum += q
			}
		}
		if tr.Price%in.params.Tick != 0 || tr.Qty%in.params.Step != 0 || tr.Qty <= 0 || sum != tr.Qty ||
			tr.Fills != nil && int64(len(tr.Fills)) != tr.LastID-tr.FirstID+1 {
			t.Fatalf("impossible trade %+v", tr)
		}
		if tr.Price < in.params.Anchor/2 || tr.Price > in.params.Anchor*2 {
			t.Fatalf("price %d is far from %d", tr.Price, in.params.Anchor)
		}
		if !tr.BuyerMaker {
			buys++
		}
	}
	if share := float64(buys) / float64(len(ts)); share < 0.4 || share > 0.6 || multi == 0 {
		t.Errorf("share of buys %.2f, %d trades with several fills", share, multi)
	}
}

func TestKlinesAgreeAmongPeriods(t *testing.T) {
	t.Parallel()
	in, startMs := marketOf(t, false, 5)
	end := startMs + 90*market.MinuteMs
	if err := in.catchUp(end*1000, 10); err != nil {
		t.Fatal(err)
	}
	bt := in.log.bars
	for _, p := range market.Periods()[2:] {
		from, fromPeriod := &bt.minutes, market.Period1m
		if p > market.Period1d {
			from, fromPeriod = &bt.days, market.Period1d
		}
		all := bt.klines(p, noTime, noTime, 100_000)
		checked := 0
		for _, long := range all {
			if long.OpenMs < from.bars[0].OpenMs {
				continue
			}
			sum := emptyBar(long.OpenMs, long.Open)
			for _, short := range bt.klines(fromPeriod, long.OpenMs, p.NextMs(long.OpenMs)-1, 100_000) {
				sum.merge(&short)
			}
			if sum != long {
				t.Fatalf("%s at %d\n got %+v\nwant %+v", p, long.OpenMs, long, sum)
			}
			checked++
		}
		if checked == 0 {
			t.Errorf("no kline of %s checked", p)
		}
	}
	minutes := bt.klines(market.Period1m, noTime, noTime, 100_000)
	boundary := 0
	for i := 1; i < len(minutes); i++ {
		a, b := &minutes[i-1], &minutes[i]
		if b.OpenMs != a.OpenMs+market.MinuteMs {
			t.Fatalf("hole between %d and %d", a.OpenMs, b.OpenMs)
		}
		if a.Trades > 0 && b.Trades > 0 && b.FirstID != a.LastID+1 {
			t.Fatalf("ids %d..%d after %d", b.FirstID, b.LastID, a.LastID)
		}
		if b.OpenMs <= startMs-market.MinuteMs && b.Open != a.Close {
			boundary++
		}
		if b.Low > min(b.Open, b.Close) || b.High < max(b.Open, b.Close) || b.BuyVolume.Sub(b.Volume).Sign() > 0 || b.BuyQuote.Sub(b.Quote).Sign() > 0 {
			t.Fatalf("impossible kline %+v", b)
		}
	}
	if boundary > 0 {
		t.Errorf("%d made-up minutes do not open where the one before closed", boundary)
	}
	if days := bt.klines(market.Period1d, noTime, noTime, 1000); len(days) != historyDays+1 {
		t.Errorf("%d days, want %d and today", len(days), historyDays)
	}
}

func sameBook(t *testing.T, got, want *book) {
	t.Helper()
	if g, w := appendTop(nil, ptr(got.top(maxDepth))), appendTop(nil, ptr(want.top(maxDepth))); !bytes.Equal(g, w) {
		t.Errorf("book\n got %s\nwant %s", g, w)
	}
}

func TestMarketGoesOnFromAnyCheckpoint(t *testing.T) {
	t.Parallel()
	in, startMs := marketOf(t, false, 10)
	end := (startMs + 30*market.MinuteMs) * 1000
	if err := in.catchUp(end, 10); err != nil {
		t.Fatal(err)
	}
	for _, c := range in.checkpoints {
		g, err := c.State.generator()
		if err != nil {
			t.Fatal(err)
		}
		var left []trade
		want := in.log.aggTrades(aggRange{fromID: noTime, startUs: c.MinuteMs * 1000, endUs: noTime, limit: 1 << 30}, end)
		for i := range want {
			for len(left) == 0 {
				left = append(left, g.take().Trades...)
			}
			got := left[0]
			left = left[1:]
			if !reflect.DeepEqual(got, want[i]) {
				t.Fatalf("checkpoint %d, trade %d\n got %+v\nwant %+v", c.MinuteMs, i, got, want[i])
			}
		}
		for at, _ := g.nextUs(); at < end; at, _ = g.nextUs() {
			g.take()
		}
		d := newDepth()
		d.reset(g.book.UpdateID(), g.levels())
		sameBook(t, d.book, in.log.depth.book)
	}
	if n := len(in.checkpoints); n != 11 {
		t.Errorf("%d checkpoints, want 11", n)
	}
}

func TestRestartGivesTheSamePast(t *testing.T) {
	t.Parallel()
	first, startMs := marketOf(t, false, 10)
	stop := (startMs+30*market.MinuteMs)*1000 + 123_456
	now := stop + 20*60_000_000
	if err := first.catchUp(stop, 10); err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	snap := first.snapshot()
	if err := gob.NewEncoder(&buf).Encode(&snap); err != nil {
		t.Fatal(err)
	}
	var read marketSnapshot
	if err := gob.NewDecoder(&buf).Decode(&read); err != nil {
		t.Fatal(err)
	}
	// The rate has been changed in the configuration meanwhile: it counts from now on.
	p := first.params
	p.RateMilli *= 3
	second := newInstrument(first.Symbol, p, 1_000_000)
	if err := second.restore(&read); err != nil {
		t.Fatal(err)
	}
	second.goOn(stop/1000, now, DefaultConfig().Market.MaxGap)
	if err := second.catchUp(now, 10); err != nil {
		t.Fatal(err)
	}
	if err := first.catchUp(now, 10); err != nil {
		t.Fatal(err)
	}
	from := aggRange{fromID: second.log.trades[0].ID, startUs: noTime, endUs: noTime, limit: 1 << 30}
	if got, want := second.log.trades, first.log.aggTrades(from, now); !reflect.DeepEqual(got, want) {
		t.Errorf("%d trades after the restart, %d without it; they differ", len(got), len(want))
	}
	sameBook(t, second.log.depth.book, first.log.depth.book)
	for _, period := range []market.Period{market.Period1m, market.Period1h, market.Period1d, market.Period1w} {
		got := second.log.bars.klines(period, noTime, noTime, 100_000)
		want := first.log.bars.klines(period, noTime, noTime, len(got))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: klines after the restart differ", period)
		}
	}
	before := len(second.log.trades)
	if err := second.catchUp(now+60_000_000, 10); err != nil {
		t.Fatal(err)
	}
	if n := len(second.log.trades) - before; n < 1200 {
		t.Errorf("%d trades in the minute after, want about 1800", n)
	}
}

func TestLongAbsenceIsAHalt(t *testing.T) {
	t.Parallel()
	first, startMs := marketOf(t, false, 1)
	if err := first.catchUp(startMs*1000+60_000_000, 1); err != nil {
		t.Fatal(err)
	}
	snap := first.snapshot()
	second := newInstrument(first.Symbol, first.params, 1_000_000)
	if err := second.restore(&snap); err != nil {
		t.Fatal(err)
	}
	now := (startMs + 30*market.DayMs) * 1000
	if halted := second.goOn(startMs+market.MinuteMs, now, 2*3600e9); halted == 0 {
		t.Fatal("no halt")
	}
	if err := second.catchUp(now, 1); err != nil {
		t.Fatal(err)
	}
	if n := len(second.log.trades); n < 5000 || n > 10_000 {
		t.Errorf("%d trades, want those of about two hours", n)
	}
	empty := second.log.bars.klines(market.Period1h, noTime, (startMs+29*market.DayMs)+1, 1)
	if len(empty) != 1 || empty[0].Trades != 0 || empty[0].FirstID != -1 || empty[0].Open != empty[0].Close {
		t.Errorf("during the halt: %+v", empty)
	}
}

func TestEvenPacingIsExact(t *testing.T) {
	t.Parallel()
	in, startMs := marketOf(t, true, 300)
	if err := in.catchUp(startMs*1000+10_000_000+4000, 1); err != nil {
		t.Fatal(err)
	}
	if n := len(in.log.trades); n < 3000 || n > 3001 {
		t.Errorf("%d trades in ten seconds, want 3000", n)
	}
	for i := 1; i < len(in.log.trades); i++ {
		if gap := in.log.trades[i].TimeUs - in.log.trades[i-1].TimeUs; gap < 3333 || gap > 3334 {
			t.Fatalf("gap of %d us", gap)
		}
	}
}
