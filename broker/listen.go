package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/broker/reload"
)

// endpoint is one listener of clients.
type endpoint struct {
	name string // for a person
	*gatedListener
	secure *tls.Config // nil: not encrypted
	web    bool        // MQTT over WebSocket
}

func (t *TLS) configured() bool { return t.TCP != "" || t.WebSocket != "" }

// bind opens every listener of the configuration, or none.
func (b *Broker) bind() (err error) {
	defer func() {
		if err != nil {
			b.unbind()
		}
	}()
	var secure *tls.Config
	if t := &b.cfg.TLS; t.configured() {
		b.certificate, err = reload.New("TLS certificate", []string{t.Certificate, t.Key}, func() (*tls.Certificate, error) {
			c, err := tls.LoadX509KeyPair(t.Certificate, t.Key)
			return &c, err
		})
		if err != nil {
			return fmt.Errorf("tls: %w", err)
		}
		secure = &tls.Config{
			MinVersion:     tls.VersionTLS12,
			NextProtos:     []string{"http/1.1", "mqtt"}, // no HTTP/2: it has no upgrade to WebSocket that clients use
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return b.certificate.Get(), nil },
		}
	}
	proxies, err := parseNetworks(b.cfg.Proxies)
	if err != nil {
		return fmt.Errorf("proxies%w", err)
	}
	b.gate = newGate(&b.cfg)
	for _, want := range []struct {
		addr string
		endpoint
	}{
		{b.cfg.TCP, endpoint{name: "MQTT"}},
		{b.cfg.WebSocket, endpoint{name: "MQTT over WebSocket", web: true}},
		{b.cfg.TLS.TCP, endpoint{name: "MQTT over TLS", secure: secure}},
		{b.cfg.TLS.WebSocket, endpoint{name: "MQTT over secure WebSocket", secure: secure, web: true}},
	} {
		if want.addr == "" {
			continue
		}
		l, err := net.Listen("tcp", want.addr)
		if err != nil {
			return fmt.Errorf("listen for %s: %w", want.name, err)
		}
		e := want.endpoint
		e.gatedListener = &gatedListener{Listener: l, gate: b.gate, tune: b.tune, stats: &b.stats, proxies: proxies, headerTimeout: b.cfg.ConnectTimeout.D()}
		b.endpoints = append(b.endpoints, &e)
	}
	return nil
}

func (b *Broker) tune(c *net.TCPConn) {
	if err := tuneSocket(c, int(b.cfg.SendBuffer), int(b.cfg.UnsentLowWater), 3*b.cfg.WriteTimeout.D()); err != nil {
		b.log.Debug("socket options not set", "remote", c.RemoteAddr(), "error", err)
	}
}

// Addrs returns where the broker listens.
func (b *Broker) Addrs() (a Addrs) {
	for _, e := range b.endpoints {
		at := &a.TCP
		switch {
		case e.secure != nil && e.web:
			at = &a.SecureWebSocket
		case e.secure != nil:
			at = &a.TLS
		case e.web:
			at = &a.WebSocket
		}
		*at = e.Addr().String()
	}
	if b.admin != nil {
		a.Admin = b.admin.Addr()
	}
	return a
}

// accept takes clients in until ctx ends, and closes the listener; nil then.
func (b *Broker) accept(ctx context.Context, e *endpoint) error {
	if e.web {
		return b.acceptWeb(ctx, e)
	}
	const longestPause = time.Second
	pause := time.Duration(0)
	stop := context.AfterFunc(ctx, func() { _ = e.Close() })
	defer stop()
	for {
		s, err := e.next()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = s.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // out of file descriptors, or the client gave up: passes
			pause = min(max(2*pause, 5*time.Millisecond), longestPause)
			b.log.Warn("accept failed", "error", err, "retry_in", pause)
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			continue
		}
		pause = 0
		if b.enter() {
			go func() {
				defer b.serving.Done()
				b.welcome(ctx, s, e.secure)
			}()
		} else {
			_ = s.Close()
		}
	}
}

// welcome does what has to be done before a client's first byte of MQTT, and serves it.
func (b *Broker) welcome(ctx context.Context, s *socket, secure *tls.Config) {
	if c := b.prepare(ctx, s, secure); c != nil {
		b.serve(c, s.refuse)
	}
}

// prepare returns what to speak MQTT over; nil if there was no coming to it in time. Nothing of it is kept as long as the client stays.
func (b *Broker) prepare(ctx context.Context, s *socket, secure *tls.Config) net.Conn {
	ctx, cancel := context.WithTimeout(ctx, b.cfg.ConnectTimeout.D())
	defer cancel()
	release := context.AfterFunc(ctx, func() { _ = s.Close() })
	if !s.identify() {
		b.stats.disconnected(s.turnedAway())
		_ = s.Close()
		return nil
	}
	var c net.Conn = s
	if secure != nil {
		t := tls.Server(s, secure)
		if err := t.HandshakeContext(ctx); err != nil {
			b.log.Debug("TLS handshake failed", "remote", s.RemoteAddr(), "error", err)
			b.stats.disconnected("TLS handshake failed")
			_ = s.Close()
			return nil
		}
		c = t
	}
	if !release() {
		return nil
	}
	return c
}

func (b *Broker) acceptWeb(ctx context.Context, e *endpoint) error {
	web := webSocketServer(&b.cfg, func(c net.Conn, refuse packets.Code) { b.serve(c, refuse) }, b.stats.disconnected)
	web.ErrorLog = slog.NewLogLogger(b.log.Handler(), slog.LevelDebug)
	stop := context.AfterFunc(ctx, func() { _ = web.Close() })
	defer stop()
	var l net.Listener = e.gatedListener
	if e.secure != nil {
		l = tls.NewListener(l, e.secure)
	}
	if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (b *Broker) unbind() {
	for _, e := range b.endpoints {
		_ = e.Close()
	}
}
