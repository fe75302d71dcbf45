package e2e

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tickcast/tickcast/web"

	"github.com/tickcast/tickcast/e2e/rig"
)

const (
	listedBTC  = `  - {id: BTCUSDT, source: {venue: binance, symbol: BTCUSDT}, base: BTC, quote: USDT, tick: "0.01", step: "0.00001", books: ["0.01"], depth: 20}` + "\n"
	finerBTC   = `  - {id: BTCUSDT, source: {venue: binance, symbol: BTCUSDT}, base: BTC, quote: USDT, tick: "0.001", step: "0.00001", books: ["0.01"], depth: 20}` + "\n"
	listedETH  = `  - {id: ETHUSDT, source: {venue: binance, symbol: ETHUSDT}, base: ETH, quote: USDT, tick: "0.01", step: "0.0001", books: ["0.01", "1"], depth: 20}` + "\n"
	listedSOL  = `  - {id: SOLUSDT, source: {venue: binance, symbol: SOLUSDT}, base: SOL, quote: USDT, tick: "0.01", step: "0.001", books: ["0.01"], depth: 20}` + "\n"
	listedPerp = `  - {id: SOL-PERP, source: {engine: true, symbol: SOL-PERP}, base: SOL, quote: USD, tick: "0.01", step: "0.001", books: ["0.01"], depth: 20}` + "\n"
	deeperPerp = `  - {id: SOL-PERP, source: {engine: true, symbol: SOL-PERP}, base: SOL, quote: USD, tick: "0.01", step: "0.001", books: ["0.01", "1"], depth: 20}` + "\n"
	brokenSOL  = `  - {id: SOLUSDT, tick: "0"}` + "\n"
	anyProduct = "candle/+/ETHUSDT candle/+/ETHUSDT/closed ticker/ETHUSDT bbo/ETHUSDT orderbook/+/ETHUSDT"
)

