package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Server is made by New and serves in Run.
type Server struct {
	cfg   Config
	edge  Edge
	log   *slog.Logger
	guard *guard
	audit *auditLog
	l     net.Listener
	http  *http.Server
}

// New reads the keys, opens the audit and binds the port.
func New(cfg Config, edge Edge, log *slog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	keys, err := newKeyring(cfg.KeysFile, log)
	if err != nil {
		return nil, fmt.Errorf("admin.keys_file: %w", err)
	}
	s := &Server{cfg: cfg, edge: edge, log: log, guard: newGuard(keys)}
	if s.audit, err = openAudit(cfg.AuditFile, int64(cfg.AuditBytes)); err != nil {
		return nil, fmt.Errorf("admin.audit_file: %w", err)
	}
	if s.l, err = net.Listen("tcp", cfg.Listen); err != nil {
		s.audit.close()
		return nil, fmt.Errorf("admin.listen: %w", err)
	}
	if a, ok := s.l.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		log.Warn("the admin port is not on loopback: keys travel in the clear unless something in front speaks TLS", "listen", a)
	}
	s.http = &http.Server{Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	return s, nil
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", s.api())
	mux.Handle("GET /metrics", metricsHandler(s.edge))
	mux.HandleFunc("GET /health/live", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "live") })
	mux.HandleFunc("GET /health/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !s.edge.Ready() {
			http.Error(w, "clients are not accepted", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.HandleFunc("GET /api/v1/openapi.yaml", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = w.Write(OpenAPI) // a caller that is gone needs no answer
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header() // no CORS header: a page of another origin reads nothing here
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}

// Addr is the host:port that the server listens on.
func (s *Server) Addr() string { return s.l.Addr().String() }

// Run serves until ctx ends, and then lets calls under way finish for a moment.
func (s *Server) Run(ctx context.Context) error {
	defer s.audit.close()
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(s.l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve admin: %w", err)
	case <-ctx.Done():
	}
	bye, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.http.Shutdown(bye); err != nil {
		s.http.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve admin: %w", err)
	}
	return nil
}
