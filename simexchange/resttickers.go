package simexchange

import "github.com/tickcast/tickcast/binanceapi"

// perSymbol answers with what row appends for each symbol that was asked for.
func perSymbol(row func(dst []byte, s *Server, q *query, in *instrument) []byte) func(*Server, *query) ([]byte, *binanceapi.Error) {
	return func(s *Server, q *query) ([]byte, *binanceapi.Error) {
		chosen, one := s.markets().Symbols(&q.Query)
		if q.Bad != nil {
			return nil, q.Bad
		}
		locked := func(dst []byte, i int) []byte {
			chosen[i].mu.RLock()
			defer chosen[i].mu.RUnlock()
			return row(dst, s, q, chosen[i])
		}
		if one {
			return locked(nil, 0), nil
		}
		return binanceapi.List(len(chosen), locked), nil
	}
}

func tickerRow(dst []byte, s *Server, q *query, in *instrument) []byte {
	t := in.log.ticker(s.clock.nowUs() / 1000)
	return appendTickerRow(dst, q.Unit, in.Symbol.Symbol, &t, q.MiniTicker())
}

func tickers(s *Server, q *query) ([]byte, *binanceapi.Error) {
	q.MiniTicker()
	return perSymbol(tickerRow)(s, q)
}

func priceRow(dst []byte, _ *Server, _ *query, in *instrument) []byte {
	var price int64
	if m := in.log.bars.minutes.bars; len(m) > 0 {
		price = m[len(m)-1].Close
	}
	return append(appendDecimalField(appendSymbol(dst, in.Symbol.Symbol), "price", price), '}')
}

func bestRow(dst []byte, _ *Server, _ *query, in *instrument) []byte {
	return append(appendBest(appendSymbol(dst, in.Symbol.Symbol), &in.log.depth.best), '}')
}

func (s *Server) depth(q *query) ([]byte, *binanceapi.Error) {
	in, limit := s.markets().Symbol(&q.Query), q.DepthLimit()
	q.Trading(true)
	if q.Bad != nil {
		return nil, q.Bad
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
