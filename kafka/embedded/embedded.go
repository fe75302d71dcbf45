// Package embedded runs franz-go's kfake as the Kafka of the embedded form: the real protocol on a loopback port, with a data directory.
//
// Nothing may be compacted there and no transactions are used (kfake's compaction stops the server while it runs, and a kill in the middle of it loses a
// partition), and every topic is bounded by bytes, because each batch is read at the start; the catalogue's embedded form says so.
package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Config says where the embedded Kafka listens and keeps its logs.
type Config struct {
	Listen  string `yaml:"listen"`   // a loopback host:port; port 0 takes a free one
	DataDir string `yaml:"data_dir"` // empty: in memory
}

// DefaultConfig is the usual port and no folder.
func DefaultConfig() Config { return Config{Listen: "127.0.0.1:19092"} }

// Validate refuses an address that others could reach: this Kafka has no access control.
func (c Config) Validate() error {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("kafka.listen: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("kafka.listen: %s is no loopback address; the embedded Kafka has no access control", host)
	}
	return nil
}

// Kafka is a running embedded Kafka.
type Kafka struct {
	cluster *kfake.Cluster
	addr    string
}

// New starts the server: it listens and answers when New returns, and its data is loaded.
func New(cfg Config, log *slog.Logger) (*Kafka, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("embedded Kafka: %w", err)
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.Ports(l.Addr().(*net.TCPAddr).Port),
		kfake.ListenFn(func(_, _ string) (net.Listener, error) { return l, nil }),
		kfake.WithLogger(logger{log}),
	}
	if cfg.DataDir != "" {
		if err := os.MkdirAll(cfg.DataDir, 0o755); err != nil {
			l.Close()
			return nil, fmt.Errorf("embedded Kafka: data folder: %w", err)
		}
		opts = append(opts, kfake.DataDir(cfg.DataDir))
	}
	c, err := kfake.NewCluster(opts...)
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("embedded Kafka in %q: %w", cfg.DataDir, err)
	}
	c.ApplyRetention() // what expired while it was down is gone before anybody reads it
	return &Kafka{cluster: c, addr: l.Addr().String()}, nil
}

// Addr is the host:port for clients.
func (k *Kafka) Addr() string { return k.addr }

// retainEvery is how often what is beyond a topic's retention is removed. kfake does that by itself only once a topic was made or altered: not in a folder whose
// topics are all there, so after a restart never.
const retainEvery = 2 * time.Second

// Run removes what has expired until ctx ends and then closes the server; whoever writes to it must have flushed before.
func (k *Kafka) Run(ctx context.Context) error {
	tick := time.NewTicker(retainEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			k.cluster.Close()
			return nil
		case <-tick.C:
			k.cluster.ApplyRetention()
		}
	}
}

// logger passes kfake's warnings on.
type logger struct{ log *slog.Logger }

func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	if level != kfake.LogLevelError && level != kfake.LogLevelWarn {
		return
	}
	l.log.Warn("embedded Kafka: " + strings.TrimSpace(fmt.Sprintf(format, args...)))
}
