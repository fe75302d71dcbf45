package feed

import (
	"fmt"
	"strconv"

	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/market"
)

func (f *Feed) quarantine(nowMs, conn int64, channel, reason, detail string, raw *RawTrade) {
	f.Counts.Quarantined++
	var text []byte
	if raw != nil {
		text = raw.Raw
		if text == nil && raw.Price != "" {
			text = raw.describe()
		}
	}
	f.log.Quarantine(nowMs, conn, channel, reason, detail, text)
}

// describe gives a REST row its wire form back; REST answers are decoded as a whole.
func (t *RawTrade) describe() []byte {
	return fmt.Appendf(nil, `{"a":%d,"p":%s,"q":%s,"f":%d,"l":%d,"T":%d,"m":%t}`,
		t.AggID, strconv.Quote(t.Price), strconv.Quote(t.Qty), t.FirstID, t.LastID, t.TradeMs, t.BuyerMaker)
}

// check refuses what cannot be true. What is merely odd passes: the venue's candles contain it too.
func (f *Feed) check(nowMs int64, raw *RawTrade, live bool) (t written, reason, detail string) {
	c := &f.log.Contract
	if live && raw.Symbol != c.Symbol {
		return t, core.ReasonSymbol, fmt.Sprintf("symbol %.20q, want %q", raw.Symbol, c.Symbol)
	}
	t.ms = raw.TradeMs
	t.trade = market.Trade{AggID: raw.AggID, FirstID: raw.FirstID, LastID: raw.LastID, BuyerMaker: raw.BuyerMaker}
	if raw.FirstID == -1 && raw.LastID == -1 {
		return t, core.ReasonTombstone, fmt.Sprintf("trade %d was taken back by the source", raw.AggID)
	}
	if raw.AggID < 0 || raw.FirstID < 0 || raw.LastID < raw.FirstID {
		return t, core.ReasonAggRange, fmt.Sprintf("aggregate %d of trades %d to %d", raw.AggID, raw.FirstID, raw.LastID)
	}
	var err error
	if t.trade.Price, err = market.ParseScaled(raw.Price, c.Tick.Scale); err != nil {
		return t, core.DecimalReason(err), fmt.Sprintf("price %.40q: %v", raw.Price, err)
	}
	if t.trade.Qty, err = market.ParseScaled(raw.Qty, c.Step.Scale); err != nil {
		return t, core.DecimalReason(err), fmt.Sprintf("quantity %.40q: %v", raw.Qty, err)
	}
	if t.trade.Price <= 0 || t.trade.Qty <= 0 {
		return t, core.ReasonNonPositive, fmt.Sprintf("price %.40q, quantity %.40q", raw.Price, raw.Qty)
	}
	reason, detail = f.checkTime(nowMs, raw, live)
	return t, reason, detail
}

func (f *Feed) checkTime(nowMs int64, raw *RawTrade, live bool) (reason, detail string) {
	ms := raw.TradeMs
	switch {
	case !core.InMs(ms):
		return core.ReasonTimeUnit, fmt.Sprintf("trade time %d is not in milliseconds", ms)
	case f.source.Known && ms > f.source.At(nowMs)+f.cfg.FutureMs:
		return core.ReasonFutureTime, fmt.Sprintf("trade time %d, the source's clock says %d", ms, f.source.At(nowMs))
	case live && ms > raw.EventMs+1000:
		return core.ReasonFutureTime, fmt.Sprintf("trade time %d, its frame's %d", ms, raw.EventMs)
	case f.maxMs > 0 && ms < f.maxMs-f.cfg.AncientMs:
		return core.ReasonAncientTime, fmt.Sprintf("trade time %d, that of an earlier trade %d", ms, f.maxMs)
	}
	return "", ""
}

// checkWitness refuses a closed kline of a second that cannot be over: it would move the log's clock, which never goes back.
func (f *Feed) checkWitness(nowMs int64, w *Witness) (detail string) {
	switch {
	case w.CloseMs > w.EventMs+1000:
		return fmt.Sprintf("the second closes at %d, its frame's time is %d", w.CloseMs, w.EventMs)
	case f.source.Known && w.CloseMs > f.source.At(nowMs)+f.cfg.FutureMs:
		return fmt.Sprintf("the second closes at %d, the source's clock says %d", w.CloseMs, f.source.At(nowMs))
	}
	return ""
}

// checkKline turns a REST kline into a seed.
func (f *Feed) checkKline(p market.Period, k *RawKline) (market.Candle, error) {
	c := market.Candle{Period: p, OpenMs: k.OpenMs, Trades: k.Trades, FirstID: -1, LastID: -1, Closed: true, Fill: k.Trades == 0}
	if k.OpenMs <= 0 || p.OpenMs(k.OpenMs) != k.OpenMs || k.CloseMs != p.NextMs(k.OpenMs)-1 {
		return c, fmt.Errorf("%s kline from %d to %d", p, k.OpenMs, k.CloseMs)
	}
	price, step := f.log.Contract.Tick.Scale, f.log.Contract.Step.Scale
	for _, v := range [...]struct {
		to   *int64
		text string
	}{{&c.Open, k.Open}, {&c.High, k.High}, {&c.Low, k.Low}, {&c.Close, k.Close}} {
		var err error
		if *v.to, err = market.ParseScaled(v.text, price); err != nil {
			return c, fmt.Errorf("price %.40q: %w", v.text, err)
		}
	}
	for _, v := range [...]struct {
		to    *market.Int128
		text  string
		scale int
	}{{&c.Volume, k.Volume, step}, {&c.QuoteVolume, k.QuoteVolume, price + step}, {&c.BuyVolume, k.BuyVolume, step}, {&c.BuyQuoteVolume, k.BuyQuoteVolume, price + step}} {
		var err error
		// The venue's step may have been finer in those days.
		if *v.to, err = market.ParseInt128Rounded(v.text, v.scale); err != nil {
			return c, fmt.Errorf("volume %.40q: %w", v.text, err)
		}
	}
	if c.Low <= 0 || c.Open < c.Low || c.Close < c.Low || c.Open > c.High || c.Close > c.High || c.Trades < 0 {
		return c, fmt.Errorf("open %s, high %s, low %s, close %s, %d trades", k.Open, k.High, k.Low, k.Close, k.Trades)
	}
	return c, nil
}
