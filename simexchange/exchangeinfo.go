package simexchange

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/tickcast/tickcast/binanceapi"
	"github.com/tickcast/tickcast/market"
)

// symbolInfo is all that Binance tells of a symbol.
type symbolInfo struct {
	binanceapi.SymbolInfo
	BaseCommissionPrecision    int      `json:"baseCommissionPrecision"`
	QuoteCommissionPrecision   int      `json:"quoteCommissionPrecision"`
	IcebergAllowed             bool     `json:"icebergAllowed"`
	OcoAllowed                 bool     `json:"ocoAllowed"`
	OtoAllowed                 bool     `json:"otoAllowed"`
	QuoteOrderQtyMarketAllowed bool     `json:"quoteOrderQtyMarketAllowed"`
	AllowTrailingStop          bool     `json:"allowTrailingStop"`
	CancelReplaceAllowed       bool     `json:"cancelReplaceAllowed"`
	AmendAllowed               bool     `json:"amendAllowed"`
	DefaultSTPMode             string   `json:"defaultSelfTradePreventionMode"`
	AllowedSTPModes            []string `json:"allowedSelfTradePreventionModes"`
}

func (in *instrument) info() symbolInfo {
	amount := func(v int64) string { return market.FormatDecimal(v, decimals) }
	return symbolInfo{
		SymbolInfo:              binanceapi.NewSymbolInfo(in.Symbol.Symbol, in.Base, in.Quote, amount(in.params.Tick), amount(in.params.Step), "LIMIT", "LIMIT_MAKER", "MARKET"),
		BaseCommissionPrecision: 8, QuoteCommissionPrecision: 8, QuoteOrderQtyMarketAllowed: true,
		DefaultSTPMode: "EXPIRE_MAKER", AllowedSTPModes: []string{"EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"},
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
