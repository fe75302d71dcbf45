package binance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	binance "github.com/adshao/go-binance/v2"

	"github.com/tickcast/tickcast/ingest/depth"
	"github.com/tickcast/tickcast/ingest/feed"
	"github.com/tickcast/tickcast/market"
)

// client makes go-binance's client. It is made for each request: it keeps the used weight in fields that requests at the same time would write.
func (s *Source) client() *binance.Client {
	c := binance.NewClient("", "")
	c.BaseURL = strings.TrimRight(s.cfg.RestURL, "/")
	c.HTTPClient = s.http
	return c
}

// Time asks for the source's clock; sentMs and receivedMs are ours.
func (s *Source) Time(ctx context.Context) (sentMs, serverMs, receivedMs int64, err error) {
	sentMs = time.Now().UnixMilli()
	serverMs, err = s.client().NewServerTimeService().Do(ctx)
	if err == nil && (serverMs < 1e11 || serverMs >= 1e14) {
		err = fmt.Errorf("server time %d is not in milliseconds", serverMs)
	}
	if err != nil {
		err = fmt.Errorf("get time: %w", err)
	}
	return sentMs, serverMs, time.Now().UnixMilli(), err
}

// Fetch does what a feed asks for.
func (s *Source) Fetch(ctx context.Context, symbol string, req feed.Request) feed.Answer {
	a := feed.Answer{Serial: req.Serial}
	switch req.Kind {
	case feed.FetchFrom, feed.FetchSince, feed.FetchLatest:
		a.Trades, a.Err = s.aggTrades(ctx, symbol, req)
	case feed.FetchSeeds:
		_, a.ServerMs, _, a.Err = s.Time(ctx)
		if a.Err == nil {
			a.Days, a.Err = s.closedKlines(ctx, symbol, market.Period1d, a.ServerMs, req.Days)
		}
		if a.Err == nil {
			a.Minutes, a.Err = s.closedKlines(ctx, symbol, market.Period1m, a.ServerMs, req.Minutes)
		}
	case feed.FetchDays:
		a.Days, a.Err = s.closedKlines(ctx, symbol, market.Period1d, req.SinceMs, req.Days)
	default:
		a.Err = fmt.Errorf("request kind %d is not known", req.Kind)
	}
	return a
}

func (s *Source) aggTrades(ctx context.Context, symbol string, req feed.Request) ([]feed.RawTrade, error) {
	q := s.client().NewAggTradesService().Symbol(symbol).Limit(req.Rows)
	switch req.Kind {
	case feed.FetchFrom:
		q.FromID(req.FromID)
	case feed.FetchSince:
		q.StartTime(req.SinceMs)
	}
	rows, err := q.Do(ctx)
	if err != nil {
		return nil, fmt.Errorf("get aggTrades of %s: %w", symbol, err)
	}
	out := make([]feed.RawTrade, 0, len(rows))
	for _, r := range rows {
		if r == nil {
			return nil, fmt.Errorf("get aggTrades of %s: an empty row", symbol)
		}
		out = append(out, feed.RawTrade{AggID: r.AggTradeID, FirstID: r.FirstTradeID, LastID: r.LastTradeID, TradeMs: r.Timestamp, Price: r.Price, Qty: r.Quantity, BuyerMaker: r.IsBuyerMaker})
	}
	return out, nil
}

// maxKlines is what one request can answer.
const maxKlines = 1000

// closedKlines gets the last n klines that end before untilMs, oldest first. Fewer come where the market is younger or was halted.
func (s *Source) closedKlines(ctx context.Context, symbol string, p market.Period, untilMs int64, n int) ([]feed.RawKline, error) {
	end := p.OpenMs(untilMs)
	length := p.NextMs(0)
	out := make([]feed.RawKline, 0, n)
	for from := end - int64(n)*length; from < end; {
		rows, err := s.client().NewKlinesService().Symbol(symbol).Interval(p.String()).StartTime(from).EndTime(end - 1).Limit(maxKlines).Do(ctx)
		if err != nil {
			return nil, fmt.Errorf("get %s klines of %s: %w", p, symbol, err)
		}
		for _, r := range rows {
			out = append(out, feed.RawKline{OpenMs: r.OpenTime, CloseMs: r.CloseTime, Open: r.Open, High: r.High, Low: r.Low, Close: r.Close, Trades: r.TradeNum,
				Volume: r.Volume, QuoteVolume: r.QuoteAssetVolume, BuyVolume: r.TakerBuyBaseAssetVolume, BuyQuoteVolume: r.TakerBuyQuoteAssetVolume})
		}
		if len(rows) < maxKlines {
			break
		}
		next := rows[len(rows)-1].OpenTime + length
		if next <= from {
			return nil, errors.New("get klines: the answer does not advance")
		}
		from = next
	}
	return out, nil
}

// Depth asks for the order book. go-binance's service is not used: its decoder makes 0 or nothing of what is no number.
func (s *Source) Depth(ctx context.Context, symbol string, req depth.Request) depth.Answer {
	a := depth.Answer{Serial: req.Serial}
	if err := s.depth(ctx, symbol, req.Levels, &a); err != nil {
		a.Err = fmt.Errorf("get depth of %s: %w", symbol, err)
	}
	return a
}

func (s *Source) depth(ctx context.Context, symbol string, levels int, a *depth.Answer) error {
	query := url.Values{"symbol": {symbol}, "limit": {strconv.Itoa(levels)}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(s.cfg.RestURL, "/")+"/api/v3/depth?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	res, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 200))
		return fmt.Errorf("status %d: %.200q", res.StatusCode, text)
	}
	var body struct {
		LastID int64       `json:"lastUpdateId"`
		Bids   [][2]string `json:"bids"`
		Asks   [][2]string `json:"asks"`
	}
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		return fmt.Errorf("decode the answer: %w", err)
	}
	a.LastID, a.Bids, a.Asks = body.LastID, body.Bids, body.Asks
	return nil
}
