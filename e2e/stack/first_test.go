package stack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/e2e/rig"
)

// A trade of the exchange reaches a client through Kafka and Flink, and so do its candles, ticker and books.
func TestATradeReachesAnMQTTClientThroughKafkaAndFlink(t *testing.T) {
	need(t)
	id := own("BTCUSDT")
	m := newSystem(t, []string{fmt.Sprintf(`{id: %s, source: {venue: binance, symbol: BTCUSDT}, base: BTC, quote: USDT, tick: "0.01", step: "0.00001", books: ["0.01", "10"], depth: 20}`, id)},
		"  market: {seed: 7, rate: 20}\n")
	m.startIngest("", "")
	cl := rig.Subscribe(t, m.mqtt, "trade/"+id, "candle/1s/"+id, "candle/1m/"+id, "candle/1s/"+id+"/closed", "ticker/"+id, "bbo/"+id, "orderbook/+/"+id, "status/"+id+"/#")
	trade := cl.Wait("a trade", patience, func(g rig.Message) bool { return g.Topic == "trade/"+id })
	var tr struct {
		Last int64 `json:"l"`
	}
	if err := json.Unmarshal(trade.Raw, &tr); err != nil || tr.Last == 0 {
		t.Fatalf("trade %s: %v", trade.Raw, err)
	}
	for _, period := range []string{"1s", "1m"} {
		cl.Wait("the "+period+" candle with that trade", patience, func(g rig.Message) bool {
			return g.Topic == "candle/"+period+"/"+id && g.LastID >= tr.Last && g.Count > 0 && g.Contract == id && g.Sim
		})
	}
	for _, topic := range []string{"candle/1s/" + id + "/closed", "ticker/" + id, "bbo/" + id, "orderbook/0.01/" + id, "orderbook/10/" + id} {
		cl.Wait(topic+", live", patience, func(g rig.Message) bool { return g.Topic == topic && !g.Retained })
	}
	cl.Wait("a clock that runs", patience, func(g rig.Message) bool {
		return strings.HasSuffix(g.Topic, "/clock") && g.State == "live"
	})
	cl.NoStepBack()
	m.checkParity(id)
}
