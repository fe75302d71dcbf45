package simexchange

import (
	"encoding/json"
	"slices"
)

// symbols reads symbol, symbols and symbolStatus. one says that the answer is a single object. Names is nil where all symbols are meant.
func (q *query) symbols() (chosen []*instrument, one bool) {
	name, names := q.values.Get("symbol"), q.values.Get("symbols")
	switch {
	case name != "" && names != "":
		q.fail(-1128, "Combination of optional parameters invalid. Recommendation: 'symbol' and 'symbols' cannot both be sent.")
	case name != "":
		chosen, one = []*instrument{q.named(name)}, true
	case names != "":
		for _, n := range q.symbolList(names) {
			in := q.named(n)
			if slices.Contains(chosen, in) {
				q.fail(-1151, "Symbol is present multiple times in the list.")
			}
			chosen = append(chosen, in)
		}
	default:
		chosen = q.srv.instruments
	}
	if !q.trading(one) {
		chosen = nil
	}
	return chosen, one
}

func (q *query) symbolList(text string) (names []string) {
	if json.Unmarshal([]byte(text), &names) != nil || len(names) == 0 {
		q.fail(-1100, "Illegal characters found in parameter 'symbols'; legal range is '^\\[(\"[\\w\\-._&&[^a-z]]{1,50}\"(,\"[\\w\\-._&&[^a-z]]{1,50}\"){0,}){0,1}\\]$'.")
	}
	return names
}

// trading reads symbolStatus: every symbol here has the status TRADING. Another one is an error only where one symbol was named.
func (q *query) trading(one bool) bool {
	switch q.values.Get("symbolStatus") {
	case "", "TRADING":
		return true
	case "HALT", "BREAK":
		if one {
			q.fail(-1220, "The symbol's status does not match the requested symbolStatus.")
		}
	default:
		q.fail(-1122, "Invalid symbolStatus.")
	}
	return false
}

// perSymbols are the weights of the ticker endpoints: for a symbol, for up to 20 and up to 100 symbols, for more or all.
func perSymbols(one, twenty, hundred, all int) func(*query) int {
	return func(q *query) int {
		if q.values.Get("symbol") != "" {
			return one
		}
		var names []string
		if json.Unmarshal([]byte(q.values.Get("symbols")), &names) != nil {
			return all
		}
		switch n := len(names); {
		case n <= 20:
			return twenty
		case n <= 100:
			return hundred
		}
		return all
	}
}

// perSymbol answers with what row appends for each symbol that was asked for.
func perSymbol(row func(dst []byte, q *query, in *instrument) []byte) func(*Server, *query) ([]byte, *apiError) {
	return func(_ *Server, q *query) ([]byte, *apiError) {
		chosen, one := q.symbols()
		if q.bad != nil {
			return nil, q.bad
		}
		locked := func(dst []byte, i int) []byte {
			chosen[i].mu.RLock()
			defer chosen[i].mu.RUnlock()
			return row(dst, q, chosen[i])
		}
		if one {
			return locked(nil, 0), nil
		}
		return list(len(chosen), locked), nil
	}
}

func tickerRow(dst []byte, q *query, in *instrument) []byte {
	t := in.log.ticker(q.srv.clock.nowUs() / 1000)
	return appendTickerRow(dst, q.unit, in.Symbol.Symbol, &t, q.values.Get("type") == "MINI")
}

func tickers(s *Server, q *query) ([]byte, *apiError) {
	switch q.values.Get("type") {
	case "", "FULL", "MINI":
	default:
		q.fail(-1139, "Invalid ticker type.")
	}
	return perSymbol(tickerRow)(s, q)
}

func priceRow(dst []byte, _ *query, in *instrument) []byte {
	var price int64
	if m := in.log.bars.minutes.bars; len(m) > 0 {
		price = m[len(m)-1].Close
	}
	return append(appendDecimalField(appendSymbol(dst, in.Symbol.Symbol), "price", price), '}')
}

func bestRow(dst []byte, _ *query, in *instrument) []byte {
	return append(appendBest(appendSymbol(dst, in.Symbol.Symbol), &in.log.depth.best), '}')
}

// depthWeight is that of GET /api/v3/depth.
func depthWeight(q *query) int {
	switch n := q.depthLimit(); {
	case n <= 100:
		return 5
	case n <= 500:
		return 25
	case n <= 1000:
		return 50
	}
	return 250
}

// depthLimit reads the number of levels per side: 100 unless sent, 5000 at most.
func (q *query) depthLimit() int { return q.rows(100, maxDepth) }

func (s *Server) depth(q *query) ([]byte, *apiError) {
	in, limit := q.symbol(), q.depthLimit()
	q.trading(true)
	if q.bad != nil {
		return nil, q.bad
	}
	in.mu.RLock()
	defer in.mu.RUnlock()
	top := in.log.depth.book.top(limit)
	if q.stale {
		if old, ok := in.log.depth.staleAt(q.staleMs); ok {
			top = old.limit(limit)
		}
	}
	return appendTop(make([]byte, 0, 64+len(top.bids)*64), &top), nil
}
