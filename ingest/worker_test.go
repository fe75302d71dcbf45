package ingest

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/tickcast/tickcast/ingest/binance"
	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/ingest/feed"
	"github.com/tickcast/tickcast/market"
)

// TestAFetchThatTakesTooLongIsAnswered: a feed that waits for an answer asks for nothing else, for ever.
func TestAFetchThatTakesTooLongIsAnswered(t *testing.T) {
	t.Parallel()
	released := make(chan struct{})
	exchange := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-released:
		case <-r.Context().Done():
		}
	}))
	defer exchange.Close()
	defer close(released)
	cfg := DefaultConfig()
	cfg.Binance.RestURL, cfg.Binance.WsURL, cfg.Simulated = exchange.URL, "ws://127.0.0.1:1", true
	src, err := binance.New(cfg.Binance, []string{"BTCUSDT"}, nil, newRouter(&cfg, nil, nil, slog.New(slog.DiscardHandler)), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Binance.RestTimeout = 2 * time.Millisecond // the whole fetch's share; the client's own limit stays at ten seconds
	w := newWorker(&cfg, core.Trades, market.Contract{ID: "BTCUSDT", Symbol: "BTCUSDT"}, nil, nil, nil, slog.New(slog.DiscardHandler))
	for i := range 20 {
		var a feed.Answer
		w.fetch(t.Context(), func(ctx context.Context) func(int64) {
			a = src.Fetch(ctx, "BTCUSDT", feed.Request{Serial: int64(i), Kind: feed.FetchFrom, Rows: 1})
			return func(int64) {}
		})
		select {
		case <-w.answers:
			if a.Serial != int64(i) || a.Err == nil {
				t.Errorf("answer %+v to request %d", a, i)
			}
		default:
			t.Fatalf("request %d has no answer", i)
		}
	}
}

// statuses keeps what is reported.
type statuses struct {
	mu  sync.Mutex
	all []market.Status
}

func (s *statuses) Status(st market.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, st)
}

type emptyLog struct{ Log }

func (emptyLog) Tail(context.Context, Input, *market.Contract) (Tail, error) {
	return Tail{Writer: 1}, nil
}
func (emptyLog) Append(context.Context, Input, market.Record) error { return nil }

// TestAnOrderlyStopIsNoOutage: at a stop the connections end too, and what they say of it may be taken before the stop is noticed.
func TestAnOrderlyStopIsNoOutage(t *testing.T) {
	t.Parallel()
	for range 200 {
		var said statuses
		cfg := DefaultConfig()
		logger := slog.New(slog.DiscardHandler)
		r := newRouter(&cfg, emptyLog{}, &said, logger)
		w := newWorker(&cfg, core.Trades, market.Contract{ID: "BTCUSDT", Symbol: "BTCUSDT"}, emptyLog{}, &said, nil, logger)
		r.add(w, "BTCUSDT")
		ctx, stop := context.WithCancel(t.Context())
		for _, k := range []binance.EventKind{binance.EventUp, binance.EventDown} {
			r.Announce(binance.Event{Kind: k, Input: core.Trades, Symbol: "BTCUSDT", Conn: 1, Detail: "stopped"})
		}
		stop()
		if err := w.run(ctx, nil); err != nil {
			t.Fatal(err)
		}
		if err := r.run(ctx); err != nil {
			t.Fatal(err)
		}
		if len(said.all) > 0 {
			t.Fatalf("a stop was reported: %s", said.all[0].AppendJSON(nil))
		}
	}
}
