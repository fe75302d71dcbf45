package history

import (
	"context"
	"encoding/json"

	"github.com/tickcast/tickcast/binanceapi"
	"github.com/tickcast/tickcast/market"
)

// infoOf names order types although nothing can be ordered here: clients look for them.
func infoOf(c *market.Contract) binanceapi.SymbolInfo {
	tick, step := string(appendText(nil, c.Tick.String())), string(appendText(nil, c.Step.String()))
	return binanceapi.NewSymbolInfo(c.ID, c.Base, c.Quote, tick, step, "LIMIT", "MARKET")
}

func (h *History) exchangeInfo(_ context.Context, q *query) ([]byte, error) {
	chosen, _ := q.markets.Symbols(&q.Query)
	if q.Bad != nil {
		return nil, nil
	}
	info := binanceapi.NewExchangeInfo[binanceapi.SymbolInfo](q.Unit, h.now().UnixMilli()*1000, binanceapi.PerMinute(h.cfg.WeightPerMinute))
	for _, c := range chosen {
		info.Symbols = append(info.Symbols, infoOf(c))
	}
	return json.Marshal(info)
}
