package binance

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiter is the http.RoundTripper under go-binance's REST client. It keeps our request weight below a budget, obeys the server's own count and its
// answers 429, 418 and 403 (which go-binance hides, with Retry-After), and bounds the size of an answer.
type limiter struct {
	next    http.RoundTripper
	weight  *rate.Limiter
	maxBody int64

	mu      sync.Mutex
	until   time.Time // no request before
	blocked string    // why
}

const (
	serverWeight = 6000 // Binance: REQUEST_WEIGHT per minute and address
	serverHigh   = serverWeight * 8 / 10
)

// errBlocked is what requests get while the server wants none.
var errBlocked = errors.New("the exchange wants no requests")

func newLimiter(perMinute int, maxBody int64, next http.RoundTripper) *limiter {
	return &limiter{next: next, maxBody: maxBody, weight: rate.NewLimiter(rate.Limit(float64(perMinute)/60), max(perMinute/6, maxWeight))}
}

// maxWeight is the weight of the largest depth snapshot.
const maxWeight = 250

// weightOf is the request weight of the endpoints that are used here (rest-api.md, 2026-07).
func weightOf(u *url.URL) int {
	switch u.Path {
	case "/api/v3/aggTrades":
		return 4
	case "/api/v3/klines":
		return 2
	case "/api/v3/exchangeInfo":
		return 20
	case "/api/v3/depth":
		switch limit, _ := strconv.Atoi(u.Query().Get("limit")); {
		case limit <= 100:
			return 5
		case limit <= 500:
			return 25
		case limit <= 1000:
			return 50
		}
		return maxWeight
	}
	return 1
}

// RoundTrip waits for the budget, within the request's own time.
func (l *limiter) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := l.open(); err != nil {
		return nil, err
	}
	if err := l.weight.WaitN(req.Context(), weightOf(req.URL)); err != nil {
		return nil, fmt.Errorf("wait for the request weight: %w", err)
	}
	if err := l.open(); err != nil {
		return nil, err
	}
	res, err := l.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	l.learn(res)
	if res.StatusCode >= 400 && res.StatusCode < 500 && (res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusTeapot || res.StatusCode == http.StatusForbidden) {
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 4096))
		_ = res.Body.Close()
		return nil, fmt.Errorf("status %d: %w", res.StatusCode, l.open())
	}
	if res.ContentLength > l.maxBody {
		_ = res.Body.Close()
		return nil, fmt.Errorf("answer of %d bytes, at most %d are taken", res.ContentLength, l.maxBody)
	}
	res.Body = &boundedBody{ReadCloser: res.Body, left: l.maxBody}
	return res, nil
}

func (l *limiter) open() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if wait := time.Until(l.until); wait > 0 {
		return fmt.Errorf("%w for %s: %s", errBlocked, wait.Round(time.Second/10), l.blocked)
	}
	return nil
}

// learn reads what the answer says about limits.
func (l *limiter) learn(res *http.Response) {
	retry := -time.Second
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s >= 0 {
		retry = time.Duration(min(s, 3*24*3600)) * time.Second // bans last three days at most
	}
	switch res.StatusCode {
	case http.StatusTooManyRequests:
		l.block(retry, 10*time.Second, "429, too many requests")
	case http.StatusTeapot:
		l.block(retry, 2*time.Minute, "418, banned")
	case http.StatusForbidden:
		l.block(retry, 30*time.Second, "403, refused by the firewall")
	case http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		if retry > 0 {
			l.block(retry, 0, "server error with Retry-After")
		}
	}
	if used, err := strconv.Atoi(res.Header.Get("X-Mbx-Used-Weight-1m")); err == nil && used >= serverHigh {
		now := time.Now()
		l.block(now.Truncate(time.Minute).Add(time.Minute).Sub(now), 0, fmt.Sprintf("the server counts a weight of %d in this minute", used))
	}
}

func (l *limiter) block(d, fallback time.Duration, why string) {
	if d < 0 {
		d = fallback
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := time.Now().Add(d); until.After(l.until) {
		l.until, l.blocked = until, why
	}
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

var errBodyTooLarge = errors.New("the answer is larger than allowed")

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errBodyTooLarge
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	return n, err
}
