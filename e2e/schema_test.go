package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tickcast/tickcast/catalog"
)

// schemas are the files of docs/schema by name.
func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	files, err := filepath.Glob("../docs/schema/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no schemas: %v", err)
	}
	c := jsonschema.NewCompiler()
	all := map[string]*jsonschema.Schema{}
	for _, f := range files {
		s, err := c.Compile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = s
	}
	return all
}

// schemaFiles are the schemas by Kafka topic; that of a status is named by its kind. A topic that reaches clients and is not here fails the test.
var schemaFiles = map[string]string{
	catalog.MarketTrades: "trade.json", catalog.PushCandles: "candle.json", catalog.PushClosed: "closed.json", catalog.PushTickers: "ticker.json",
	catalog.PushBBO: "bbo.json", catalog.PushBooks: "orderbook.json", catalog.PushStatus: "status-%s.json",
}

// schemaOf is the name of the schema of an MQTT topic, empty if the topic is none of the catalogue.
func schemaOf(cat *catalog.Catalog, topic string) string {
	k := cat.Lookup(topic)
	if k == nil {
		return ""
	}
	file := schemaFiles[k.Name]
	if strings.Contains(file, "%") {
		return fmt.Sprintf(file, topic[strings.LastIndexByte(topic, '/')+1:])
	}
	return file
}

