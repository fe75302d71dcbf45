package binanceapi

// ExchangeInfo is the frame of GET /api/v3/exchangeInfo around what S tells of a symbol.
type ExchangeInfo[S any] struct {
	Timezone        string      `json:"timezone"`
	ServerTime      int64       `json:"serverTime"`
	RateLimits      []RateLimit `json:"rateLimits"`
	ExchangeFilters []any       `json:"exchangeFilters"`
	Symbols         []S         `json:"symbols"`
}

// RateLimit says how much is allowed in an interval.
type RateLimit struct {
	Type        string `json:"rateLimitType"`
	Interval    string `json:"interval"`
	IntervalNum int    `json:"intervalNum"`
	Limit       int    `json:"limit"`
}

// PerMinute limits the weight of a minute's requests.
func PerMinute(weight int) RateLimit { return RateLimit{"REQUEST_WEIGHT", "MINUTE", 1, weight} }

// NewExchangeInfo makes one without symbols.
func NewExchangeInfo[S any](u Unit, nowUs int64, limits ...RateLimit) ExchangeInfo[S] {
	return ExchangeInfo[S]{Timezone: "UTC", ServerTime: nowUs / int64(u), RateLimits: limits, ExchangeFilters: []any{}, Symbols: []S{}}
}

// SymbolInfo is what clients need to read prices and quantities.
type SymbolInfo struct {
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

// NewSymbolInfo tells of a spot market; tick and step have eight decimals.
func NewSymbolInfo(symbol, base, quote, tick, step string, orders ...string) SymbolInfo {
	const decimals = 8
	return SymbolInfo{
		Symbol: symbol, Status: "TRADING", BaseAsset: base, BaseAssetPrecision: decimals, QuoteAsset: quote, QuotePrecision: decimals, QuoteAssetPrecision: decimals,
		OrderTypes: orders, SpotTradingAllowed: true,
		Filters: []map[string]string{
			{"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "10000000.00000000", "tickSize": tick},
			{"filterType": "LOT_SIZE", "minQty": step, "maxQty": "9000000.00000000", "stepSize": step},
		},
		Permissions: []string{}, PermissionSets: [][]string{{"SPOT"}},
	}
}
