package simexchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// seenFrames are what a client saw; ended is the error that ended its connection.
type seenFrames struct {
	kinds []int
	texts []string
	ended error
}

// ids of the frames relative to the first.
func (f *seenFrames) ids(t *testing.T) []int64 {
	t.Helper()
	var ids []int64
	for _, text := range f.texts {
		ids = append(ids, decode[recordedTrade](t, []byte(text)).AggID)
	}
	for i := len(ids) - 1; i >= 0; i-- {
		ids[i] -= ids[0]
	}
	return ids
}

func TestFaultsOfFrames(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	wantIDs := func(want ...int64) func(*testing.T, *seenFrames) {
		return func(t *testing.T, f *seenFrames) {
			got := f.ids(t)
			for i := range want {
				if i >= len(got) || got[i] != want[i] {
					t.Fatalf("ids %v, want %v", got, want)
				}
			}
		}
	}
	second := func(ok func(kind int, text string) bool) func(*testing.T, *seenFrames) {
		return func(t *testing.T, f *seenFrames) {
			if len(f.texts) < 3 || !ok(f.kinds[1], f.texts[1]) {
				t.Errorf("%d frames (%v), second %.200q", len(f.texts), f.ended, f.texts[min(1, len(f.texts))])
			}
		}
	}
	contains := func(part string) func(*testing.T, *seenFrames) {
		return second(func(_ int, text string) bool { return strings.Contains(text, part) && json.Valid([]byte(text)) })
	}
	ends := func(frames int, as func(error) bool) func(*testing.T, *seenFrames) {
		return func(t *testing.T, f *seenFrames) {
			if len(f.texts) != frames || !as(f.ended) {
				t.Errorf("%d frames, then %v", len(f.texts), f.ended)
			}
		}
	}
	for _, c := range []struct {
		fault Fault
		check func(*testing.T, *seenFrames)
	}{
		{Fault{Kind: FaultDrop, After: 3, Count: 2}, wantIDs(0, 1, 2, 5, 6)},
		{Fault{Kind: FaultDuplicate, After: 1}, wantIDs(0, 1, 1, 2)},
		{Fault{Kind: FaultReorder, After: 1}, wantIDs(0, 2, 1, 3)},
		{Fault{Kind: FaultDelay, After: 1, Duration: 50 * time.Millisecond}, wantIDs(0, 1, 2)},
		{Fault{Kind: FaultTruncate, After: 1}, second(func(_ int, text string) bool {
			return !json.Valid([]byte(text)) && strings.HasPrefix(text, `{"e":"aggTrade"`)
		})},
		{Fault{Kind: FaultBadNumber, After: 1}, contains(`"p":"12.3.4e"`)},
		{Fault{Kind: FaultZeroPrice, After: 1}, contains(`"p":"0.00000000"`)},
		{Fault{Kind: FaultWrongSymbol, After: 1}, contains(`"s":"WRONGUSDT"`)},
		{Fault{Kind: FaultBadTime, After: 1}, contains(`"T":9999999999999,`)},
		{Fault{Kind: FaultHuge, After: 1}, second(func(_ int, text string) bool { return len(text) > 655_350 && json.Valid([]byte(text)) })},
		{Fault{Kind: FaultBinary, After: 1}, second(func(kind int, _ string) bool { return kind == websocket.BinaryMessage })},
		{Fault{Kind: FaultRST, After: 2}, ends(2, func(err error) bool { return errors.Is(err, syscall.ECONNRESET) })},
		{Fault{Kind: FaultFIN, After: 2}, ends(2, func(err error) bool { return websocket.IsCloseError(err, websocket.CloseAbnormalClosure) })},
		{Fault{Kind: FaultShutdown, After: 2}, func(t *testing.T, f *seenFrames) {
			if len(f.texts) < 3 || !strings.HasPrefix(f.texts[2], `{"e":"serverShutdown"`) || !websocket.IsCloseError(f.ended, websocket.CloseGoingAway) {
				t.Errorf("frames %q, then %v", f.texts, f.ended)
			}
		}},
		{Fault{Kind: FaultDrop, Probability: 0.5, Seed: 3}, func(t *testing.T, f *seenFrames) {
			if got := f.ids(t); got[len(got)-1] < 8 {
				t.Errorf("ids %v: nothing is missing", got)
			}
		}},
	} {
		t.Run(string(c.fault.Kind), func(t *testing.T) {
			c.fault.Stream = "btcusdt@aggTrade"
			active := s.Inject(c.fault)
			defer active.Remove()
			conn := dial(t, s, "/ws/btcusdt@aggTrade")
			defer conn.Close()
			var seen seenFrames
			for len(seen.texts) < 8 {
				kind, data, err := conn.ReadMessage()
				if err != nil {
					seen.ended = err
					break
				}
				seen.kinds, seen.texts = append(seen.kinds, kind), append(seen.texts, string(data))
			}
			c.check(t, &seen)
			if active.Hits() == 0 {
				t.Error("no hit was counted")
			}
			s.awaitNoClients(t)
		})
	}
}

// awaitNoClients returns when the last connection's end is known, so that the next one is alone with its faults.
func (s *Server) awaitNoClients(t *testing.T) {
	t.Helper()
	s.cutAll()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		n := len(s.subs)
		s.mu.Unlock()
		if n == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("connections are still there")
		}
	}
}

