package e2e

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	listedBTC  = `  - {id: BTCUSDT, source: {venue: binance, symbol: BTCUSDT}, base: BTC, quote: USDT, tick: "0.01", step: "0.00001", books: ["0.01"], depth: 20}` + "\n"
	finerBTC   = `  - {id: BTCUSDT, source: {venue: binance, symbol: BTCUSDT}, base: BTC, quote: USDT, tick: "0.001", step: "0.00001", books: ["0.01"], depth: 20}` + "\n"
	listedETH  = `  - {id: ETHUSDT, source: {venue: binance, symbol: ETHUSDT}, base: ETH, quote: USDT, tick: "0.01", step: "0.0001", books: ["0.01", "1"], depth: 20}` + "\n"
	listedSOL  = `  - {id: SOLUSDT, source: {venue: binance, symbol: SOLUSDT}, base: SOL, quote: USDT, tick: "0.01", step: "0.001", books: ["0.01"], depth: 20}` + "\n"
	brokenSOL  = `  - {id: SOLUSDT, tick: "0"}` + "\n"
	anyProduct = "candle/+/ETHUSDT candle/+/ETHUSDT/closed ticker/ETHUSDT bbo/ETHUSDT orderbook/+/ETHUSDT"
)

// The catalogue of contracts changes while everything runs, and SIGHUP says so: a contract that is new is served, one with another tick begins anew in it, one
// that is gone says so once and leaves nothing behind. A file that is wrong changes nothing.
func TestHangupAddsChangesAndDelistsContracts(t *testing.T) {
	t.Parallel()
	contracts := writeFile(t, "contracts.yaml", "contracts:\n"+listedBTC+listedETH)
	p := up(t, t.TempDir(), "contracts: "+contracts+"\n")
	a := p.addrs()
	c := subscribe(t, a.mqtt, "candle/#", "ticker/+", "bbo/+", "orderbook/#", "status/#")
	live := func(topic string) message {
		t.Helper()
		after := time.Now()
		return c.wait("live: "+topic, patience, func(m message) bool { return m.topic == topic && !m.retained && !m.cleared && m.at.After(after) })
	}
	hangup := func(lines, said string) {
		t.Helper()
		if err := os.WriteFile(contracts, []byte("contracts:\n"+lines), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		p.find(said)
	}
	for _, contract := range []string{"BTCUSDT", "ETHUSDT"} {
		for _, topic := range []string{"candle/1s/", "ticker/", "bbo/", "orderbook/0.01/"} {
			live(topic + contract)
		}
	}
	before := live("candle/1s/BTCUSDT")

	hangup(finerBTC+brokenSOL, "the catalogue is not taken")
	live("candle/1s/ETHUSDT")

	hangup(finerBTC+listedSOL, "the catalogue is read again")
	for _, topic := range []string{"candle/1s/SOLUSDT", "candle/1m/SOLUSDT", "ticker/SOLUSDT", "bbo/SOLUSDT", "orderbook/0.01/SOLUSDT"} {
		live(topic)
	}
	changed := c.wait("a candle in the new tick", patience, func(m message) bool { return m.topic == "candle/1s/BTCUSDT" && m.Epoch > before.Epoch })
	if _, decimals, _ := strings.Cut(changed.Close, "."); len(decimals) != 3 {
		t.Errorf("the price %s has not the new tick's decimals", changed.Close)
	}
	for _, kind := range []string{"feed", "book"} {
		c.wait("the last "+kind+" status", patience, func(m message) bool { return m.topic == "status/ETHUSDT/"+kind && m.State == "DELISTED" })
	}
	had := map[string]bool{}
	for _, m := range c.received() {
		if strings.HasSuffix(strings.TrimSuffix(m.topic, "/closed"), "/ETHUSDT") {
			had[m.topic] = true
		}
	}
	for topic := range had {
		c.wait(topic+" is cleared", patience, func(m message) bool { return m.topic == topic && m.cleared })
	}
	if len(had) < 2*10 {
		t.Errorf("only %d topics of the delisted contract", len(had))
	}
	time.Sleep(2 * time.Second)
	late := subscribe(t, a.mqtt, append(strings.Fields(anyProduct), "status/ETHUSDT/+", "candle/1s/SOLUSDT")...)
	late.wait("a value of another contract", patience, func(m message) bool { return m.topic == "candle/1s/SOLUSDT" })
	late.wait("the delisted contract's status", patience, func(m message) bool { return m.topic == "status/ETHUSDT/feed" && m.State == "DELISTED" })
	for _, m := range late.received() {
		if m.Contract == "ETHUSDT" && !strings.HasPrefix(m.topic, "status/") || strings.HasSuffix(m.topic, "/ETHUSDT") && !m.cleared {
			t.Errorf("a delisted contract's %s is still there: %s", m.topic, m.raw)
		}
	}
}
