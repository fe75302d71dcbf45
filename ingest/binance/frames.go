package binance

import (
	"encoding/json"
	"fmt"

	binance "github.com/adshao/go-binance/v2"

	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/ingest/depth"
	"github.com/tickcast/tickcast/ingest/feed"
)

// Streams: the symbol in lower case, and one of these.
const (
	tradeStream   = "@aggTrade"
	depthStream   = "@depth@100ms"
	witnessStream = "@kline_1s" // comes every second, trades or not: it also proves that the connection is alive
)

// Each of the three decodes a frame of its stream and hands it on. known is false for what is no such frame but a control frame, or something never seen:
// env.Event then says which.

func (l *link) trade(symbol string, env *envelope, raw []byte, now int64) (ok, known bool) {
	var e binance.WsAggTradeEvent
	if err := json.Unmarshal(env.Data, &e); err != nil {
		return l.malformed(symbol, env.Stream, core.ReasonBadJSON, err.Error(), raw, now), true
	}
	if e.Event != "aggTrade" {
		env.Event = e.Event
		return false, false
	}
	return l.group.sink.Deliver(Event{Kind: EventTrade, Input: l.group.input, Symbol: symbol, Conn: l.id, ReceivedMs: now, Channel: env.Stream, Trade: feed.RawTrade{
		Symbol: e.Symbol, AggID: e.AggTradeID, FirstID: e.FirstBreakdownTradeID, LastID: e.LastBreakdownTradeID, TradeMs: e.TradeTime, EventMs: e.Time,
		Price: e.Price, Qty: e.Quantity, BuyerMaker: e.IsBuyerMaker, Raw: raw}}), true
}

// depthFrame is Binance's diff. go-binance's event is not used: its decoder makes 0 of what is no number.
type depthFrame struct {
	Event   string      `json:"e"`
	Time    int64       `json:"E"`
	Symbol  string      `json:"s"`
	FirstID int64       `json:"U"`
	LastID  int64       `json:"u"`
	Bids    [][2]string `json:"b"`
	Asks    [][2]string `json:"a"`
}

func (l *link) diff(symbol string, env *envelope, raw []byte, now int64) (ok, known bool) {
	var e depthFrame
	if err := json.Unmarshal(env.Data, &e); err != nil {
		return l.malformed(symbol, env.Stream, core.ReasonBadJSON, err.Error(), raw, now), true
	}
	if e.Event != "depthUpdate" {
		env.Event = e.Event
		return false, false
	}
	return l.group.sink.Deliver(Event{Kind: EventDiff, Input: l.group.input, Symbol: symbol, Conn: l.id, ReceivedMs: now, Channel: env.Stream, Diff: &depth.RawDiff{
		Symbol: e.Symbol, EventMs: e.Time, FirstID: e.FirstID, LastID: e.LastID, Bids: e.Bids, Asks: e.Asks, Raw: raw}}), true
}

func (l *link) kline(symbol string, env *envelope, raw []byte, now int64) (ok, known bool) {
	var e binance.WsKlineEvent
	if err := json.Unmarshal(env.Data, &e); err != nil {
		return l.malformed(symbol, env.Stream, core.ReasonBadJSON, err.Error(), raw, now), true
	}
	if e.Event != "kline" {
		env.Event = e.Event
		return false, false
	}
	k := &e.Kline
	switch {
	case e.Symbol != symbol || k.Symbol != symbol:
		return l.malformed(symbol, env.Stream, core.ReasonSymbol, fmt.Sprintf("symbols %.20q and %.20q", e.Symbol, k.Symbol), raw, now), true
	case k.Interval != "1s" || k.StartTime <= 0 || k.StartTime%1000 != 0 || k.EndTime != k.StartTime+999 || k.TradeNum < 0 || k.TradeNum > 0 && k.LastTradeID < 0:
		return l.malformed(symbol, env.Stream, core.ReasonBadKline, fmt.Sprintf("%.10q from %d to %d, %d trades, last %d", k.Interval, k.StartTime, k.EndTime, k.TradeNum, k.LastTradeID), raw, now), true
	}
	return l.group.sink.Deliver(Event{Kind: EventWitness, Input: l.group.input, Symbol: symbol, Conn: l.id, ReceivedMs: now, Witness: feed.Witness{
		OpenMs: k.StartTime, CloseMs: k.EndTime, EventMs: e.Time, Trades: k.TradeNum, LastID: k.LastTradeID, Closed: k.IsFinal}, Trade: feed.RawTrade{Raw: raw}}), true
}
