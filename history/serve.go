package history

import (
	"context"
	"math"
	"net/http"
	"strconv"

	"github.com/tickcast/tickcast/binanceapi"
)

// endpoint is one row of the API: its weight (rest-api.md), and what makes the answer.
type endpoint struct {
	weight binanceapi.Weight
	answer func(*History, context.Context, *query) ([]byte, error)
}

var endpoints = map[string]endpoint{
	"/api/v3/ping": {binanceapi.Fixed(1), func(*History, context.Context, *query) ([]byte, error) { return []byte("{}"), nil }},
	"/api/v3/time": {binanceapi.Fixed(1), func(h *History, _ context.Context, q *query) ([]byte, error) {
		return append(q.time([]byte(`{"serverTime":`), h.now().UnixMilli()), '}'), nil
	}},
	"/api/v3/exchangeInfo":      {binanceapi.Fixed(20), (*History).exchangeInfo},
	"/api/v3/klines":            {binanceapi.Fixed(2), (*History).klines},
	"/api/v3/uiKlines":          {binanceapi.Fixed(2), (*History).klines},
	"/api/v3/aggTrades":         {binanceapi.Fixed(4), (*History).aggTrades},
	"/api/v3/depth":             {binanceapi.DepthWeight, (*History).depth},
	"/api/v3/ticker/24hr":       {binanceapi.PerSymbols(2, 2, 40, 80), (*History).tickers},
	"/api/v3/ticker/price":      {binanceapi.PerSymbols(2, 4, 4, 4), (*History).prices},
	"/api/v3/ticker/bookTicker": {binanceapi.PerSymbols(2, 4, 4, 4), (*History).bests},
}

// ServeHTTP answers a request. Before Ready every question about the market is refused with 503.
func (h *History) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.requests.Add(1)
	head := w.Header()
	head.Set("Access-Control-Allow-Origin", "*")
	head.Set("Access-Control-Expose-Headers", "Retry-After, X-Mbx-Used-Weight-1m")
	head.Set("X-Content-Type-Options", "nosniff")
	ep, ok := endpoints[r.URL.Path]
	switch {
	case !ok:
		binanceapi.Refuse(w, http.StatusNotFound, -1020, "This operation is not supported.")
		return
	case r.Method == http.MethodOptions:
		head.Set("Access-Control-Allow-Methods", "GET, HEAD")
		head.Set("Access-Control-Allow-Headers", "*")
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		head.Set("Allow", "GET, HEAD")
		binanceapi.Refuse(w, http.StatusMethodNotAllowed, -1020, "This operation is not supported.")
		return
	}
	q := newQuery(r, h.cat.Load())
	used, wait := h.limits.use(addressOf(r.RemoteAddr), ep.weight(&q.Query), h.now())
	head.Set("X-Mbx-Used-Weight", strconv.Itoa(used))
	head.Set("X-Mbx-Used-Weight-1m", strconv.Itoa(used))
	if wait > 0 {
		h.refused.Add(1)
		head.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		binanceapi.Refuse(w, http.StatusTooManyRequests, -1003, "Too much request weight used; current limit is "+strconv.Itoa(h.cfg.WeightPerMinute)+
			" request weight per 1 MINUTE. Please use MQTT for live updates to avoid polling the API.")
		return
	}
	if !h.isReady() && r.URL.Path != "/api/v3/ping" && r.URL.Path != "/api/v3/time" {
		head.Set("Retry-After", "1")
		binanceapi.Refuse(w, http.StatusServiceUnavailable, -1008, "Server is still loading the newest state. Please try again in a moment.")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.cfg.Timeout.D())
	defer cancel()
	body, err := ep.answer(h, ctx, q)
	switch {
	case q.Bad != nil:
		q.Bad.Write(w)
		return
	case err != nil:
		if r.Context().Err() == nil { // else nobody listens any more
			h.failed.Add(1)
			h.log.Error("a request could not be answered", "path", r.URL.Path, "error", err)
		}
		binanceapi.Refuse(w, http.StatusInternalServerError, -1000, "An unknown error occurred while processing the request.")
		return
	}
	head.Set("Content-Type", "application/json;charset=UTF-8")
	head.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // who does not listen any more is no error of ours
}
