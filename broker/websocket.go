package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/mochi-mqtt/server/v2/packets"
)

// subprotocol is what a client must offer [MQTT 5, 6.0].
const subprotocol = "mqtt"

type socketKey struct{} // of the socket in a request's context

// webSocketServer upgrades requests and gives each connection to serve, in a goroutine of its own.
func webSocketServer(cfg *Config, serve func(net.Conn, packets.Code), disconnected func(reason string)) *http.Server {
	up := websocket.Upgrader{
		HandshakeTimeout: cfg.ConnectTimeout.D(),
		ReadBufferSize:   128, // each connection keeps it; our reader has a larger one while there is something to read
		WriteBufferSize:  int(cfg.BatchBytes) + 64,
		WriteBufferPool:  &sync.Pool{},
		Subprotocols:     []string{subprotocol},
		CheckOrigin: func(r *http.Request) bool {
			origin := r.Header.Get("Origin")
			return origin == "" || len(cfg.AllowedOrigins) == 0 || slices.Contains(cfg.AllowedOrigins, origin)
		},
	}
	mux := http.NewServeMux()
	mux.HandleFunc(cfg.WebSocketPath, func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(websocket.Subprotocols(r), subprotocol) {
			http.Error(w, "MQTT over WebSocket: the subprotocol mqtt is required", http.StatusBadRequest)
			return
		}
		ws, err := up.Upgrade(w, r, nil)
		if err != nil {
			return // answered by the upgrader
		}
		s := r.Context().Value(socketKey{}).(*socket)
		if !s.identify() {
			disconnected(s.turnedAway())
			_ = ws.Close()
			return
		}
		go serve(&webSocketConn{Conn: ws}, s.refuse) // not here: the request's goroutine and buffers are several times what a client needs
	})
	return &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: cfg.ConnectTimeout.D(),
		IdleTimeout:       cfg.ConnectTimeout.D(),
		MaxHeaderBytes:    16 << 10,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if t, ok := c.(*tls.Conn); ok {
				c = t.NetConn()
			}
			return context.WithValue(ctx, socketKey{}, c)
		},
	}
}

// webSocketConn is a net.Conn over binary messages. One write is one message, which may hold many MQTT packets; packets that come in may be cut anywhere.
type webSocketConn struct {
	*websocket.Conn
	message io.Reader // the one being read, nil between two
}

var errNotBinary = errors.New("MQTT over WebSocket: only binary messages") // [MQTT 5, 6.0.0-1]

// Read implements net.Conn.
func (w *webSocketConn) Read(p []byte) (int, error) {
	for {
		if w.message == nil {
			kind, r, err := w.NextReader()
			if err != nil {
				return 0, err
			}
			if kind != websocket.BinaryMessage {
				return 0, errNotBinary
			}
			w.message = r
		}
		n, err := w.message.Read(p)
		if errors.Is(err, io.EOF) {
			w.message, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// answerWith has PONG and close frames go the way of all other bytes: gorilla would write them between two halves of a batch.
func (w *webSocketConn) answerWith(send func(frame []byte)) {
	w.SetPingHandler(func(data string) error {
		send(controlFrame(wsPong, data))
		return nil
	})
	w.SetCloseHandler(func(int, string) error { return nil }) // Read ends with it, and then the connection does, with a close frame
}

// SetDeadline implements net.Conn.
func (w *webSocketConn) SetDeadline(t time.Time) error { return w.SetReadDeadline(t) }

// Write implements net.Conn, for the client's side: what a conn sends goes to the socket below.
func (w *webSocketConn) Write(p []byte) (int, error) {
	if err := w.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}
