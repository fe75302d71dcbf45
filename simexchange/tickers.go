package simexchange

import "github.com/tickcast/tickcast/binanceapi"

// sendTickers sends what ticker streams show at a whole second: tickers that have changed, at another time than their own.
func (s *Server) sendTickers(nowMs, eventUs int64) {
	all := s.subscribers(allMiniTickers)
	var changed []*instrument
	for _, in := range s.instruments {
		full, mini := s.subscribers(in.streams.ticker), s.subscribers(in.streams.miniTicker)
		if len(full)+len(mini)+len(all) == 0 {
			continue
		}
		t := in.log.ticker(nowMs)
		now := t
		now.openMs, now.closeMs, now.best.ID = 0, 0, 0
		if now == in.told {
			continue
		}
		in.told, in.ticker = now, t
		changed = append(changed, in)
		if len(full) > 0 {
			s.send(in.streams.ticker, full, func(u binanceapi.Unit) []byte { return appendTicker(nil, u, eventUs, in.Symbol.Symbol, &t) })
		}
		if len(mini) > 0 {
			s.send(in.streams.miniTicker, mini, func(u binanceapi.Unit) []byte { return appendMiniTicker(nil, u, eventUs, in.Symbol.Symbol, &t) })
		}
	}
	if len(all) > 0 && len(changed) > 0 {
		s.send(allMiniTickers, all, func(u binanceapi.Unit) []byte {
			return binanceapi.List(len(changed), func(dst []byte, i int) []byte {
				return appendMiniTicker(dst, u, eventUs, changed[i].Symbol.Symbol, &changed[i].ticker)
			})
		})
	}
}
