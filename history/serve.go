package history

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
)

// endpoint is one row of the API: its weight (rest-api.md), and what makes the answer.
type endpoint struct {
	weight func(*query) int
	answer func(*History, context.Context, *query) ([]byte, error)
}

func fixed(weight int) func(*query) int { return func(*query) int { return weight } }

var endpoints = map[string]endpoint{
	"/api/v3/ping": {fixed(1), func(*History, context.Context, *query) ([]byte, error) { return []byte("{}"), nil }},
	"/api/v3/time": {fixed(1), func(h *History, _ context.Context, q *query) ([]byte, error) {
		return append(q.time([]byte(`{"serverTime":`), h.now().UnixMilli()), '}'), nil
	}},
	"/api/v3/exchangeInfo":      {fixed(20), (*History).exchangeInfo},
	"/api/v3/klines":            {fixed(2), (*History).klines},
	"/api/v3/uiKlines":          {fixed(2), (*History).klines},
	"/api/v3/aggTrades":         {fixed(4), (*History).aggTrades},
	"/api/v3/depth":             {depthWeight, (*History).depth},
	"/api/v3/ticker/24hr":       {perSymbols(2, 2, 40, 80), (*History).tickers},
	"/api/v3/ticker/price":      {perSymbols(2, 4, 4, 4), (*History).prices},
	"/api/v3/ticker/bookTicker": {perSymbols(2, 4, 4, 4), (*History).bests},
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
		writeError(w, &apiError{http.StatusNotFound, -1020, "This operation is not supported."})
		return
	case r.Method == http.MethodOptions:
		head.Set("Access-Control-Allow-Methods", "GET, HEAD")
		head.Set("Access-Control-Allow-Headers", "*")
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		head.Set("Allow", "GET, HEAD")
		writeError(w, &apiError{http.StatusMethodNotAllowed, -1020, "This operation is not supported."})
		return
	}
	q := newQuery(r, h.cat.Load())
	used, wait := h.limits.use(addressOf(r.RemoteAddr), ep.weight(q), h.now())
	head.Set("X-Mbx-Used-Weight", strconv.Itoa(used))
	head.Set("X-Mbx-Used-Weight-1m", strconv.Itoa(used))
	if wait > 0 {
		h.refused.Add(1)
		head.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		writeError(w, &apiError{http.StatusTooManyRequests, -1003, "Too much request weight used; current limit is " + strconv.Itoa(h.cfg.WeightPerMinute) +
			" request weight per 1 MINUTE. Please use MQTT for live updates to avoid polling the API."})
		return
	}
	if !h.isReady() && r.URL.Path != "/api/v3/ping" && r.URL.Path != "/api/v3/time" {
		head.Set("Retry-After", "1")
		writeError(w, &apiError{http.StatusServiceUnavailable, -1008, "Server is still loading the newest state. Please try again in a moment."})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.cfg.Timeout.D())
	defer cancel()
	body, err := ep.answer(h, ctx, q)
	switch {
	case q.bad != nil:
		writeError(w, q.bad)
		return
	case err != nil:
		if r.Context().Err() == nil { // else nobody listens any more
			h.failed.Add(1)
			h.log.Error("a request could not be answered", "path", r.URL.Path, "error", err)
		}
		writeError(w, &apiError{http.StatusInternalServerError, -1000, "An unknown error occurred while processing the request."})
		return
	}
	head.Set("Content-Type", "application/json;charset=UTF-8")
	head.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // who does not listen any more is no error of ours
}

func writeError(w http.ResponseWriter, e *apiError) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(e.status)
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false) // patterns have &
	_ = enc.Encode(struct {
		Code int    `json:"code"`
		Msg  string `json:"msg"`
	}{e.code, e.msg}) // a number and a text
	_, _ = w.Write(bytes.TrimSuffix(body.Bytes(), []byte("\n"))) // who does not listen any more is no error of ours
}

// list is a JSON array of n items.
func list(n int, item func(dst []byte, i int) []byte) []byte {
	dst := append(make([]byte, 0, 2+n*160), '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = item(dst, i)
	}
	return append(dst, ']')
}
