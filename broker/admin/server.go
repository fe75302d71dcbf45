package admin

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/tickcast/tickcast/httpport"
)

// Server is made by New and serves in Run.
type Server struct {
	cfg   Config
	edge  Edge
	log   *slog.Logger
	guard *guard
	audit *auditLog
	port  *httpport.Port

	refused refusals
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
	s := &Server{cfg: cfg, edge: edge, log: log, guard: newGuard(keys), refused: newRefusals()}
	if s.audit, err = openAudit(cfg.AuditFile, int64(cfg.AuditBytes)); err != nil {
		return nil, fmt.Errorf("admin.audit_file: %w", err)
	}
	if s.port, err = httpport.Listen(cfg.Listen, s.Handler(), log); err != nil {
		_ = s.audit.close() // nothing was recorded
		return nil, fmt.Errorf("admin.listen: %w", err)
	}
	if a, ok := s.port.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		log.Warn("the admin port is not on loopback: keys travel in the clear unless something in front speaks TLS", "listen", a)
	}
	return s, nil
}

// Handler is what the port serves.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", s.api())
	mux.Handle("GET /metrics", metricsHandler(s.edge, s.refused))
	httpport.Probes(mux, s.edge.Ready, "clients are not accepted")
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
func (s *Server) Addr() string { return s.port.Addr().String() }

// Run serves until ctx ends, and then lets calls under way finish for a moment.
func (s *Server) Run(ctx context.Context) error {
	defer func() {
		if err := s.audit.close(); err != nil {
			s.log.Error("what came of the last changes is not in the audit file", "error", err)
		}
	}()
	if err := s.port.Run(ctx, time.Second); err != nil {
		return fmt.Errorf("serve admin: %w", err)
	}
	return nil
}
