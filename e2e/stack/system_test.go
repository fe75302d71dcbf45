package stack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tickcast/tickcast/e2e/rig"
	"github.com/tickcast/tickcast/e2e/stack/stackcheck"
	"github.com/tickcast/tickcast/kafka"
)

// patience is for what takes a moment; generous, since everything runs on one machine.
const patience = 60 * time.Second

var made atomic.Int64

// own is an id that no other contract has, also not one of an earlier run on the same servers: BTCUSDT becomes BTCUSDT-T0K3X1.
func own(symbol string) string {
	return symbol + "-" + strings.ToUpper(strconv.FormatInt(time.Now().Unix(), 36)+strconv.FormatInt(made.Add(1), 36))
}

// system is a test's own way from an exchange to a client over the servers: simulator, ingest, bridge and edge, each a process.
type system struct {
	t         *testing.T
	set       *servers
	brokers   string
	contracts string // path of the catalogue
	exchange  string // URL of the simulator
	mqtt      string // URL of the edge

	simulator, ingest, edge, bridge *rig.Process
}

// newSystem runs all roles but ingest. contracts are entries of contracts.yaml; simulator is more lines of that section, indented by two.
func newSystem(t *testing.T, contracts []string, simulator string) *system {
	t.Helper()
	m := &system{t: t, set: need(t)}
	m.brokers = m.address("kafka")
	m.contracts = rig.WriteFile(t, "contracts.yaml", "contracts:\n  - "+strings.Join(contracts, "\n  - ")+"\n")
	m.simulator = m.role("simexchange", "simulator:\n  listen: 127.0.0.1:0\n"+simulator)
	m.exchange = m.simulator.Find(`url=(http://\S+)`)[1]
	m.edge = m.role("broker", `broker: {tcp: "127.0.0.1:0", websocket: "127.0.0.1:0", admin: {listen: "127.0.0.1:0"}, await_publisher: true, publishers: [{user: bridge, password_env: TICKCAST_BRIDGE_PASSWORD}]}`)
	m.mqtt = "mqtt://" + m.edge.Find(`msg=edge role=broker mqtt=(\S+)`)[1]
	m.bridge = m.role("bridge", fmt.Sprintf("bridge: {kafka: {brokers: %q}, remote: {url: %q, username: bridge, password_env: TICKCAST_BRIDGE_PASSWORD}}", m.brokers, m.mqtt))
	m.bridge.Find("connected to the edge")
	m.bridge.Find("bridge is ready")
	return m
}

// startIngest starts the source. more are lines of its section, indented by two, binance those of the section binance in it.
func (m *system) startIngest(more, binance string) {
	m.t.Helper()
	m.ingest = m.role("ingest", fmt.Sprintf("kafka: {brokers: %q}\ningest:\n  simulated: true\n  binance: {rest_url: %s, ws_url: ws%s%s}\n%s",
		m.brokers, m.exchange, strings.TrimPrefix(m.exchange, "http"), binance, more))
}

// role starts one role with its configuration; it is stopped when the test ends.
func (m *system) role(name, config string) *rig.Process {
	m.t.Helper()
	env := []string{"TICKCAST_BRIDGE_PASSWORD=stack-test", "TICKCAST_STORE_PASSWORD=" + m.storePassword()}
	if m.contracts != "" && name != "simexchange" {
		config = fmt.Sprintf("contracts: %q\n%s", m.contracts, config)
	}
	return rig.Launch(m.t, binary, env, name, "-c", rig.WriteFile(m.t, name+".yaml", config))
}

// address is where a server listens.
func (m *system) address(part string) string {
	m.t.Helper()
	p, err := m.set.part(part)
	if err != nil {
		m.t.Fatal(err)
	}
	return p.Address
}

func (m *system) storePassword() string {
	m.t.Helper()
	b, err := os.ReadFile(filepath.Join(m.set.dataDir, "postgres.password"))
	if err != nil {
		m.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// storeURL is the database that the history role fills.
func (m *system) storeURL() string {
	return "postgres://tickcast@" + m.address("postgres") + "/tickcast?sslmode=disable"
}

// startHistory runs the role that stores the ledger and answers REST; it returns its URL.
func (m *system) startHistory() string {
	m.t.Helper()
	p := m.role("history", fmt.Sprintf("http: {listen: \"127.0.0.1:0\"}\nstore: {kafka: {brokers: %q}, postgres: {url: %q, password_env: TICKCAST_STORE_PASSWORD}}\nhistory: {kafka: {brokers: %q}}\n",
		m.brokers, m.storeURL(), m.brokers))
	return "http://" + p.Find(`history listens.* http=(\S+)`)[1]
}

// checkParity stops the source and sees that Flink has written what compute makes of the same logs.
func (m *system) checkParity(ids ...string) stackcheck.Report {
	m.t.Helper()
	if m.ingest != nil {
		m.ingest.Stop()
	}
	ctx, cancel := context.WithTimeout(m.t.Context(), parityLimit)
	defer cancel()
	report, err := stackcheck.Check(ctx, kafka.Config{Brokers: m.brokers}, ids)
	m.t.Logf("parity: %v", report)
	if err != nil {
		m.t.Errorf("Flink's outputs are not compute's: %v", err)
	}
	return report
}

// parityLimit covers what Flink is behind, and a checkpoint, which commits the ledger.
const parityLimit = 90 * time.Second
