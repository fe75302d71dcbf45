package simexchange

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/tickcast/tickcast/binanceapi"
	"github.com/tickcast/tickcast/market"
)

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
		Filters:     binanceapi.Filters(amount(in.params.Tick), amount(in.params.Step)),
		Permissions: []string{}, PermissionSets: [][]string{{"SPOT"}}, DefaultSTPMode: "EXPIRE_MAKER",
		AllowedSTPModes: []string{"EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"},
	}
}

func (s *Server) exchangeInfo(q *query) ([]byte, *binanceapi.Error) {
	chosen, _ := s.markets().Symbols(&q.Query)
	if q.Bad != nil {
		return nil, q.Bad
	}
	info := binanceapi.NewExchangeInfo[symbolInfo](q.Unit, s.clock.nowUs(),
		binanceapi.PerMinute(s.cfg.Limits.Weight), binanceapi.RateLimit{Type: "RAW_REQUESTS", Interval: "MINUTE", IntervalNum: 5, Limit: 300_000})
	for _, in := range chosen {
		info.Symbols = append(info.Symbols, in.info())
	}
	body, err := json.Marshal(info)
	if err != nil {
		return nil, &binanceapi.Error{Status: http.StatusInternalServerError, Code: -1000, Msg: "An unknown error occurred while processing the request: " + strconv.Quote(err.Error())}
	}
	return body, nil
}
