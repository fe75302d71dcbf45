package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/market/markettest"
)

const (
	recordedFrames = "../simexchange/testdata/BTCUSDT-frames-2024-08-08T2354.gz"
	recordedDay    = "../../shared/data/binance-spot-2024-08-08/spot_"
)

// book2024 is a recorded market of 2024-08-08: depth, bookTicker and trades as they came.
type book2024 struct {
	symbol, step string
	files        []string
	equal, all   int // of so many diffs after the snapshot the top equals the recorded bookTicker so often, as the recording's README says
}

func (b *book2024) contract() string {
	return fmt.Sprintf(`{id: %s, source: {venue: binance, symbol: %s}, base: %s, quote: USDT, tick: "0.01", step: "%s", books: ["0.01", "1", "10"], depth: 50}`,
		b.symbol, b.symbol, strings.TrimSuffix(b.symbol, "USDT"), b.step)
}

// The exchange's recorded depth through everything there is, to a client over MQTT: the best bid and ask that are served are those that the exchange's own
// bookTicker stream had at the same update. What a client gets is conflated, so each message of a client is compared by its update id, and the figure for all
// diffs is counted in push.bbo, which is what is served and in which none is left out.
func TestTheServedTopIsTheRecordedBookTicker(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		books  []book2024
		speed  int
		faults string
		gaps   int // at least, in each log of books
	}{
		{"15 seconds", []book2024{{"BTCUSDT", "0.00001", []string{recordedFrames}, 148, 148}}, 3, "", 0},
		{"15 seconds with faults", []book2024{{"BTCUSDT", "0.00001", []string{recordedFrames}, 148, 148}}, 1, faultsOf(20, 25), 4},
		{"ten minutes", []book2024{
			{"BTCUSDT", "0.00001", []string{recordedDay + "btcusdt_20240808.gz", recordedDay + "btcusdt_20240809.gz"}, 6491, 6493},
			{"ETHUSDT", "0.0001", []string{recordedDay + "ethusdt_20240808.gz", recordedDay + "ethusdt_20240809.gz"}, 6468, 6468},
		}, 15, "", 0},
		{"ten minutes with faults", []book2024{
			{"BTCUSDT", "0.00001", []string{recordedDay + "btcusdt_20240808.gz", recordedDay + "btcusdt_20240809.gz"}, 6491, 6493},
		}, 15, faultsOf(1000, 1000), 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := os.Stat(c.books[0].files[0]); err != nil {
				t.Skipf("the recording of 2024-08-08 is not there: %v", err)
			}
			p := up(t, t.TempDir(), playBooks(t, c.books, c.speed, c.faults))
			a := p.addrs()
			follow := followBooks(t, a.kafka)
			cl := subscribe(t, a.mqtt, "bbo/+", "orderbook/0.01/+", "status/+/book")
			for _, b := range c.books { // on a market that stands still, so that no diff goes into the first snapshot
				cl.wait("the book is there", patience, func(m message) bool { return m.topic == "status/"+b.symbol+"/book" && m.State == "SYNCED" })
			}
			release(t, p.find(`market +simulated, (http://\S+)`)[1])
			for _, b := range c.books {
				r := readBook(t, &b)
				last := r.diffs[len(r.diffs)-1]
				follow.waitFor(b.symbol, last, 3*time.Minute)
				cl.wait("the last change of the top of "+b.symbol, patience, func(m message) bool { return m.topic == "bbo/"+b.symbol && !r.changesAfter(topOf(t, m.raw).update) })
			}
			cl.noStepBack()
			for _, b := range c.books {
				checkServed(t, &b, readBook(t, &b), follow.of(b.symbol), c.gaps)
				checkClient(t, &b, readBook(t, &b), cl, c.gaps)
			}
			if n := strings.Count(p.output(), "the order book that REST answered is refused"); c.gaps > 0 && n == 0 {
				t.Error("no stale snapshot was refused")
			}
		})
	}
}

// faultsOf are faults of the stream of diffs, one after the other; REST answers with old books when it is asked to mend the first of them.
func faultsOf(first, apart int) string {
	var b strings.Builder
	b.WriteString("  faults:\n    - {kind: duplicate, stream: \"*@depth@100ms\", probability: 0.1, seed: 1}\n    - {kind: stale, path: /api/v3/depth, after: 1, count: 2}\n")
	for i, kind := range []string{"drop", "reorder", "crossed", "drop", "rst"} {
		fmt.Fprintf(&b, "    - {kind: %s, stream: \"*@depth@100ms\", after: %d}\n", kind, first+i*apart)
	}
	return b.String()
}

