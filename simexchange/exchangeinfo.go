package simexchange

import (
	"encoding/json"
	"strconv"

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

type symbolInfo struct {
	Symbol                     string              `json:"symbol"`
	Status                     string              `json:"status"`
	BaseAsset                  string              `json:"baseAsset"`
	BaseAssetPrecision         int                 `json:"baseAssetPrecision"`
	QuoteAsset                 string              `json:"quoteAsset"`
	QuotePrecision             int                 `json:"quotePrecision"`
	QuoteAssetPrecision        int                 `json:"quoteAssetPrecision"`
	BaseCommissionPrecision    int                 `json:"baseCommissionPrecision"`
	QuoteCommissionPrecision   int                 `json:"quoteCommissionPrecision"`
	OrderTypes                 []string            `json:"orderTypes"`
	IcebergAllowed             bool                `json:"icebergAllowed"`
	OcoAllowed                 bool                `json:"ocoAllowed"`
	OtoAllowed                 bool                `json:"otoAllowed"`
	QuoteOrderQtyMarketAllowed bool                `json:"quoteOrderQtyMarketAllowed"`
	AllowTrailingStop          bool                `json:"allowTrailingStop"`
	CancelReplaceAllowed       bool                `json:"cancelReplaceAllowed"`
	AmendAllowed               bool                `json:"amendAllowed"`
	SpotTradingAllowed         bool                `json:"isSpotTradingAllowed"`
	MarginTradingAllowed       bool                `json:"isMarginTradingAllowed"`
	Filters                    []map[string]string `json:"filters"`
	Permissions                []string            `json:"permissions"`
	PermissionSets             [][]string          `json:"permissionSets"`
	DefaultSTPMode             string              `json:"defaultSelfTradePreventionMode"`
	AllowedSTPModes            []string            `json:"allowedSelfTradePreventionModes"`
}

func (in *instrument) info() symbolInfo {
	amount := func(v int64) string { return market.FormatDecimal(v, decimals) }
	return symbolInfo{
		Symbol: in.Symbol.Symbol, Status: "TRADING", BaseAsset: in.Base, BaseAssetPrecision: 8, QuoteAsset: in.Quote,
		QuotePrecision: 8, QuoteAssetPrecision: 8, BaseCommissionPrecision: 8, QuoteCommissionPrecision: 8,
		OrderTypes: []string{"LIMIT", "LIMIT_MAKER", "MARKET"}, SpotTradingAllowed: true, QuoteOrderQtyMarketAllowed: true,
		Filters: []map[string]string{
			{"filterType": "PRICE_FILTER", "minPrice": amount(in.params.Tick), "maxPrice": "10000000.00000000", "tickSize": amount(in.params.Tick)},
			{"filterType": "LOT_SIZE", "minQty": amount(in.params.Step), "maxQty": "9000000.00000000", "stepSize": amount(in.params.Step)},
		},
		Permissions: []string{}, PermissionSets: [][]string{{"SPOT"}}, DefaultSTPMode: "EXPIRE_MAKER",
		AllowedSTPModes: []string{"EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"},
	}
}

func (s *Server) exchangeInfo(q *query) ([]byte, *apiError) {
	chosen, _ := q.symbols()
	if q.bad != nil {
		return nil, q.bad
	}
	info := exchangeInfo{Timezone: "UTC", ServerTime: s.clock.nowUs() / int64(q.unit), ExchangeFilters: []any{},
		RateLimits: []rateLimit{{"REQUEST_WEIGHT", "MINUTE", 1, s.cfg.Limits.Weight}, {"RAW_REQUESTS", "MINUTE", 5, 300_000}}}
	for _, in := range chosen {
		info.Symbols = append(info.Symbols, in.info())
	}
	body, err := json.Marshal(info)
	if err != nil {
		return nil, &apiError{-1000, "An unknown error occurred while processing the request: " + strconv.Quote(err.Error())}
	}
	return body, nil
}
