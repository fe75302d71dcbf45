package history

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tickcast/tickcast/binanceapi"
	"github.com/tickcast/tickcast/market"
)

// rows answers with what row appends for each contract that was asked for.
func (q *query) rows(row func(dst []byte, c *market.Contract) ([]byte, error)) ([]byte, error) {
	chosen, one := q.markets.Symbols(&q.Query)
	if q.Bad != nil {
		return nil, nil
	}
	if one {
		return row(nil, chosen[0])
	}
	var failed error
	body := binanceapi.List(len(chosen), func(dst []byte, i int) []byte {
		dst, err := row(dst, chosen[i])
		if err != nil {
			failed = err
		}
		return dst
	})
	return body, failed
}

// ticker is a message of push.tickers, as far as it is answered. encoding/json looks for names in any case, so that all of them are declared.
type ticker struct {
	Open    string `json:"o"`
	High    string `json:"h"`
	Low     string `json:"l"`
	Close   string `json:"c"`
	Change  string `json:"p"`
	Percent string `json:"P"`
	Average string `json:"w"`
	Volume  string `json:"v"`
	Quote   string `json:"qv"`
	Trades  int64  `json:"n"`
	FirstID int64  `json:"f"`
	LastID  int64  `json:"L"`
	OpenMs  int64  `json:"O"`
	CloseMs int64  `json:"C"`
}

// zeros is the ticker of a contract of which nothing is known.
var zeros = ticker{Open: "0", High: "0", Low: "0", Close: "0", Change: "0", Percent: "0.000", Average: "0", Volume: "0", Quote: "0", FirstID: -1, LastID: -1}

func (h *History) tickers(ctx context.Context, q *query) ([]byte, error) {
	mini := q.MiniTicker()
	return q.rows(func(dst []byte, c *market.Contract) ([]byte, error) {
		t := zeros
		state := h.state.Contract(c.ID)
		if v := state.Ticker().JSON; len(v) > 0 {
			if err := json.Unmarshal(v, &t); err != nil {
				return dst, fmt.Errorf("ticker of %s: %w", c.ID, err)
			}
		}
		dst = symbolHead(dst, c)
		if !mini {
			before, err := h.before(ctx, c, &t)
			if err != nil {
				return dst, err
			}
			lastQty := "0"
			if last, ok := state.LastTrade(); ok {
				lastQty = market.FormatDecimal(last.Qty, int(last.QtyScale))
			}
			dst = field(dst, "priceChange", t.Change)
			dst = append(append(append(dst, `,"priceChangePercent":"`...), t.Percent...), '"')
			for _, f := range [...][2]string{{"weightedAvgPrice", t.Average}, {"prevClosePrice", before}, {"lastPrice", t.Close}, {"lastQty", lastQty}} {
				dst = field(dst, f[0], f[1])
			}
			if dst, err = h.appendBest(dst, c); err != nil {
				return dst, err
			}
		}
		for _, f := range [...][2]string{{"openPrice", t.Open}, {"highPrice", t.High}, {"lowPrice", t.Low}} {
			dst = field(dst, f[0], f[1])
		}
		if mini {
			dst = field(dst, "lastPrice", t.Close)
		}
		dst = field(field(dst, "volume", t.Volume), "quoteVolume", t.Quote)
		dst = q.time(append(dst, `,"openTime":`...), t.OpenMs)
		dst = q.time(append(dst, `,"closeTime":`...), t.CloseMs)
		dst = integer(integer(integer(dst, "firstId", t.FirstID), "lastId", t.LastID), "count", t.Trades)
		return append(dst, '}'), nil
	})
}

// before is the last price before the ticker's window.
func (h *History) before(ctx context.Context, c *market.Contract, t *ticker) (string, error) {
	if !c.HasPeriod(market.Period1m) || t.OpenMs == 0 {
		return t.Open, nil
	}
	at := t.OpenMs - market.MinuteMs
	ms, err := h.stored.Candles(ctx, market.CandleRange{Contract: c.ID, Period: market.Period1m, FromMs: at, ToMs: at, Limit: 1})
	if err != nil || len(ms) == 0 {
		return t.Open, err
	}
	return market.FormatDecimal(ms[0].Close, ms[0].PriceScale), nil
}

func (h *History) prices(_ context.Context, q *query) ([]byte, error) {
	return q.rows(func(dst []byte, c *market.Contract) ([]byte, error) {
		price := "0"
		state := h.state.Contract(c.ID)
		if p, scale, ok := state.LastPrice(); ok {
			price = market.FormatDecimal(p, scale)
		} else if last, ok := state.LastTrade(); ok {
			price = market.FormatDecimal(last.Price, int(last.PriceScale))
		}
		return append(field(symbolHead(dst, c), "price", price), '}'), nil
	})
}

func (h *History) bests(_ context.Context, q *query) ([]byte, error) {
	return q.rows(func(dst []byte, c *market.Contract) ([]byte, error) {
		dst, err := h.appendBest(symbolHead(dst, c), c)
		return append(dst, '}'), err
	})
}

// appendBest appends the best bid and offer; an empty side is 0, as Binance has it.
func (h *History) appendBest(dst []byte, c *market.Contract) ([]byte, error) {
	var best struct {
		Bid    *string `json:"b"`
		BidQty *string `json:"B"`
		Ask    *string `json:"a"`
		AskQty *string `json:"A"`
	}
	if v := h.state.Contract(c.ID).BBO().JSON; len(v) > 0 {
		if err := json.Unmarshal(v, &best); err != nil {
			return dst, fmt.Errorf("best bid and offer of %s: %w", c.ID, err)
		}
	}
	for _, f := range [...]struct {
		name string
		v    *string
	}{{"bidPrice", best.Bid}, {"bidQty", best.BidQty}, {"askPrice", best.Ask}, {"askQty", best.AskQty}} {
		text := "0"
		if f.v != nil {
			text = *f.v
		}
		dst = field(dst, f.name, text)
	}
	return dst, nil
}