// playBooks is a configuration that plays recordings once somebody subscribes to the stream go@now.
func playBooks(t *testing.T, books []book2024, speed int, faults string) string {
	t.Helper()
	var contracts, symbols, markets []string
	for _, b := range books {
		contracts = append(contracts, "  - "+b.contract())
		symbols = append(symbols, fmt.Sprintf(`{symbol: %s, base: %s, quote: USDT, tick: "0.01", step: "%s"}`, b.symbol, strings.TrimSuffix(b.symbol, "USDT"), b.step))
		var files []string
		for _, f := range b.files {
			abs, err := filepath.Abs(f)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, abs)
		}
		markets = append(markets, fmt.Sprintf("{symbol: %s, frames: [%s]}", b.symbol, strings.Join(files, ", ")))
	}
	return fmt.Sprintf(`
contracts: %s
simulator:
  symbols: [%s]
  recording: {markets: [%s], times: kept, speed: %d, wait_for_streams: ["go@now"]}
%s
ingest:
  feed: {max_ahead: 10m}
  books: {retry_min: 20ms, retry_max: 100ms}
  binance: {silence: 60s, first_frame: 10s, backoff_min: 20ms, backoff_max: 200ms}
`, writeFile(t, "contracts.yaml", "contracts:\n"+strings.Join(contracts, "\n")+"\n"), strings.Join(symbols, ", "), strings.Join(markets, ", "), speed, faults)
}

// release lets the recording begin.
func release(t *testing.T, exchange string) {
	t.Helper()
	c, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(exchange, "http")+"/ws/go@now", http.Header{})
	if err != nil {
		t.Fatalf("subscribe to go@now: %v", err)
	}
	resp.Body.Close()
	t.Cleanup(func() { c.Close() })
}

// top is a best bid and offer with its update id; best is its prices and quantities in the recording's form.
type top struct {
	update   int64
	best     string
	bid, ask int64 // in units of 10^-8
	quality  string

	computeMs int64
}

func bestOf(t *testing.T, bid, bidQty, ask, askQty string) (best string, b, a int64) {
	t.Helper()
	var v [4]int64
	for i, s := range []string{bid, bidQty, ask, askQty} {
		var err error
		if v[i], err = market.ParseScaled(s, 8); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
	}
	return fmt.Sprint(v), v[0], v[2]
}

