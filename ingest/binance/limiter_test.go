package binance

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestLimiterObeysTheServer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status int
		header http.Header
		wait   time.Duration // at least, for the next request; 0: none
		fails  bool          // the request itself
	}{
		{"fine", 200, nil, 0, false},
		{"too many requests", 429, http.Header{"Retry-After": {"7"}}, 6 * time.Second, true},
		{"too many requests, no word how long", 429, nil, 9 * time.Second, true},
		{"banned", 418, http.Header{"Retry-After": {"120"}}, 119 * time.Second, true},
		{"banned, nonsense in Retry-After", 418, http.Header{"Retry-After": {"-5"}}, 119 * time.Second, true},
		{"firewall", 403, nil, 29 * time.Second, true},
		{"server error", 503, nil, 0, false},
		{"server error, come back later", 503, http.Header{"Retry-After": {"3"}}, 2 * time.Second, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			hits := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				hits++
				for k, v := range c.header {
					w.Header()[k] = v
				}
				w.WriteHeader(c.status)
			}))
			defer srv.Close()
			l := newLimiter(3000, 1<<20, srv.Client().Transport)
			get := func() error {
				res, err := (&http.Client{Transport: l}).Get(srv.URL + "/api/v3/time")
				if err == nil {
					res.Body.Close()
				}
				return err
			}
			if err := get(); (err != nil) != c.fails {
				t.Errorf("first request: %v", err)
			}
			if wait := max(0, time.Until(l.until)); wait < c.wait || c.wait == 0 && wait > 0 {
				t.Errorf("the next request waits %s, want at least %s", wait, c.wait)
			}
			if err := get(); (err != nil) != (c.wait > 0) || err != nil && !errors.Is(err, errBlocked) {
				t.Errorf("second request: %v", err)
			}
			if want := 2; c.wait == 0 && hits != want || c.wait > 0 && hits != 1 {
				t.Errorf("the server saw %d requests", hits)
			}
		})
	}
}

func TestLimiterStopsBelowTheServersOwnCountAndBoundsBodies(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/heavy" {
			w.Header().Set("X-MBX-USED-WEIGHT-1M", "4800")
			return
		}
		w.(http.Flusher).Flush() // no content length
		_, _ = io.WriteString(w, strings.Repeat("x", 5000))
	}))
	defer srv.Close()
	l := newLimiter(3000, 4096, srv.Client().Transport)
	client := &http.Client{Transport: l}
	res, err := client.Get(srv.URL + "/large")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	res.Body.Close()
	if len(b) != 4096 || !errors.Is(err, errBodyTooLarge) {
		t.Errorf("read %d bytes: %v", len(b), err)
	}
	if res, err = client.Get(srv.URL + "/heavy"); err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if wait := time.Until(l.until); wait <= 0 || wait > time.Minute {
		t.Errorf("the next request waits %s, want until the next minute", wait)
	}
}
