package history

import (
	"context"
	"encoding/json"

	"github.com/tickcast/tickcast/market"
)

type exchangeInfo struct {
	Timezone        string       `json:"timezone"`
	ServerTime      int64        `json:"serverTime"`
	RateLimits      []rateLimit  `json:"rateLimits"`
	ExchangeFilters []any        `json:"exchangeFilters"`
	Symbols         []symbolInfo `json:"symbols"`
}

type rateLimit struct {
	Type        string `json:"rateLimitType"`
	Interval    string `json:"interval"`
	IntervalNum int    `json:"intervalNum"`
	Limit       int    `json:"limit"`
}

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
		Filters: []map[string]string{
			{"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "10000000.00000000", "tickSize": tick},
			{"filterType": "LOT_SIZE", "minQty": step, "maxQty": "9000000.00000000", "stepSize": step},
		},
		Permissions: []string{}, PermissionSets: [][]string{{"SPOT"}},
	}
}

func (h *History) exchangeInfo(_ context.Context, q *query) ([]byte, error) {
	chosen, _ := q.symbols()
	if q.bad != nil {
		return nil, nil
	}
	info := exchangeInfo{Timezone: "UTC", ServerTime: h.now().UnixMilli() * int64(q.unit), ExchangeFilters: []any{}, Symbols: []symbolInfo{},
		RateLimits: []rateLimit{{"REQUEST_WEIGHT", "MINUTE", 1, h.cfg.WeightPerMinute}}}
	for _, c := range chosen {
		info.Symbols = append(info.Symbols, infoOf(c))
	}
	return json.Marshal(info)
}