// topOf reads a bbo message.
func topOf(t *testing.T, raw []byte) (b top) {
	t.Helper()
	var m struct {
		Update int64  `json:"u"`
		Bid    string `json:"b"`
		BidQty string `json:"B"`
		Ask    string `json:"a"`
		AskQty string `json:"A"`
		Q      string `json:"q"`
		Tsc    int64  `json:"tsc"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	b.update, b.quality, b.computeMs = m.Update, m.Q, m.Tsc
	b.best, b.bid, b.ask = bestOf(t, m.Bid, m.BidQty, m.Ask, m.AskQty)
	return b
}

// topOfBook reads the best levels of an orderbook message.
func topOfBook(t *testing.T, raw []byte) (b top) {
	t.Helper()
	var m struct {
		Update int64       `json:"u"`
		Bids   [][2]string `json:"b"`
		Asks   [][2]string `json:"a"`
		Q      string      `json:"q"`
	}
	if err := json.Unmarshal(raw, &m); err != nil || len(m.Bids) == 0 || len(m.Asks) == 0 {
		t.Fatalf("%v: %s", err, raw)
	}
	b.update, b.quality = m.Update, m.Q
	b.best, b.bid, b.ask = bestOf(t, m.Bids[0][0], m.Bids[0][1], m.Asks[0][0], m.Asks[0][1])
	return b
}

// recordedBook is what the exchange said.
type recordedBook struct {
	snapshot int64
	diffs    []int64 // the update ids with which the diffs after the snapshot end
	tickers  []top   // the bookTicker stream
}

func readBook(t *testing.T, b *book2024) *recordedBook {
	t.Helper()
	r := &recordedBook{}
	var diffs []int64
	for _, file := range b.files {
		markettest.Frames(t, file, func(_ int64, frame []byte) {
			var e struct {
				Stream string
				Last   int64           `json:"lastUpdateId"`
				Data   json.RawMessage `json:"data"`
			}
			if err := json.Unmarshal(frame, &e); err != nil {
				t.Fatal(err)
			}
			switch _, kind, _ := strings.Cut(e.Stream, "@"); kind {
			case "":
				r.snapshot = e.Last
			case "bookTicker":
				r.tickers = append(r.tickers, topOf(t, e.Data))
			case "depth@100ms":
				var d struct {
					First int64 `json:"U"`
					Last  int64 `json:"u"`
				}
				if err := json.Unmarshal(e.Data, &d); err != nil {
					t.Fatal(err)
				}
				diffs = append(diffs, d.Last)
			}
		})
	}
	r.diffs = slices.DeleteFunc(diffs, func(last int64) bool { return last <= r.snapshot })
	if len(r.diffs) != b.all {
		t.Fatalf("%d diffs after the snapshot, want %d", len(r.diffs), b.all)
	}
	return r
}

// ticker is the last bookTicker that is not after an update.
func (r *recordedBook) ticker(update int64) string {
	n := sort.Search(len(r.tickers), func(i int) bool { return r.tickers[i].update > update })
	if n == 0 {
		return ""
	}
	return r.tickers[n-1].best
}

// changesAfter says whether the top changes after an update.
func (r *recordedBook) changesAfter(update int64) bool {
	return slices.ContainsFunc(r.diffs, func(d int64) bool { return d > update && r.ticker(d) != r.ticker(update) })
}

// thinAfterMs is the age from which on compute may leave versions out that are not final (catching up).
const thinAfterMs = 1000

// checkServed compares what push.bbo says after each of the recorded diffs with the bookTicker. Where a machine cannot keep up compute leaves versions out; that
// is allowed only for a diff that compute can have seen no earlier than a second after it was produced, which the next version's compute time shows. What the
// top was after such a diff is then taken from a book that the test makes of the log itself: the figures of the recording hold on any machine.
func checkServed(t *testing.T, b *book2024, r *recordedBook, s servedBook, gaps int) {
	t.Helper()
	slices.SortStableFunc(s.tops, func(a, b served) int { return a.version.Compare(b.version) })
	var tops []top
	for _, rec := range s.tops {
		tops = append(tops, topOf(t, rec.value))
	}
	equal, marked, late, skipped, unlogged, wrong := 0, 0, 0, 0, 0, 0
	for _, d := range r.diffs {
		n := sort.Search(len(tops), func(i int) bool { return tops[i].update > d })
		entry, inLog := s.log[d]
		switch {
		case n > 0 && tops[n-1].quality != "ok":
			marked++
		case n > 0 && tops[n-1].best == r.ticker(d):
			equal++
		case !inLog:
			unlogged++
		case n > 0 && tops[n-1].best == entry.best:
			wrong++ // as the log has it: two diffs of the recording are not as its bookTicker
		case n < len(tops) && tops[n].computeMs-entry.appendMs > thinAfterMs:
			if late++; entry.best != r.ticker(d) {
				wrong++
			}
		default:
			if skipped++; skipped <= 5 {
				t.Errorf("%s: after update %d the top is %s, push.bbo has not said so", b.symbol, d, entry.best)
			}
		}
	}
	for i, top := range tops {
		if i > 0 && top.update < tops[i-1].update {
			t.Errorf("%s: update %d after %d", b.symbol, top.update, tops[i-1].update)
		}
		if top.bid >= top.ask {
			t.Errorf("%s: crossed at update %d: %s", b.symbol, top.update, top.best)
		}
	}
	t.Logf("%s: of %d diffs push.bbo equals the bookTicker after %d, is marked after %d, wrong after %d, not in the log %d; left out as more than a second late %d, skipped %d; %d gaps, %d commands in the log",
		b.symbol, len(r.diffs), equal, marked, wrong, unlogged, late, skipped, s.gaps, s.commands)
	switch {
	case skipped > 0 || wrong > b.all-b.equal:
		t.Errorf("%s: want %d of %d equal, and none skipped", b.symbol, b.equal, b.all)
	case gaps == 0 && (s.gaps > 0 || marked > 0 || unlogged > 0 || wrong != b.all-b.equal):
		t.Errorf("%s: want %d of %d equal, no gap, nothing marked", b.symbol, b.equal, b.all)
	case gaps > 0 && (s.gaps < gaps || marked == 0 || marked > equal || unlogged > lostPerGap*s.gaps), s.resynced != s.gaps:
		t.Errorf("%s: want at least %d gaps, each marked and with a snapshot after it (%d had)", b.symbol, gaps, s.resynced)
	}
}

// lostPerGap is how many diffs may be missing before the next one shows it.
const lostPerGap = 2

// checkClient compares all that a client got, by update id.
func checkClient(t *testing.T, b *book2024, r *recordedBook, cl *client, gaps int) {
	t.Helper()
	type count struct{ equal, marked, wrong int }
	counts := map[string]*count{"bbo": {}, "orderbook": {}}
	outages, synced := 0, true
	for _, m := range cl.received() {
		var top top
		kind, _, _ := strings.Cut(m.topic, "/")
		switch {
		case !strings.HasSuffix(m.topic, "/"+b.symbol) && m.topic != "status/"+b.symbol+"/book":
			continue
		case kind == "bbo":
			top = topOf(t, m.raw)
		case kind == "orderbook":
			top = topOfBook(t, m.raw)
		default:
			if was := synced; was != (m.State == "SYNCED") {
				if synced = !was; was {
					outages++
				}
			}
			continue
		}
		if top.bid >= top.ask {
			t.Errorf("%s: crossed: %s", m.topic, m.raw)
		}
		want := r.ticker(top.update)
		switch n := counts[kind]; {
		case top.quality != "ok":
			n.marked++
		case want == "" || want == top.best: // before the first bookTicker there is nothing to compare with
			n.equal++
		default:
			n.wrong++
		}
	}
	for kind, n := range counts {
		t.Logf("%s: a client's %s: %d equal, %d marked, %d wrong", b.symbol, kind, n.equal, n.marked, n.wrong)
		if n.equal < b.all/20 || n.wrong > b.all-b.equal {
			t.Errorf("%s: %s: want at least %d equal, at most %d wrong", b.symbol, kind, b.all/20, b.all-b.equal)
		}
	}
	if !synced || outages < gaps {
		t.Errorf("%s: the status of the book went from SYNCED %d times and is SYNCED at the end: %t; want %d", b.symbol, outages, synced, gaps)
	}
	t.Logf("%s: %d outages in the book's status", b.symbol, outages)
}
