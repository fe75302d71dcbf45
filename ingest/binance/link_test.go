package binance

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/ingest/depth"
	"github.com/tickcast/tickcast/ingest/feed"
)

type events struct {
	got  []Event
	room bool
}

func (s *events) Deliver(e Event) bool {
	if e.Trade.Price == "panic" {
		panic("a handler that fails")
	}
	s.got = append(s.got, e)
	return s.room
}

func (s *events) Announce(Event) {}

// TestFramesBecomeEvents decodes frames as Binance's documents show them (web-socket-streams.md), and such as nobody should send.
func TestFramesBecomeEvents(t *testing.T) {
	t.Parallel()
	const agg = `{"e":"aggTrade","E":1577977823306,"s":"BTCUSDT","a":202790190,"p":"7139.89000000","q":"0.06702300","f":222825297,"l":222825298,"T":1577977823305,"m":true,"M":true}`
	const kline = `{"e":"kline","E":1577977824002,"s":"BTCUSDT","k":{"t":1577977823000,"T":1577977823999,"s":"BTCUSDT","i":"1s","f":-1,"L":-1,"o":"7139.89","c":"7139.89","h":"7139.89","l":"7139.89","v":"0","n":0,"x":true,"q":"0","V":"0","Q":"0","B":"0"}}`
	const diff = `{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":50093239189,"u":50093239202,"b":[["61737.63000000","0.00000000"]],"a":[["61837.64000000","1.54698000"],["61839.85000000","0.10000000"]]}`
	wrap := func(stream, data string) string { return `{"stream":"` + stream + `","data":` + data + `}` }
	for _, c := range []struct {
		name, frame string
		binary      bool
		reason      string // of quarantine
		kind        EventKind
		shutdown    bool
		none        bool
		books       bool // on a connection of order books
	}{
		{name: "trade", frame: wrap("btcusdt@aggTrade", agg), kind: EventTrade},
		{name: "kline", frame: wrap("btcusdt@kline_1s", kline), kind: EventWitness},
		{name: "shutdown of a combined stream", frame: `{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}`, shutdown: true, none: true},
		{name: "shutdown of a raw stream", frame: `{"e":"serverShutdown","E":1770123456789}`, shutdown: true, none: true},
		{name: "shutdown in a stream's place", frame: wrap("btcusdt@aggTrade", `{"e":"serverShutdown","E":1770123456789}`), shutdown: true, none: true},
		{name: "answer to a command", frame: `{"result":null,"id":1}`, none: true},
		{name: "truncated", frame: wrap("btcusdt@aggTrade", agg)[:90], kind: EventMalformed, reason: core.ReasonBadJSON},
		{name: "number for text", frame: wrap("btcusdt@aggTrade", strings.Replace(agg, `"7139.89000000"`, `7139.89`, 1)), kind: EventMalformed, reason: core.ReasonBadJSON},
		{name: "no event", frame: wrap("btcusdt@aggTrade", `{}`), kind: EventMalformed, reason: core.ReasonUnknownEvent},
		{name: "null", frame: `null`, kind: EventMalformed, reason: core.ReasonUnknownEvent},
		{name: "data is null", frame: wrap("btcusdt@kline_1s", `null`), kind: EventMalformed, reason: core.ReasonUnknownEvent},
		{name: "diff", books: true, frame: wrap("btcusdt@depth@100ms", diff), kind: EventDiff},
		{name: "kline beside diffs", books: true, frame: wrap("btcusdt@kline_1s", kline), kind: EventWitness},
		{name: "diff with numbers for text", books: true, frame: wrap("btcusdt@depth@100ms", strings.Replace(diff, `"1.54698000"`, `1.54698`, 1)), kind: EventMalformed, reason: core.ReasonBadJSON},
		{name: "diff with an id that is no integer", books: true, frame: wrap("btcusdt@depth@100ms", strings.Replace(diff, `50093239202`, `5009323920.2`, 1)), kind: EventMalformed, reason: core.ReasonBadJSON},
		{name: "shutdown in a diff's place", books: true, frame: wrap("btcusdt@depth@100ms", `{"e":"serverShutdown","E":1770123456789}`), shutdown: true, none: true},
		{name: "trade on a connection of order books", books: true, frame: wrap("btcusdt@aggTrade", agg), kind: EventMalformed, reason: core.ReasonUnknownEvent},
		{name: "diff on a connection of trades", frame: wrap("btcusdt@depth@100ms", diff), kind: EventMalformed, reason: core.ReasonUnknownEvent},
		{name: "another stream", frame: wrap("btcusdt@depth", `{"e":"depthUpdate"}`), kind: EventMalformed, reason: core.ReasonUnknownEvent},
		{name: "kline of another symbol", frame: wrap("btcusdt@kline_1s", strings.ReplaceAll(kline, "BTCUSDT", "ETHUSDT")), kind: EventMalformed, reason: core.ReasonSymbol},
		{name: "kline of a minute", frame: wrap("btcusdt@kline_1s", strings.Replace(kline, `"1s"`, `"1m"`, 1)), kind: EventMalformed, reason: core.ReasonBadKline},
		{name: "binary", frame: wrap("btcusdt@aggTrade", agg), binary: true, kind: EventMalformed, reason: core.ReasonNonText},
		{name: "too big", frame: wrap("btcusdt@aggTrade", agg[:len(agg)-1]+`,"pad":"`+strings.Repeat("x", 4096)+`"}`), kind: EventMalformed, reason: core.ReasonTooBig},
		{name: "a panic", frame: wrap("btcusdt@aggTrade", strings.Replace(agg, "7139.89000000", "panic", 1)), kind: EventMalformed, reason: core.ReasonPanic},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sink := &events{room: true}
			cfg := DefaultConfig()
			cfg.MaxFrame = 2048
			src, err := New(cfg, []string{"BTCUSDT"}, []string{"BTCUSDT"}, sink, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			group, input := src.groups[0], core.Trades
			if c.books {
				group, input = src.groups[1], core.Books
			}
			l := &link{id: 7, group: group, shutdown: make(chan struct{}, 1)}
			kind := websocket.TextMessage
			if c.binary {
				kind = websocket.BinaryMessage
			}
			if !l.take(kind, []byte(c.frame), 1) {
				t.Error("no room, though there is")
			}
			if got := len(l.shutdown) == 1; got != c.shutdown {
				t.Errorf("shutdown noticed: %t", got)
			}
			if c.none {
				if len(sink.got) != 0 {
					t.Errorf("events: %+v", sink.got)
				}
				return
			}
			if len(sink.got) != 1 || sink.got[0].Kind != c.kind || sink.got[0].Reason != c.reason || sink.got[0].Conn != 7 || sink.got[0].Input != input {
				t.Fatalf("events: %+v", sink.got)
			}
			raw := sink.got[0].Trade.Raw
			if d := sink.got[0].Diff; d != nil {
				raw = d.Raw
			}
			if string(raw) != c.frame {
				t.Errorf("the frame's bytes are not kept: %q", raw)
			}
			switch e := sink.got[0]; c.kind {
			case EventTrade:
				want := feed.RawTrade{Symbol: "BTCUSDT", AggID: 202790190, FirstID: 222825297, LastID: 222825298, TradeMs: 1577977823305, EventMs: 1577977823306, Price: "7139.89000000", Qty: "0.06702300", BuyerMaker: true}
				e.Trade.Raw = nil
				if e.Trade.Symbol != want.Symbol || e.Trade.AggID != want.AggID || e.Trade.FirstID != want.FirstID || e.Trade.LastID != want.LastID ||
					e.Trade.TradeMs != want.TradeMs || e.Trade.EventMs != want.EventMs || e.Trade.Price != want.Price || e.Trade.Qty != want.Qty || !e.Trade.BuyerMaker {
					t.Errorf("trade %+v, want %+v", e.Trade, want)
				}
			case EventDiff:
				want := depth.RawDiff{Symbol: "BTCUSDT", EventMs: 1723161255208, FirstID: 50093239189, LastID: 50093239202, Raw: []byte(c.frame),
					Bids: [][2]string{{"61737.63000000", "0.00000000"}}, Asks: [][2]string{{"61837.64000000", "1.54698000"}, {"61839.85000000", "0.10000000"}}}
				if !reflect.DeepEqual(*e.Diff, want) {
					t.Errorf("diff %+v, want %+v", *e.Diff, want)
				}
			case EventWitness:
				if want := (feed.Witness{OpenMs: 1577977823000, CloseMs: 1577977823999, EventMs: 1577977824002, LastID: -1, Closed: true}); e.Witness != want {
					t.Errorf("witness %+v, want %+v", e.Witness, want)
				}
			}
		})
	}
}

func TestADialThatIsNotAnsweredIsGivenUp(t *testing.T) {
	t.Parallel()
	mute, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes connections, nobody answers the handshake
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	cfg := DefaultConfig()
	cfg.WsURL, cfg.FirstFrame = "ws://"+mute.Addr().String(), 50*time.Millisecond
	src, err := New(cfg, []string{"BTCUSDT"}, nil, &events{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := src.groups[0].dial(ctx); !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		t.Errorf("dial: %v", err)
	}
}

func TestBackoffIsJitteredAndBounded(t *testing.T) {
	t.Parallel()
	src, err := New(DefaultConfig(), []string{"BTCUSDT"}, nil, &events{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for n, top := range map[int]time.Duration{0: time.Second, 3: 8 * time.Second, 5: 32 * time.Second, 60: 32 * time.Second} {
		var most time.Duration
		for range 1000 {
			d := src.groups[0].backoff(n)
			if d <= 0 || d > top {
				t.Fatalf("failure %d: waits %s, want at most %s", n, d, top)
			}
			most = max(most, d)
		}
		if most < top*9/10 {
			t.Errorf("failure %d: never above %s of %s", n, most, top)
		}
	}
}