func TestSilentConnectionStaysOpen(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.WebSocket.PingInterval = 10 * time.Millisecond; c.WebSocket.MaxInbound = 1000 })
	conn, other := dial(t, s, "/ws/btcusdt@aggTrade"), dial(t, s, "/ws/ethusdt@aggTrade")
	readText(t, conn)
	active := s.Inject(Fault{Kind: FaultSilence, Stream: "btcusdt@*"})
	if n := active.Hits(); n != 1 {
		t.Fatalf("%d connections hit, want 1", n)
	}
	for range 20 { // what was under way arrives
		readText(t, other)
	}
	pings := 0
	conn.SetPingHandler(func(string) error { pings++; return nil })
	frames := 0
	conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	var err error
	for err == nil {
		if _, _, err = conn.ReadMessage(); err == nil {
			frames++
		}
	}
	// What stood in the socket before the silence may still be read: far less than 300 ms of frames and 30 pings.
	var timeout interface{ Timeout() bool }
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("connection ended: %v", err)
	}
	readText(t, other)
	fresh := dial(t, s, "/ws/btcusdt@aggTrade")
	readText(t, fresh)
	t.Logf("%d frames and %d pings had been under way", frames, pings)
}

func TestAStopDoesNotWaitForADelayedFrame(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Market.Rate = 50
	s, err := New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	delayed := s.Inject(Fault{Kind: FaultDelay, Stream: "*", Duration: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	dial(t, s, "/ws/btcusdt@aggTrade")
	for delayed.Hits() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("Run waits for the delayed frame")
	}
}

func TestOutage(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := dial(t, s, "/ws/btcusdt@aggTrade")
	before := decode[recordedTrade](t, []byte(readText(t, conn)))
	s.Inject(Fault{Kind: FaultOutage, Duration: time.Second}) // in which some fifty trades are made
	down := time.Now().UnixMilli()
	var err error
	for err == nil {
		_, _, err = conn.ReadMessage()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("connection ended with %v", err)
	}
	refused := false
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		resp, err := http.Get(s.URL() + "/api/v3/ping")
		if err == nil {
			resp.Body.Close()
			break
		}
		refused = refused || errors.Is(err, syscall.ECONNREFUSED)
	}
	if !refused {
		t.Error("no connection was refused")
	}
	up := time.Now().UnixMilli()
	trades := getRows[recordedTrade](t, s, fmt.Sprintf("/api/v3/aggTrades?symbol=BTCUSDT&limit=1000&fromId=%d", before.AggID))
	if !slices.ContainsFunc(trades, func(tr recordedTrade) bool { return tr.TimeMs > down && tr.TimeMs < up }) {
		t.Errorf("no trade of %d from %d to %d: the market did not go on", len(trades), down, up)
	}
	readText(t, dial(t, s, "/ws/btcusdt@aggTrade")) // and is told of again
}

func TestFaultsOfAnswers(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const path = "/api/v3/aggTrades"
	const query = path + "?symbol=BTCUSDT&limit=20"
	for _, c := range []struct {
		fault  Fault
		status int
		part   string
	}{
		{Fault{Kind: FaultStatus, Status: 429, RetryAfter: 7}, 429, `{"code":-1003,`},
		{Fault{Kind: FaultStatus, Status: 418, RetryAfter: 120}, 418, `IP banned until`},
		{Fault{Kind: FaultStatus, Status: 403}, 403, `<html>`},
		{Fault{Kind: FaultStatus, Status: 503}, 503, `{"code":-1008,`},
		{Fault{Kind: FaultStatus, Status: 502}, 502, `<html>`},
		{Fault{Kind: FaultTombstone}, 200, `"p":"0","q":"0","f":-1,"l":-1,`},
		{Fault{Kind: FaultBadNumber}, 200, `"p":"12.3.4e"`},
		{Fault{Kind: FaultZeroPrice}, 200, `"p":"0.00000000"`},
		{Fault{Kind: FaultLag, Duration: 2 * time.Hour}, 200, `[]`},
		{Fault{Kind: FaultDelay, Duration: 10 * time.Millisecond}, 200, `"a":`},
		{Fault{Kind: FaultTruncate}, 200, `"a":`},
	} {
		c.fault.Path = path
		s.Inject(c.fault)
		get(t, s, "/api/v3/time") // another path is not hit
		body, resp := get(t, s, query)
		if resp.StatusCode != c.status || !strings.Contains(body, c.part) {
			t.Errorf("%+v: %s %.200s", c.fault, resp.Status, body)
		}
		if c.fault.RetryAfter > 0 && resp.Header.Get("Retry-After") == "" {
			t.Errorf("%+v: no Retry-After", c.fault)
		}
		if c.fault.Kind == FaultTruncate && json.Valid([]byte(body)) {
			t.Errorf("not truncated: %s", body)
		}
		getRows[recordedTrade](t, s, query) // once only
	}
	for _, kind := range []FaultKind{FaultRST, FaultFIN, FaultCut} {
		conn := dial(t, s, "/ws/x@y")
		s.Inject(Fault{Kind: kind, Path: path})
		resp, err := http.Post(s.URL()+query, "", nil) // never repeated by the client, and refused
		if err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
			t.Fatalf("POST: %v %v", resp, err)
		}
		resp.Body.Close()
		fresh := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // on a used connection the client would ask again
		resp, err = fresh.Get(s.URL() + query)
		if err == nil {
			var v any
			err = json.NewDecoder(resp.Body).Decode(&v)
			resp.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: the answer came", kind)
		}
		if kind == FaultCut {
			if _, _, err := conn.ReadMessage(); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("%s: stream ended with %v", kind, err)
			}
		}
		conn.Close()
	}
	s.Inject(Fault{Kind: FaultStatus, Path: "/stream", Status: 403})
	_, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.URL(), "http")+"/stream?streams=x@y", nil)
	if err == nil || resp.StatusCode != 403 {
		t.Errorf("handshake: %v", err)
	}
	dial(t, s, "/stream?streams=x@y")
}
