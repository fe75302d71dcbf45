package depth

import (
	"errors"
	"fmt"

	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/market"
)

func (f *Feed) quarantine(nowMs, conn int64, channel, reason, detail string, raw []byte) {
	f.Counts.Quarantined++
	f.log.Quarantine(nowMs, conn, channel, reason, detail, raw)
}

// check refuses what cannot be true. It knows nothing of the book.
func (f *Feed) check(nowMs int64, raw *RawDiff) (d diff, reason, detail string) {
	c := &f.log.Contract
	switch {
	case raw.Symbol != c.Symbol:
		return d, core.ReasonSymbol, fmt.Sprintf("symbol %.20q, want %q", raw.Symbol, c.Symbol)
	case raw.FirstID <= 0 || raw.LastID < raw.FirstID:
		return d, core.ReasonIDRange, fmt.Sprintf("updates %d to %d", raw.FirstID, raw.LastID)
	case !core.InMs(raw.EventMs):
		return d, core.ReasonTimeUnit, fmt.Sprintf("event time %d is not in milliseconds", raw.EventMs)
	case f.source.Known && raw.EventMs > f.source.At(nowMs)+f.cfg.FutureMs:
		return d, core.ReasonFutureTime, fmt.Sprintf("event time %d, the source's clock says %d", raw.EventMs, f.source.At(nowMs))
	case f.valid && raw.LastID > f.last && raw.EventMs < f.lastMs-f.cfg.AncientMs:
		return d, core.ReasonAncientTime, fmt.Sprintf("event time %d, that of an earlier diff %d", raw.EventMs, f.lastMs)
	}
	d = diff{first: raw.FirstID, last: raw.LastID, ms: raw.EventMs, raw: raw.Raw}
	if d.change.Bids, reason, detail = f.levels(raw.Bids, true); reason == "" {
		d.change.Asks, reason, detail = f.levels(raw.Asks, true)
	}
	return d, reason, detail
}

// levels reads price levels; a quantity of 0 is possible only in a diff.
func (f *Feed) levels(raw [][2]string, zero bool) (ls []market.Level, reason, detail string) {
	if len(raw) > market.MaxLevels {
		return nil, core.ReasonTooMany, fmt.Sprintf("%d levels on one side", len(raw))
	}
	ls = make([]market.Level, len(raw))
	for i := range raw {
		l := &ls[i]
		var err error
		if l.Price, err = market.ParseScaled(raw[i][0], f.log.Contract.Tick.Scale); err != nil {
			return nil, core.DecimalReason(err), fmt.Sprintf("price %.40q: %v", raw[i][0], err)
		}
		l.Qty, err = market.ParseScaled(raw[i][1], f.log.Contract.Step.Scale)
		if errors.Is(err, market.ErrOffScale) {
			l.Qty, err = rounded(raw[i][1], f.log.Contract.Step.Scale)
			f.Counts.Rounded++
		}
		if err != nil {
			return nil, core.DecimalReason(err), fmt.Sprintf("quantity %.40q: %v", raw[i][1], err)
		}
		if l.Price <= 0 || l.Qty < 0 || l.Qty == 0 && !zero {
			return nil, core.ReasonNonPositive, fmt.Sprintf("price %.40q, quantity %.40q", raw[i][0], raw[i][1])
		}
	}
	return ls, "", ""
}

// rounded reads a quantity that is finer than the step, half up but never as 0. Real books hold such levels: orders from before the step became coarser
// (BTCUSDT on 2024-08-08: 25.42618900 at 200000.00, with a step of 0.00001).
func rounded(text string, scale int) (int64, error) {
	m, has, err := market.ParseDecimal(text)
	if err != nil || has > market.MaxScale {
		return 0, market.ErrDecimal
	}
	unit := market.Pow10(has - scale)
	return max(m/unit+m%unit*2/unit, min(m, 1)), nil
}

// checkSnapshot refuses what cannot be an order book.
func (f *Feed) checkSnapshot(a *Answer) (s *snapshot, reason, detail string) {
	if a.LastID <= 0 || a.Bids == nil || a.Asks == nil {
		return nil, core.ReasonRestShape, fmt.Sprintf("last update %d, bids: %t, asks: %t", a.LastID, a.Bids != nil, a.Asks != nil)
	}
	s = &snapshot{id: a.LastID, moreBids: len(a.Bids) >= f.cfg.Levels, moreAsks: len(a.Asks) >= f.cfg.Levels}
	if s.book.Bids, reason, detail = f.levels(a.Bids, false); reason != "" {
		return nil, reason, detail
	}
	if s.book.Asks, reason, detail = f.levels(a.Asks, false); reason != "" {
		return nil, reason, detail
	}
	bids, asks := s.book.Bids, s.book.Asks
	for i := 1; i < len(bids); i++ {
		if bids[i].Price >= bids[i-1].Price {
			return nil, core.ReasonRestShape, fmt.Sprintf("bid %d is not below the one before it", i+1)
		}
	}
	for i := 1; i < len(asks); i++ {
		if asks[i].Price <= asks[i-1].Price {
			return nil, core.ReasonRestShape, fmt.Sprintf("ask %d is not above the one before it", i+1)
		}
	}
	if len(bids) > 0 && len(asks) > 0 && bids[0].Price >= asks[0].Price {
		return nil, core.ReasonCrossed, fmt.Sprintf("best bid %q, best ask %q", a.Bids[0][0], a.Asks[0][0])
	}
	return s, "", ""
}

// describe gives an answer its wire form back, with few levels: answers are decoded as a whole.
func (a *Answer) describe() []byte {
	return fmt.Appendf(nil, `{"lastUpdateId":%d,"bids":%q,"asks":%q}`, a.LastID, a.Bids[:min(20, len(a.Bids))], a.Asks[:min(20, len(a.Asks))])
}
