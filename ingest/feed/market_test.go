package feed_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tickcast/tickcast/ingest/core/coretest"
	"github.com/tickcast/tickcast/ingest/feed"
	"github.com/tickcast/tickcast/market"
)

func span(s string) (from, to int64, err error) {
	a, b, ok := strings.Cut(s, "..")
	if from, err = strconv.ParseInt(a, 10, 64); err != nil || !ok {
		return from, from, err
	}
	to, err = strconv.ParseInt(b, 10, 64)
	return from, to, err
}

// deal makes the market's trade with this id.
func deal(id, ms int64) feed.RawTrade {
	return feed.RawTrade{Symbol: "BTCUSDT", AggID: id, FirstID: 1000 + 2*id, LastID: 1001 + 2*id, TradeMs: ms, BuyerMaker: id%3 == 0,
		Price: fmt.Sprintf("7139.%02d000000", id%90), Qty: fmt.Sprintf("0.%05d000", 1+id%7)}
}

// change applies words such as p=0 or T=3.5 to a trade.
func change(t *feed.RawTrade, words []string) error {
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		var err error
		switch k {
		case "p":
			t.Price = v
		case "q":
			t.Qty = v
		case "s":
			t.Symbol = v
		case "f":
			t.FirstID, err = strconv.ParseInt(v, 10, 64)
		case "l":
			t.LastID, err = strconv.ParseInt(v, 10, 64)
		case "T":
			t.TradeMs, err = coretest.Seconds(v)
		case "E":
			t.EventMs, err = coretest.Seconds(v)
		case "ms":
			t.TradeMs, err = strconv.ParseInt(v, 10, 64)
		default:
			err = fmt.Errorf("unknown word %q", w)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fill puts into an answer what an exchange would that knows trades up to a time.
func (s *stage) fill(a *feed.Answer, r *feed.Request, knownMs int64) {
	var ids []int64
	for id, t := range s.market {
		if t.TradeMs <= knownMs && (r.Kind != feed.FetchFrom || id >= r.FromID) && (r.Kind != feed.FetchSince || t.TradeMs >= r.SinceMs) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	switch r.Kind {
	case feed.FetchSeeds:
		a.Days = klines(market.Period1d, market.Period1d.OpenMs(s.NowMs), r.Days)
		a.Minutes = klines(market.Period1m, market.Period1m.OpenMs(s.NowMs), r.Minutes)
		return
	case feed.FetchDays:
		end := r.SinceMs
		if knownMs < s.NowMs { // the day is not in the database yet
			end -= market.DayMs
		}
		a.Days = klines(market.Period1d, end, r.Days)
		return
	case feed.FetchLatest:
		ids = ids[max(0, len(ids)-1):]
	}
	for _, id := range ids[:min(len(ids), r.Rows)] {
		t := s.market[id]
		t.Symbol, t.EventMs = "", 0
		a.Trades = append(a.Trades, t)
	}
}

// klines makes n klines that end at endMs.
func klines(p market.Period, endMs int64, n int) (out []feed.RawKline) {
	length := p.NextMs(0)
	for t := endMs - int64(n)*length; t < endMs; t += length {
		out = append(out, feed.RawKline{OpenMs: t, CloseMs: t + length - 1, Open: "7100.00", High: "7200.00", Low: "7000.00", Close: "7139.00",
			Volume: "10.5", QuoteVolume: "74000.123", BuyVolume: "5", BuyQuoteVolume: "35000", Trades: 12})
	}
	return out
}
