package stack

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// RolesConfig are the ports of Tickcast's own roles, of which ingest, engine and bridge open none, and how busy the simulated markets are.
type RolesConfig struct {
	Rate          float64 `yaml:"rate"` // trades a second of each contract
	PagePort      int     `yaml:"page_port"`
	MQTTPort      int     `yaml:"mqtt_port"`
	WebSocketPort int     `yaml:"websocket_port"`
	AdminPort     int     `yaml:"admin_port"`
	HistoryPort   int     `yaml:"history_port"`
	SimulatorPort int     `yaml:"simulator_port"`
}

const (
	partHistory   = "history"
	partValues    = "redis-values" // the role that fills Redis
	partEdge      = "edge"
	partBridge    = "bridge"
	partSimulator = "simulator"
	partEngine    = "engine"
	partIngest    = "ingest"
)

// bridgePassword is the variable with the password that the bridge shows the edge. It is new with each start of the stack, and in no file.
const bridgePassword = "TICKCAST_BRIDGE_PASSWORD"

// storePassword is the variable with the password of PostgreSQL.
const storePassword = "TICKCAST_STORE_PASSWORD"

// roles are Tickcast's own processes, in the order of starting: those that stand behind come first, the sources last, so that these stop first and what they wrote is carried to the end.
func (s *Stack) roles() ([]*part, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	secret := make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	r := &s.cfg.Roles
	page, history, simulator := "http://"+loopback(r.PagePort), "http://"+loopback(r.HistoryPort), "http://"+loopback(r.SimulatorPort)
	kafka := fmt.Sprintf("{brokers: %q}", s.kafkaAddr())
	file := func(name string) string { return filepath.Join(s.dataDir, name) }
	settles := func(begun func() time.Time) func(context.Context) error {
		return func(context.Context) error {
			if time.Since(begun()) < settle {
				return fmt.Errorf("has not run for %s yet", settle)
			}
			return nil
		}
	}
	var parts []*part
	for _, role := range []struct {
		name, command, addr string
		needs               []string
		config              string
		ready               string // URL that answers 200 when it is; empty: it opens no port, and is when it has run for a moment
	}{
		{partHistory, "history", history, []string{partTopics, partPostgres},
			fmt.Sprintf("http: {listen: %q}\nstore: {kafka: %s, postgres: {url: %q, password_env: %s}}\nhistory: {kafka: %s}\n", loopback(r.HistoryPort), kafka,
				"postgres://"+databaseName+"@"+loopback(s.cfg.Postgres.Port)+"/"+databaseName+"?sslmode=disable", storePassword, kafka), history + "/health/ready"},
		{partValues, "redis", "", []string{partTopics, partRedis}, fmt.Sprintf("redis: {kafka: %s, address: %q}\n", kafka, loopback(s.cfg.Redis.Port)), ""},
		{partEdge, "broker", page, nil,
			fmt.Sprintf("http: {listen: %q}\napi: %q\nbroker:\n  tcp: %q\n  websocket: %q\n  await_publisher: true\n  publishers: [{user: bridge, password_env: %s}]\n  admin: {listen: %q}\n",
				loopback(r.PagePort), history, loopback(r.MQTTPort), loopback(r.WebSocketPort), bridgePassword, loopback(r.AdminPort)), page + "/health/live"},
		{partBridge, "bridge", "", []string{partTopics, partEdge},
			fmt.Sprintf("bridge:\n  kafka: %s\n  remote: {url: %q, username: bridge, password_env: %s}\n", kafka, "mqtt://"+loopback(r.MQTTPort), bridgePassword), page + "/health/ready"},
		{partSimulator, "simexchange", simulator, nil,
			fmt.Sprintf("simulator: {listen: %q, data_dir: %q, market: {seed: 1, rate: %g}}\n", loopback(r.SimulatorPort), file("simulator"), r.Rate), simulator + "/api/v3/ping"},
		{partEngine, "engine", "", []string{partTopics},
			fmt.Sprintf("kafka: %s\nengine:\n  data_dir: %q\n  markets: {BTC-PERP: {price: \"65000\", qty: \"0.05\", rate: %g, seed: 1}}\n", kafka, file("engine"), r.Rate), ""},
		{partIngest, "ingest", "", []string{partTopics, partSimulator},
			fmt.Sprintf("kafka: %s\ningest: {venue: binance, simulated: true, binance: {rest_url: %q, ws_url: %q}}\n", kafka, simulator, "ws://"+loopback(r.SimulatorPort)), ""},
	} {
		var begun time.Time
		p := program{name: role.name, addr: role.addr, needs: role.needs, stop: syscall.SIGTERM, patience: 20 * time.Second,
			command: func() (*exec.Cmd, error) {
				path := filepath.Join(s.dataDir, "roles", role.name+".yaml")
				if err := writeFiles(map[string]string{path: role.config}); err != nil {
					return nil, err
				}
				store, err := os.ReadFile(s.postgresSecret())
				if err != nil && role.name == partHistory {
					return nil, err
				}
				begun = time.Now()
				cmd := exec.Command(binary, role.command, "-c", path)
				cmd.Env = append(os.Environ(), bridgePassword+"="+hex.EncodeToString(secret), storePassword+"="+strings.TrimSpace(string(store)))
				return cmd, nil
			},
			check: settles(func() time.Time { return begun }),
		}
		if role.ready != "" {
			p.check = func(ctx context.Context) error { return askHTTP(ctx, role.ready) }
		}
		parts = append(parts, s.part(p))
	}
	return parts, nil
}

// settle is how long a role that opens no port must have run to be taken for ready: what is wrong with its configuration or with Kafka ends it sooner.
const settle = 2 * time.Second

func askHTTP(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	return nil
}
