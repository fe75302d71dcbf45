package binance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	binance "github.com/adshao/go-binance/v2"
	"github.com/gorilla/websocket"

	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/ingest/feed"
)

// link is one connection. Its goroutine reads frames and hands them on without ever waiting: a reader that waits delays pongs and is disconnected.
type link struct {
	id      int64
	group   *group
	symbols []string
	conn    *websocket.Conn
	born    time.Time
	frame   atomic.Int64 // age at which the last frame came, ns: by the monotonic clock, a step of the wall clock is no silence

	delivering chan struct{} // closed with the first frame
	shutdown   chan struct{} // receives when the server says that it will close
	done       chan struct{} // closed when the goroutine has ended and EventDown was announced
	once       sync.Once
	reason     atomic.Pointer[string]
}

// A frame above hardLimit times MaxFrame ends the connection: even to pass over it takes too long.
const hardLimit = 64

func (l *link) age() time.Duration    { return time.Since(l.born) }
func (l *link) silent() time.Duration { return l.age() - time.Duration(l.frame.Load()) }

// dial connects and starts the reader. go-binance's dialer takes no context: if ctx ends first, a dial under way is closed when it is through (45 s at most).
func dial(ctx context.Context, g *group) (*link, error) {
	symbols := g.wanted()
	streams := make([]string, 0, 2*len(symbols))
	for _, s := range symbols {
		s = strings.ToLower(s)
		streams = append(streams, s+g.stream, s+witnessStream)
	}
	endpoint := strings.TrimRight(g.src.cfg.WsURL, "/") + "/stream?streams=" + strings.Join(streams, "/")
	type result struct {
		conn *websocket.Conn
		err  error
	}
	dialled := make(chan result, 1)
	go func() {
		c, err := binance.WsGetReadWriteConnection(&binance.WsConfig{Endpoint: endpoint})
		dialled <- result{c, err}
	}()
	select {
	case <-ctx.Done():
		go func() {
			if r := <-dialled; r.conn != nil {
				_ = r.conn.Close()
			}
		}()
		return nil, fmt.Errorf("dial %s: %w", g.src.cfg.WsURL, ctx.Err())
	case r := <-dialled:
		if r.err != nil {
			return nil, fmt.Errorf("dial %s: %w", g.src.cfg.WsURL, r.err)
		}
		l := &link{id: g.src.connIDs.Add(1), group: g, symbols: symbols, conn: r.conn, born: time.Now(),
			delivering: make(chan struct{}), shutdown: make(chan struct{}, 1), done: make(chan struct{})}
		r.conn.SetReadLimit(int64(g.src.cfg.MaxFrame) * hardLimit)
		go l.run()
		return l, nil
	}
}

// stop ends the connection; done tells when the reader is through.
func (l *link) stop(reason string) {
	l.reason.CompareAndSwap(nil, &reason)
	l.once.Do(func() { _ = l.conn.Close() })
}

func (l *link) run() {
	defer close(l.done)
	l.announce(EventUp, "")
	err := l.read()
	l.stop(err.Error())
	l.group.src.log.Info("connection ended", "venue", "binance", "conn", l.id, "reason", *l.reason.Load())
	l.announce(EventDown, *l.reason.Load())
}

func (l *link) announce(kind EventKind, detail string) {
	now := time.Now().UnixMilli()
	for _, s := range l.symbols {
		l.group.sink.Announce(Event{Kind: kind, Input: l.group.input, Symbol: s, Conn: l.id, ReceivedMs: now, Detail: detail})
	}
}

// read takes frames until the connection ends.
func (l *link) read() error {
	var buf bytes.Buffer
	delivered := false
	for {
		kind, r, err := l.conn.NextReader()
		if err != nil {
			return err
		}
		buf.Reset()
		if _, err := buf.ReadFrom(io.LimitReader(r, int64(l.group.src.cfg.MaxFrame)+1)); err != nil {
			return err
		}
		now := time.Now().UnixMilli()
		l.frame.Store(int64(l.age()))
		l.group.src.stats.Frames.Add(1)
		if !l.take(kind, bytes.Clone(buf.Bytes()), now) {
			l.group.src.stats.Overflows.Add(1)
			return errors.New("a queue is full: the connection is given up, and what is lost with it is fetched")
		}
		if !delivered {
			delivered = true
			close(l.delivering)
		}
	}
}

// control is what frames that are no market data begin with. E must be named too: encoding/json would put it into the field of e, whatever its case.
type control struct {
	Event string          `json:"e"`
	Time  json.RawMessage `json:"E"`
}

// envelope is a frame of a combined stream, or a control frame without an envelope.
type envelope struct {
	Stream string          `json:"stream"`
	Data   json.RawMessage `json:"data"`
	ID     json.RawMessage `json:"id"`
	control
}

// take decodes a frame and hands it on; false when there is no room. What panics is quarantined: outside data must not end the process.
func (l *link) take(kind int, raw []byte, now int64) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			l.group.src.stats.Panics.Add(1)
			l.group.src.log.Error("a frame caused a panic", "venue", "binance", "conn", l.id, "panic", p, "stack", string(debug.Stack()))
			ok = l.malformed("", "", core.ReasonPanic, fmt.Sprint(p), raw, now)
		}
	}()
	switch {
	case len(raw) > l.group.src.cfg.MaxFrame:
		return l.malformed("", "", core.ReasonTooBig, fmt.Sprintf("more than %d bytes", l.group.src.cfg.MaxFrame), raw, now)
	case kind != websocket.TextMessage:
		return l.malformed("", "", core.ReasonNonText, "binary frame", raw, now)
	}
	var env envelope
	if err := json.Unmarshal(raw, &env); err != nil {
		return l.malformed("", "", core.ReasonBadJSON, err.Error(), raw, now)
	}
	name, tag, _ := strings.Cut(env.Stream, "@")
	symbol := strings.ToUpper(name)
	var known bool
	switch stream := "@" + tag; {
	case stream == l.group.stream && l.group.input == core.Trades:
		ok, known = l.trade(symbol, &env, raw, now)
	case stream == l.group.stream:
		ok, known = l.diff(symbol, &env, raw, now)
	case stream == witnessStream:
		ok, known = l.kline(symbol, &env, raw, now)
	default:
		var e control
		if len(env.Data) > 0 && json.Unmarshal(env.Data, &e) == nil {
			env.Event = e.Event
		}
	}
	if known {
		return ok
	}
	switch {
	case env.Event == "serverShutdown":
		select {
		case l.shutdown <- struct{}{}:
		default:
		}
		return true
	case env.Stream == "" && len(env.ID) > 0:
		return true // an answer to a command; we send none
	}
	return l.malformed(symbol, env.Stream, core.ReasonUnknownEvent, fmt.Sprintf("event %.40q", env.Event), raw, now)
}

func (l *link) malformed(symbol, stream, reason, detail string, raw []byte, now int64) bool {
	return l.group.sink.Deliver(Event{Kind: EventMalformed, Input: l.group.input, Symbol: symbol, Conn: l.id, ReceivedMs: now, Channel: stream, Reason: reason, Detail: detail,
		Trade: feed.RawTrade{Raw: raw}})
}
