package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/e2e/recorded"
	"github.com/tickcast/tickcast/market"
)

// second is a candle of a market whose numbers are small: prices, quantities and their products in int64.
type second struct {
	open, high, low, close, volume, quote, count, buy, buyQuote int64
}

// nine are its fields as Binance prints them.
func (s *second) nine(priceScale, qtyScale int) [9]string {
	eight := func(v int64, scale int) string {
		for ; scale < 8; scale++ {
			v *= 10
		}
		return string(market.AppendDecimal(nil, v, 8))
	}
	return [9]string{eight(s.open, priceScale), eight(s.high, priceScale), eight(s.low, priceScale), eight(s.close, priceScale), eight(s.volume, qtyScale),
		eight(s.quote, priceScale+qtyScale), fmt.Sprint(s.count), eight(s.buy, qtyScale), eight(s.buyQuote, priceScale+qtyScale)}
}

// foldTrades makes the 1s candles of a contract's trades in the log by hand: each trade once by its id, ids without holes.
func foldTrades(t *testing.T, brokers, contract string) map[int64][9]string {
	t.Helper()
	trades := map[int64]market.Record{}
	var ids []int64
	for _, rec := range readTopic(t, brokers, catalog.MarketTrades) {
		if string(rec.Key) != contract {
			continue
		}
		var m market.Record
		if err := new(market.Decoder).Decode(rec.Value, &m); err != nil {
			t.Fatal(err)
		}
		if m.Kind != market.KindTrade {
			continue
		}
		if was, ok := trades[m.Trade.AggID]; ok {
			if was.Trade != m.Trade || was.EventMs != m.EventMs {
				t.Errorf("%s: trade %d stands in the log with two contents", contract, m.Trade.AggID)
			}
			continue
		}
		trades[m.Trade.AggID] = m
		ids = append(ids, m.Trade.AggID)
	}
	slices.Sort(ids)
	seconds := map[int64]*second{}
	out := map[int64][9]string{}
	for i, id := range ids {
		if i > 0 && id != ids[i-1]+1 {
			t.Errorf("%s: trade %d follows %d in the log", contract, id, ids[i-1])
		}
		m := trades[id]
		open := market.Period1s.OpenMs(m.EventMs)
		s := seconds[open]
		if s == nil {
			s = &second{open: m.Trade.Price, high: m.Trade.Price, low: m.Trade.Price}
			seconds[open] = s
		}
		s.high, s.low, s.close = max(s.high, m.Trade.Price), min(s.low, m.Trade.Price), m.Trade.Price
		quote := m.Trade.Price * m.Trade.Qty
		s.volume, s.quote, s.count = s.volume+m.Trade.Qty, s.quote+quote, s.count+m.Trade.LastID-m.Trade.FirstID+1
		if !m.Trade.BuyerMaker {
			s.buy, s.buyQuote = s.buy+m.Trade.Qty, s.buyQuote+quote
		}
		out[open] = s.nine(m.PriceScale, m.QtyScale)
	}
	return out
}

// checkOwnMarket compares the ledger's 1s candles of a market of our own with those folded from its log.
func checkOwnMarket(t *testing.T, ledger map[string]entry, want map[int64][9]string, contract string, fromMs, toMs int64) {
	t.Helper()
	n, bad := 0, 0
	for at := fromMs; at < toMs; at += market.SecondMs {
		e, ok := ledger[catalog.LedgerKey(contract, market.Period1s, at)]
		trades, traded := want[at]
		n++
		if ok && e.candle.Closed && e.candle.Fill != traded && (!traded || recorded.Nine(t, &e.candle) == trades) {
			continue
		}
		if bad++; bad <= 5 {
			t.Errorf("%s %s: in the ledger %t\n%s\nwant %v", contract, time.UnixMilli(at).UTC().Format("15:04:05"), ok, e.raw, trades)
		}
	}
	t.Logf("%s 1s: %d candles compared with the log's trades, %d wrong", contract, n, bad)
}

// checkHistory compares the history's closed 1s candles with the exchange's: no hole, no double, all of them up to toMs (0: as far as it has come).
func checkHistory(t *testing.T, page, exchange, contract string, fromMs, toMs int64) {
	t.Helper()
	want := map[int64][]any{}
	n := 0
	for at, until := fromMs, time.Now().UnixMilli(); at < until; {
		ours := klinesFrom(t, page, contract, market.Period1s, at, until)
		if len(ours) == 0 {
			break
		}
		for _, row := range klinesFrom(t, exchange, contract, market.Period1s, at, until) {
			want[int64(row[0].(float64))] = row
		}
		for i, row := range ours {
			open := int64(row[0].(float64))
			if open != at {
				t.Errorf("history of %s: candle %d, want %d", contract, open, at)
				return
			}
			at += market.SecondMs
			if i == len(ours)-1 && toMs == 0 || toMs != 0 && open >= toMs {
				continue // under way
			}
			if n++; fmt.Sprint(row[:11]) != fmt.Sprint(want[open][:min(11, len(want[open]))]) {
				t.Errorf("history of %s has %v, the exchange %v", contract, row, want[open])
			}
		}
		if len(ours) < 1000 {
			if toMs != 0 && at < toMs {
				t.Errorf("history of %s ends at %d, want %d", contract, at, toMs)
			}
			break
		}
	}
	t.Logf("history of %s: %d candles compared", contract, n)
}
