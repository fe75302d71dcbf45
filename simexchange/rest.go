package simexchange

import (
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/tickcast/tickcast/binanceapi"
)

// endpoint is one row of the REST interface: its weight, and what makes the answer.
type endpoint struct {
	weight binanceapi.Weight
	answer func(*Server, *query) ([]byte, *binanceapi.Error)
}

var endpoints = map[string]endpoint{
	"/api/v3/ping":              {binanceapi.Fixed(1), func(*Server, *query) ([]byte, *binanceapi.Error) { return []byte("{}"), nil }},
	"/api/v3/time":              {binanceapi.Fixed(1), (*Server).serverTime},
	"/api/v3/exchangeInfo":      {binanceapi.Fixed(20), (*Server).exchangeInfo},
	"/api/v3/aggTrades":         {binanceapi.Fixed(4), (*Server).aggTrades},
	"/api/v3/trades":            {binanceapi.Fixed(25), (*Server).recentTrades},
	"/api/v3/historicalTrades":  {binanceapi.Fixed(25), (*Server).historicalTrades},
	"/api/v3/klines":            {binanceapi.Fixed(2), (*Server).klines},
	"/api/v3/uiKlines":          {binanceapi.Fixed(2), (*Server).klines},
	"/api/v3/depth":             {binanceapi.DepthWeight, (*Server).depth},
	"/api/v3/ticker/24hr":       {binanceapi.PerSymbols(2, 2, 40, 80), tickers},
	"/api/v3/ticker/price":      {binanceapi.PerSymbols(2, 4, 4, 4), perSymbol(priceRow)},
	"/api/v3/ticker/bookTicker": {binanceapi.PerSymbols(2, 4, 4, 4), perSymbol(bestRow)},
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/ws", s.connect)
	mux.HandleFunc("/ws/", s.connect)
	mux.HandleFunc("/stream", s.connect)
	mux.HandleFunc("/stream/", s.connect)
	mux.HandleFunc("/", s.rest)
	return mux
}