// The catalogue of contracts changes while everything runs, and SIGHUP says so: a contract that is new is served, one with another tick begins anew in it, one
// that is gone says so once and leaves nothing behind. A file that is wrong changes nothing.
func TestHangupAddsChangesAndDelistsContracts(t *testing.T) {
	t.Parallel()
	contracts := rig.WriteFile(t, "contracts.yaml", "contracts:\n"+listedBTC+listedETH)
	p := up(t, t.TempDir(), "contracts: "+contracts+"\n")
	a := p.addrs()
	c := subscribe(t, a.mqtt, "candle/#", "ticker/+", "bbo/+", "orderbook/#", "status/#")
	live := func(topic string) message {
		t.Helper()
		after := time.Now()
		return c.Wait("live: "+topic, patience, func(m message) bool { return m.Topic == topic && !m.Retained && !m.Cleared && m.At.After(after) })
	}
	hangup := func(lines, said string) {
		t.Helper()
		if err := os.WriteFile(contracts, []byte("contracts:\n"+lines), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := p.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		p.Find(said)
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
	changed := c.Wait("a candle in the new tick", patience, func(m message) bool { return m.Topic == "candle/1s/BTCUSDT" && m.Epoch > before.Epoch })
	if _, decimals, _ := strings.Cut(changed.Close, "."); len(decimals) != 3 {
		t.Errorf("the price %s has not the new tick's decimals", changed.Close)
	}
	gone := func(contract string, kinds ...string) {
		t.Helper()
		for _, kind := range kinds {
			c.Wait("the last "+kind+" status", patience, func(m message) bool { return m.Topic == "status/"+contract+"/"+kind && m.State == "DELISTED" })
		}
		had := map[string]bool{}
		for _, m := range c.Received() {
			if strings.HasSuffix(strings.TrimSuffix(m.Topic, "/closed"), "/"+contract) {
				had[m.Topic] = true
			}
		}
		for topic := range had {
			c.Wait(topic+" is cleared", patience, func(m message) bool { return m.Topic == topic && m.Cleared })
		}
		if len(had) < 2*10 {
			t.Errorf("only %d topics of the delisted contract", len(had))
		}
	}
	gone("ETHUSDT", "feed", "book")

	hangup(finerBTC+listedSOL+listedPerp, "the catalogue is read again")
	live("candle/1s/SOL-PERP")
	live("orderbook/0.01/SOL-PERP")
	var app web.App
	get(t, a.http+"/app.json", &app)
	if n := len(app.Contracts); n != 3 || app.Contracts[2].ID != "SOL-PERP" {
		t.Errorf("the page is told of other contracts: %+v", app.Contracts)
	}
	hangup(finerBTC+listedSOL+deeperPerp, "the catalogue is read again")
	live("orderbook/1/SOL-PERP")
	hangup(finerBTC+listedSOL, "the catalogue is read again")
	gone("SOL-PERP", "feed")
	live("candle/1s/SOLUSDT")

	leavesNothing(t, a.mqtt, "ETHUSDT", "candle/1s/SOLUSDT")
	leavesNothing(t, a.mqtt, "SOL-PERP", "candle/1s/SOLUSDT")
}

// leavesNothing fails if a client that connects is given anything of a delisted contract but its status; other is a topic of a contract that lives.
func leavesNothing(t *testing.T, mqtt, contract, other string) {
	t.Helper()
	time.Sleep(2 * time.Second) // that long it must last
	late := subscribe(t, mqtt, append(strings.Fields(strings.ReplaceAll(anyProduct, "ETHUSDT", contract)), "status/"+contract+"/+", other)...)
	late.Wait("a value of another contract", patience, func(m message) bool { return m.Topic == other })
	late.Wait("the delisted contract's status", patience, func(m message) bool { return m.Topic == "status/"+contract+"/feed" && m.State == "DELISTED" })
	for _, m := range late.Received() {
		if m.Contract == contract && !strings.HasPrefix(m.Topic, "status/") || strings.HasSuffix(m.Topic, "/"+contract) && !m.Cleared {
			t.Errorf("a delisted contract's %s is still there: %s", m.Topic, m.Raw)
		}
	}
}

// Contracts of a venue and of the engine leave the catalogue while nothing runs: the next start says so, once, and leaves nothing of them behind. One of them comes back.
func TestContractsThatLeftWhileNothingRanAreDelisted(t *testing.T) {
	t.Parallel()
	contracts := rig.WriteFile(t, "contracts.yaml", "contracts:\n"+listedBTC+listedETH+listedPerp)
	data, config := t.TempDir(), "contracts: "+contracts+"\n"
	p := up(t, data, config)
	c := subscribe(t, p.addrs().mqtt, "candle/1s/+", "bbo/+")
	for _, contract := range []string{"BTCUSDT", "ETHUSDT", "SOL-PERP"} {
		for _, product := range []string{"candle/1s/", "bbo/"} {
			c.Wait(product+contract, patience, func(m message) bool { return m.Topic == product+contract && !m.Retained })
		}
	}
	p.Stop()
	list := func(lines string) {
		t.Helper()
		if err := os.WriteFile(contracts, []byte("contracts:\n"+lines), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	list(listedBTC)
	p = up(t, data, config)
	a := p.addrs()
	for _, contract := range []string{"ETHUSDT", "SOL-PERP"} {
		p.Find(`msg="the contract has left the catalogue".* contract=` + contract)
		leavesNothing(t, a.mqtt, contract, "candle/1s/BTCUSDT")
	}
	list(listedBTC + listedETH)
	if err := p.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	back := subscribe(t, a.mqtt, "candle/1s/+", "bbo/+")
	for _, topic := range []string{"candle/1s/ETHUSDT", "bbo/ETHUSDT"} {
		back.Wait(topic, patience, func(m message) bool { return m.Topic == topic && !m.Cleared })
	}
	p.Stop()
	p = up(t, data, config)
	p.addrs()
	if strings.Contains(p.Output(), "has left the catalogue") {
		t.Error("what the logs say already is said again")
	}
}
