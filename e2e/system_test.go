// Package e2e tests the whole system as its users have it: the binary, its configuration files, and real MQTT clients.
package e2e

import (
	"fmt"
	"os"
	"testing"

	"github.com/tickcast/tickcast/e2e/rig"
)

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tickcast-e2e-")
	if err != nil {
		panic(err)
	}
	code := 1
	if binary, err = rig.Build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// process, client, message and candle are those of package rig, with what the tests of this package add.
type (
	process struct{ *rig.Process }
	client  struct{ *rig.Client }
	message = rig.Message
	candle  = rig.Candle
)

// launch starts the binary; it is stopped when the test ends, and its output shown if the test failed.
func launch(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	return &process{rig.Launch(t, binary, env, args...)}
}

func subscribe(t *testing.T, server string, filters ...string) *client {
	t.Helper()
	return &client{rig.Subscribe(t, server, filters...)}
}

// addrs are where a `tickcast up` listens.
type addrs struct{ http, mqtt, ws, kafka string }

func (p *process) addrs() addrs {
	p.T.Helper()
	m := p.Find(`(?s)page +http://localhost:(\d+).*MQTT +mqtt://localhost:(\d+).*WebSocket +ws://localhost:(\d+).*Kafka +(127\S+)`)
	return addrs{http: "http://127.0.0.1:" + m[1], mqtt: "mqtt://127.0.0.1:" + m[2], ws: "ws://127.0.0.1:" + m[3] + "/mqtt", kafka: m[4]}
}

// freePorts is the part of a configuration that makes tests run side by side.
const freePorts = `
http: {listen: "127.0.0.1:0"}
kafka: {listen: "127.0.0.1:0"}
broker: {tcp: "127.0.0.1:0", websocket: "127.0.0.1:0", admin: {listen: "127.0.0.1:0"}}
`

// up starts `tickcast up` with free ports and the given configuration.
func up(t *testing.T, dataDir, config string, args ...string) *process {
	t.Helper()
	return launch(t, nil, append([]string{"up", "-c", rig.WriteFile(t, "up.yaml", freePorts+config), "--data", dataDir}, args...)...)
}

// contractsWith is the path of a catalogue with one contract.
func contractsWith(t *testing.T, contract string) string {
	t.Helper()
	return rig.WriteFile(t, "contracts.yaml", "contracts:\n  - "+contract+"\n")
}