// rest answers everything that is not a WebSocket. /api/v1 was retired on 2026-03-25.
func (s *Server) rest(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	ep, ok := endpoints[r.URL.Path]
	if !ok {
		h.Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body><center><h1>404 Not Found</h1></center></body>\r\n</html>\r\n")
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		binanceapi.Refuse(w, http.StatusMethodNotAllowed, -1020, "This operation is not supported.")
		return
	}
	q := &query{Query: binanceapi.NewQuery(r), untilUs: math.MaxInt64}
	faults := s.faults.onAnswer(r.URL.Path, time.Now)
	for _, f := range faults {
		switch f.Kind {
		case FaultStatus:
			writeStatusFault(w, f)
			return
		case FaultLag:
			q.untilUs = s.clock.nowUs() - f.Duration.Microseconds()
		case FaultTombstone:
			q.tombstones = true
		case FaultStale:
			q.stale = true
			if f.Duration > 0 {
				q.staleMs = s.clock.nowUs()/1000 - f.Duration.Milliseconds()
			}
		}
	}
	used, status, wait := s.limits.use(hostOf(r), ep.weight(&q.Query), time.Now())
	h.Set("X-Mbx-Used-Weight", strconv.Itoa(used))
	h.Set("X-Mbx-Used-Weight-1m", strconv.Itoa(used))
	if status != http.StatusOK {
		s.refuse(w, status, wait)
		return
	}
	body, bad := ep.answer(s, q)
	if q.Bad != nil {
		bad = q.Bad
	}
	if bad != nil {
		bad.Write(w)
		return
	}
	body, sent := s.spoilAnswer(w, r, faults, body)
	if sent {
		return
	}
	h.Set("Content-Type", "application/json;charset=UTF-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body)
}

func (s *Server) refuse(w http.ResponseWriter, status int, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	msg := fmt.Sprintf("Too much request weight used; current limit is %d request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API.", s.cfg.Limits.Weight)
	if status == http.StatusTeapot {
		msg = fmt.Sprintf("Way too much request weight used; IP banned until %d. Please use WebSocket Streams for live updates to avoid bans.", time.Now().Add(wait).UnixMilli())
	}
	binanceapi.Refuse(w, status, -1003, msg)
}

// writeStatusFault answers with a status as Binance's servers, or the firewall before them, would.
func writeStatusFault(w http.ResponseWriter, f *ActiveFault) {
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	switch {
	case f.Status == http.StatusTooManyRequests:
		binanceapi.Refuse(w, f.Status, -1003, "Too many requests queued.")
	case f.Status == http.StatusTeapot:
		until := time.Now().Add(time.Duration(f.RetryAfter) * time.Second).UnixMilli()
		binanceapi.Refuse(w, f.Status, -1003, fmt.Sprintf("Way too much request weight used; IP banned until %d. Please use WebSocket Streams for live updates to avoid bans.", until))
	case f.Status == http.StatusServiceUnavailable:
		binanceapi.Refuse(w, f.Status, -1008, "Server is currently overloaded with other requests. Please try again in a few minutes.")
	default:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(f.Status)
		fmt.Fprintf(w, "<html>\r\n<head><title>%d %s</title></head>\r\n<body></body>\r\n</html>\r\n", f.Status, http.StatusText(f.Status))
	}
}

// spoilAnswer carries out the faults of an answer that is ready; sent means that nothing is left to send.
func (s *Server) spoilAnswer(w http.ResponseWriter, r *http.Request, faults []*ActiveFault, body []byte) (out []byte, sent bool) {
	for _, f := range faults {
		switch f.Kind {
		case FaultDelay:
			wait := time.NewTimer(f.Duration)
			select {
			case <-wait.C:
			case <-r.Context().Done():
				wait.Stop()
				return nil, true
			}
		case FaultRST, FaultFIN, FaultCut:
			if f.Kind == FaultCut {
				s.cutAll()
			}
			breakAnswer(w, body, f.Kind == FaultFIN)
			return nil, true
		case FaultTruncate, FaultBadNumber, FaultZeroPrice:
			body = spoil(f.Kind, body)
		}
	}
	return body, false
}

// breakAnswer ends the connection: with a reset, or in the midst of the answer.
func breakAnswer(w http.ResponseWriter, body []byte, half bool) {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	if half {
		fmt.Fprintf(buf, "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:len(body)/2])
		buf.Flush()
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
}

func (s *Server) serverTime(q *query) ([]byte, *binanceapi.Error) {
	return append(q.Unit.Append([]byte(`{"serverTime":`), s.clock.nowUs()), '}'), nil
}

func (s *Server) aggTrades(q *query) ([]byte, *binanceapi.Error) {
	in := s.markets().Symbol(&q.Query)
	r := aggRange{fromID: q.Number("fromId"), startUs: q.timeUs("startTime"), endUs: q.endUs("endTime"), limit: q.Limit(500, 1000)}
	if q.Bad != nil {
		return nil, q.Bad
	}
	if r.fromID != noTime && (r.startUs != noTime || r.endUs != noTime) {
		q.Failf(-1128, "Combination of optional parameters invalid.")
		return nil, q.Bad
	}
	in.mu.RLock()
	defer in.mu.RUnlock()
	ts := in.log.aggTrades(r, q.untilUs)
	return binanceapi.List(len(ts), func(dst []byte, i int) []byte {
		if q.tombstones && ts[i].ID%10 == 0 {
			return appendTombstone(dst, q.Unit, &ts[i])
		}
		return appendAggRow(dst, q.Unit, &ts[i])
	}), nil
}

func (s *Server) recentTrades(q *query) ([]byte, *binanceapi.Error) { return s.singles(q, noTime) }

func (s *Server) historicalTrades(q *query) ([]byte, *binanceapi.Error) {
	return s.singles(q, q.Number("fromId"))
}

func (s *Server) singles(q *query, fromID int64) ([]byte, *binanceapi.Error) {
	in, limit := s.markets().Symbol(&q.Query), q.Limit(500, 1000)
	if q.Bad != nil {
		return nil, q.Bad
	}
	in.mu.RLock()
	ts := in.log.singles(fromID, limit, q.untilUs)
	in.mu.RUnlock()
	return binanceapi.List(len(ts), func(dst []byte, i int) []byte { return appendSingleRow(dst, q.Unit, ts[i]) }), nil
}

func (s *Server) klines(q *query) ([]byte, *binanceapi.Error) {
	in := s.markets().Symbol(&q.Query)
	p := q.Interval()
	q.timeZone()
	startUs, endUs, limit := q.timeUs("startTime"), q.endUs("endTime"), q.Limit(500, 1000)
	if q.Bad != nil {
		return nil, q.Bad
	}
	startMs, endMs := startUs, endUs
	if startUs != noTime {
		startMs = (startUs + 999) / 1000
	}
	if endUs != noTime {
		endMs = endUs / 1000
	}
	in.mu.RLock()
	bars := in.log.bars.klines(p, startMs, endMs, limit)
	in.mu.RUnlock()
	return binanceapi.List(len(bars), func(dst []byte, i int) []byte { return appendKlineRow(dst, q.Unit, p, &bars[i]) }), nil
}
