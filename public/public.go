// Package public is the public HTTP port: the page, and whether this process is alive and ready.
package public

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/tickcast/tickcast/httpport"
)

// Config of the public HTTP port.
type Config struct {
	Listen string `yaml:"listen"` // host:port; port 0 takes a free one
}

// DefaultConfig listens on 8080.
func DefaultConfig() Config { return Config{Listen: ":8080"} }

// Validate names the key that is wrong.
func (c Config) Validate() error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("http.listen: %w", err)
	}
	return nil
}

// Server is made by New and serves in Run.
type Server struct{ port *httpport.Port }

// New binds the port. Requests are answered by page; ready says whether clients get complete data.
func New(cfg Config, page http.Handler, ready func() bool, log *slog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", page)
	httpport.Probes(mux, ready, "loading the newest state")
	port, err := httpport.Listen(cfg.Listen, mux, log)
	if err != nil {
		return nil, fmt.Errorf("http.listen: %w", err)
	}
	return &Server{port}, nil
}

// Addr is the host:port that the server listens on.
func (s *Server) Addr() string { return s.port.Addr().String() }

// Run serves until ctx ends, and then lets requests under way finish for a moment.
func (s *Server) Run(ctx context.Context) error {
	if err := s.port.Run(ctx, 2*time.Second); err != nil {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return nil
}
