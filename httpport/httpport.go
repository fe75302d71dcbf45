// Package httpport is an HTTP port of a process: its listener and bounds, the probes of its health, and how it stops.
package httpport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Port is made by Listen and serves in Run.
type Port struct {
	l   net.Listener
	srv *http.Server
}

// Listen binds an address, host:port.
func Listen(addr string, h http.Handler, log *slog.Logger) (*Port, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &Port{l: l, srv: &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}}, nil
}

// Addr is what the port listens on.
func (p *Port) Addr() net.Addr { return p.l.Addr() }

// Run serves until ctx ends, and then lets requests under way finish for a moment.
func (p *Port) Run(ctx context.Context, moment time.Duration) error {
	failed := make(chan error, 1)
	go func() { failed <- p.srv.Serve(p.l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	bye, cancel := context.WithTimeout(context.Background(), moment)
	defer cancel()
	if err := p.srv.Shutdown(bye); err != nil {
		p.srv.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Probes adds GET /health/live and /health/ready; until ready says so, the latter answers 503 and why.
func Probes(mux *http.ServeMux, ready func() bool, why string) {
	mux.HandleFunc("GET /health/live", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "live") })
	mux.HandleFunc("GET /health/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !ready() {
			http.Error(w, why, http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
}
