package e2e

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/kafka/kafkatest"

	"github.com/tickcast/tickcast/e2e/rig"
)

// Each role runs in a process of its own, from a file of its own; the edge is fed over MQTT by a bridge with a password.
func TestRolesAloneWithARemoteEdge(t *testing.T) {
	t.Parallel()
	own, _ := kafkatest.Start(t, "")

	topics := func(verb string) (string, error) {
		out, err := exec.Command(binary, "topics", verb, "--form", "embedded", "--brokers", own.Brokers).CombinedOutput()
		return string(out), err
	}
	if out, err := topics("check"); err == nil || !strings.Contains(out, "push.candles: topic is absent, want present") {
		t.Fatalf("check before apply: %v\n%s", err, out)
	}
	if out, err := topics("apply"); err != nil {
		t.Fatalf("apply: %v\n%s", err, out)
	}
	if out, err := topics("check"); err != nil {
		t.Fatalf("check after apply: %v\n%s", err, out)
	}

	const secret = "correct-horse-battery"
	env := []string{"TICKCAST_BRIDGE_PASSWORD=" + secret}
	kafka := `kafka: {brokers: "` + own.Brokers + `"}`
	role := func(name, config string) *process {
		return launch(t, env, name, "-c", rig.WriteFile(t, name+".yaml", config))
	}
	edge := role("broker", `broker: {tcp: "127.0.0.1:0", websocket: "127.0.0.1:0", admin: {listen: "127.0.0.1:0"}, await_publisher: true, publishers: [{user: bridge, password_env: TICKCAST_BRIDGE_PASSWORD}]}`)
	address := "mqtt://" + edge.Find(`msg=edge role=broker mqtt=(\S+)`)[1]
	exchange := role("simexchange", `simulator: {listen: "127.0.0.1:0", market: {rate: 20}}`).Find(`url=(http://\S+)`)[1]
	role("compute", "form: embedded\ncompute: {"+kafka+"}")
	role("ingest", "form: embedded\n"+kafka+"\ningest: {simulated: true, binance: {rest_url: "+exchange+", ws_url: ws"+strings.TrimPrefix(exchange, "http")+"}}")
	bridge := role("bridge", "form: embedded\nbridge: {"+kafka+", remote: {url: "+address+", username: bridge, password_env: TICKCAST_BRIDGE_PASSWORD}}")
	bridge.Find("connected to the edge")

	c := subscribe(t, address, "candle/1s/+", "candle/1m/+/closed", "status/#")
	for _, contract := range []string{"BTCUSDT", "ETHUSDT", "SOLUSDT"} {
		c.Wait("a live candle of "+contract, 60*time.Second, func(m message) bool { return m.Topic == "candle/1s/"+contract && !m.Retained && m.Count > 0 })
		c.Wait("the clock of "+contract, 30*time.Second, func(m message) bool { return m.Topic == "status/"+contract+"/clock" && m.State == "live" })
	}
	c.NoStepBack()
	for _, p := range []*process{edge, bridge} {
		if strings.Contains(p.Output(), secret) {
			t.Error("the password is in the log")
		}
	}
}
