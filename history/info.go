package history

import (
	"context"
	"encoding/json"

	"github.com/tickcast/tickcast/binanceapi"
	"github.com/tickcast/tickcast/market"
)

// symbolInfo is what clients need to read prices and quantities; nothing can be ordered here.
type symbolInfo struct {
	Symbol               string              `json:"symbol"`
	Status               string              `json:"status"`
	BaseAsset            string              `json:"baseAsset"`
	BaseAssetPrecision   int                 `json:"baseAssetPrecision"`
	QuoteAsset           string              `json:"quoteAsset"`
	QuotePrecision       int                 `json:"quotePrecision"`
	QuoteAssetPrecision  int                 `json:"quoteAssetPrecision"`
	OrderTypes           []string            `json:"orderTypes"`
	SpotTradingAllowed   bool                `json:"isSpotTradingAllowed"`
	MarginTradingAllowed bool                `json:"isMarginTradingAllowed"`
	Filters              []map[string]string `json:"filters"`
	Permissions          []string            `json:"permissions"`
	PermissionSets       [][]string          `json:"permissionSets"`
}

func infoOf(c *market.Contract) symbolInfo {
	tick, step := string(appendText(nil, c.Tick.String())), string(appendText(nil, c.Step.String()))
	return symbolInfo{
		Symbol: c.ID, Status: "TRADING", BaseAsset: c.Base, BaseAssetPrecision: decimals, QuoteAsset: c.Quote, QuotePrecision: decimals, QuoteAssetPrecision: decimals,
		OrderTypes: []string{"LIMIT", "MARKET"}, SpotTradingAllowed: true,
		Filters: binanceapi.Filters(tick, step), Permissions: []string{}, PermissionSets: [][]string{{"SPOT"}},
	}
}

func (h *History) exchangeInfo(_ context.Context, q *query) ([]byte, error) {
	chosen, _ := q.markets.Symbols(&q.Query)
	if q.Bad != nil {
		return nil, nil
	}
	info := binanceapi.NewExchangeInfo[symbolInfo](q.Unit, h.now().UnixMilli()*1000, binanceapi.PerMinute(h.cfg.WeightPerMinute))
	for _, c := range chosen {
		info.Symbols = append(info.Symbols, infoOf(c))
	}
	return json.Marshal(info)
}