func validate(s *jsonschema.Schema, payload []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// TestSchemasFitWhatTheSystemSends checks every message that a running system sends in some seconds with its schema: a simulated venue with faults, and a market
// of the engine that is played from commands, with a bust, a correction and a stop.
func TestSchemasFitWhatTheSystemSends(t *testing.T) {
	t.Parallel()
	cat, err := catalog.Load("", "", catalog.Embedded)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range cat.Pushed() {
		if schemaFiles[k.Name] == "" {
			t.Errorf("%s reaches clients and has no schema", k.Name)
		}
	}
	all := schemas(t)

	// The engine's commands come through a pipe, so that trades are matched while the client listens: it never gets those from before.
	pipe := filepath.Join(t.TempDir(), "commands")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	commands, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	command := func(format string, args ...any) {
		t.Helper()
		if _, err := fmt.Fprintf(commands, "%d "+format+"\n", append([]any{time.Now().UnixMicro()}, args...)...); err != nil {
			t.Fatal(err)
		}
	}
	command("limit buy 1 64000.0 1")
	p := up(t, t.TempDir(), `
simulator:
  market: {seed: 3, rate: 6}
  faults:
    - {kind: drop, stream: "btcusdt@depth*", after: 40}
    - {kind: drop, stream: "ethusdt@aggTrade", after: 30}
    - {kind: rst, stream: "solusdt@aggTrade", after: 15}
engine: {markets: {BTC-PERP: {commands: "`+pipe+`"}}}
`)
	t.Cleanup(func() { commands.Close() }) // before the process is stopped: it waits for the next line
	cl := subscribe(t, p.addrs().mqtt, "candle/#", "ticker/+", "bbo/+", "orderbook/#", "trade/+", "status/#")
	id := 1
	order := func(verb, side string, price, qty string) {
		id++
		command("%s %s %d %s %s", verb, side, id, price, qty)
	}
	trades := func(kind string) func(message) bool {
		return func(m message) bool {
			return m.Topic == "trade/BTC-PERP" && strings.Contains(string(m.Raw), `"k":"`+kind+`"`)
		}
	}
	// A command takes effect when the one after it is there.
	order("limit", "sell", "65000.0", "1")
	for range 4 {
		order("ioc", "buy", "65000.0", "0.1")
	}
	order("limit", "sell", "65010.0", "1")
	var trade struct {
		A, L int64 // L: encoding/json ignores case
	}
	if err := json.Unmarshal(cl.Wait("a trade of the engine", 20*time.Second, trades("trade")).Raw, &trade); err != nil {
		t.Fatal(err)
	}
	command("correct %d 64999.5 0.2", trade.A)
	command("bust %d", trade.A+1)
	order("limit", "sell", "65020.0", "1")
	order("limit", "sell", "65020.0", "1")
	for _, kind := range []string{"correction", "bust"} {
		cl.Wait("a "+kind, 20*time.Second, trades(kind))
	}
	for what, topic := range map[string]string{"a gap in the book": "status/BTCUSDT/book", "a reset feed": "status/SOLUSDT/feed"} {
		cl.Wait(what, 30*time.Second, func(m message) bool {
			return m.Topic == topic && m.State != "SYNCED" && m.State != "INIT" && !m.Retained
		})
	}
	cl.Wait("the stopped clock of the engine's market", 30*time.Second, func(m message) bool { return m.Topic == "status/BTC-PERP/clock" && m.State == "stale" })

	checked := map[string]int{}
	kinds := map[string][]byte{} // one message of each schema
	for _, m := range cl.Received() {
		name := schemaOf(cat, m.Topic)
		if all[name] == nil {
			t.Fatalf("%s has no schema %q", m.Topic, name)
		}
		if err := validate(all[name], m.Raw); err != nil {
			t.Fatalf("%s: %v\n%s", m.Topic, err, m.Raw)
		}
		if name == "candle.json" && m.Closed {
			t.Errorf("%s: a closed candle: %s", m.Topic, m.Raw)
		}
		checked[name]++
		kinds[name] = m.Raw
	}
	t.Log(checked)
	for name := range all {
		if name != "common.json" && checked[name] == 0 {
			t.Errorf("no message was checked with %s", name)
		}
	}
	for name, payload := range kinds {
		refusesMutations(t, name, all[name], payload)
	}
}

// refusesMutations sees that a schema is strict, which a schema that allows everything would not be.
func refusesMutations(t *testing.T, name string, s *jsonschema.Schema, payload []byte) {
	t.Helper()
	var good map[string]json.RawMessage
	if err := json.Unmarshal(payload, &good); err != nil {
		t.Fatal(err)
	}
	refused := func(what string, field string, value string) {
		t.Helper()
		bad := maps.Clone(good)
		if value == "" {
			delete(bad, field)
		} else {
			bad[field] = json.RawMessage(value)
		}
		b, err := json.Marshal(bad)
		if err != nil {
			t.Fatal(err)
		}
		if validate(s, b) == nil {
			t.Errorf("%s allows %s: %s", name, what, b)
		}
	}
	refused("an unknown field", "zz", "1")
	refused("another schema version", "sv", "2")
	refused("an unknown quality", "q", `"good"`)
	refused("a version in text", "epoch", `"1"`)
	for field, value := range good {
		if field != "sim" && field != "tsc" && field != "missing" {
			refused("no "+field, field, "")
		}
		switch {
		case strings.Contains("|o|h|l|c|v|qv|bv|bqv|p|P|w|qty|b|B|a|A|res|", "|"+field+"|") && value[0] == '"':
			var text string
			if err := json.Unmarshal(value, &text); err != nil {
				t.Fatal(err)
			}
			refused("a float as "+field, field, text)
			refused("an exponent in "+field, field, `"1e3"`)
			refused("a number with leading zeros as "+field, field, `"0`+text+`"`)
		case value[0] == '[' && len(value) > 2:
			refused("floats in "+field, field, "[[1.5,2.5]]")
			refused("a level of three in "+field, field, `[["1","2","3"]]`)
		}
	}
}

// TestSchemasFitTheGoldenFiles checks what the specification says that is pushed, and the trades that go into it.
func TestSchemasFitTheGoldenFiles(t *testing.T) {
	t.Parallel()
	all := schemas(t)
	files, err := filepath.Glob("../flink-sql/testdata/*/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	checked := map[string]int{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var record string // the input above
		check := func(name, payload string) {
			t.Helper()
			if err := validate(all[name], []byte(payload)); err != nil {
				t.Errorf("%s: %v\n%s", f, err, payload)
			}
			checked[name]++
		}
		for line := range strings.Lines(string(b)) {
			line = strings.TrimSuffix(line, "\n")
			if strings.HasPrefix(line, "# refused") {
				record = ""
				continue
			}
			if record != "" {
				for _, kind := range []string{"trade", "correction", "bust"} {
					if strings.HasPrefix(record, `{"sv":1,"k":"`+kind+`"`) {
						check("trade.json", record)
					}
				}
				record = ""
			}
			if strings.HasPrefix(line, "{") {
				record = line
				continue
			}
			if words := strings.SplitN(line, " ", 4); len(words) == 4 && strings.HasPrefix(words[3], "{") {
				switch name := schemaFiles[words[0]]; {
				case name != "":
					check(name, words[3])
				case words[0] == catalog.LedgerCandles:
					check("closed.json", words[3])
				case words[0] != catalog.MarketLate:
					t.Errorf("%s: output for %s", f, words[0])
				}
			}
		}
	}
	t.Log(checked)
	for _, name := range []string{"candle.json", "closed.json", "ticker.json", "bbo.json", "orderbook.json", "trade.json"} {
		if checked[name] < 10 {
			t.Errorf("%d messages were checked with %s, of %d files: %v", checked[name], name, len(files), slices.Sorted(maps.Keys(checked)))
		}
	}
}
