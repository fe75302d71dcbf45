package recorded

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/tickcast/tickcast/e2e/rig"
	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/market/markettest"
)

// Book is a recorded market of 2024-08-08: depth, bookTicker and trades as they came.
type Book struct {
	Symbol, Step string
	Files        []string // from the repository's folder on
	Equal, All   int      // of so many diffs after the snapshot the top equals the recorded bookTicker so often, as the recording's README says
}

const tenMinutes = "../shared/data/binance-spot-2024-08-08/spot_"

// FifteenSeconds are in the repository.
var FifteenSeconds = Book{"BTCUSDT", "0.00001", []string{"simexchange/testdata/BTCUSDT-frames-2024-08-08T2354.gz"}, 148, 148}

// TenMinutes are beside it, where they are.
var TenMinutes = []Book{
	{"BTCUSDT", "0.00001", []string{tenMinutes + "btcusdt_20240808.gz", tenMinutes + "btcusdt_20240809.gz"}, 6491, 6493},
	{"ETHUSDT", "0.0001", []string{tenMinutes + "ethusdt_20240808.gz", tenMinutes + "ethusdt_20240809.gz"}, 6468, 6468},
}

// paths are the files, absolute. A test whose recording is not there is skipped.
func (b *Book) paths(t testing.TB) (paths []string) {
	t.Helper()
	for _, f := range b.Files {
		path := rig.File(t, f)
		if _, err := os.Stat(path); err != nil {
			t.Skipf("the recording of 2024-08-08 is not there: %v", err)
		}
		paths = append(paths, path)
	}
	return paths
}

// Contract is the book's entry in contracts.yaml under an id.
func (b *Book) Contract(id string) string {
	return fmt.Sprintf(`{id: %s, source: {venue: binance, symbol: %s}, base: %s, quote: USDT, tick: "0.01", step: "%s", books: ["0.01", "1", "10"], depth: 50}`, id, b.Symbol, b.base(), b.Step)
}

func (b *Book) base() string { return strings.TrimSuffix(b.Symbol, "USDT") }

// What ingest is configured with while books are played: the section's lines, and those of binance in it.
const (
	BooksIngest  = "  feed: {max_ahead: 10m}\n  books: {retry_min: 20ms, retry_max: 100ms}\n"
	BooksBinance = "silence: 60s, first_frame: 10s, backoff_min: 20ms, backoff_max: 200ms"
)

// Play is the simulator's configuration, so many times as fast as recorded. The market stands still until Release.
func Play(t testing.TB, books []Book, speed int) string {
	t.Helper()
	var symbols, markets []string
	for _, b := range books {
		symbols = append(symbols, fmt.Sprintf(`{symbol: %s, base: %s, quote: USDT, tick: "0.01", step: "%s"}`, b.Symbol, b.base(), b.Step))
		markets = append(markets, fmt.Sprintf("{symbol: %s, frames: [%s]}", b.Symbol, strings.Join(b.paths(t), ", ")))
	}
	return fmt.Sprintf("  symbols: [%s]\n  recording: {markets: [%s], times: kept, speed: %d, wait_for_streams: [\"go@now\"]}\n", strings.Join(symbols, ", "), strings.Join(markets, ", "), speed)
}

// Release lets the recording begin.
func Release(t testing.TB, exchange string) {
	t.Helper()
	c, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(exchange, "http")+"/ws/go@now", http.Header{})
	if err != nil {
		t.Fatalf("subscribe to go@now: %v", err)
	}
	resp.Body.Close()
	t.Cleanup(func() { c.Close() })
}

// Top is a best bid and offer with its update id; best is its prices and quantities in the recording's form.
type Top struct {
	Update   int64
	Best     string
	Bid, Ask int64 // in units of 10^-8
	Quality  string

	ComputeMs int64
}

func bestOf(t testing.TB, bid, bidQty, ask, askQty string) (best string, b, a int64) {
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

// TopOf reads a bbo message.
func TopOf(t testing.TB, raw []byte) (b Top) {
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
	b.Update, b.Quality, b.ComputeMs = m.Update, m.Q, m.Tsc
	b.Best, b.Bid, b.Ask = bestOf(t, m.Bid, m.BidQty, m.Ask, m.AskQty)
	return b
}

// TopOfBook reads the best levels of an orderbook message.
func TopOfBook(t testing.TB, raw []byte) (b Top) {
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
	b.Update, b.Quality = m.Update, m.Q
	b.Best, b.Bid, b.Ask = bestOf(t, m.Bids[0][0], m.Bids[0][1], m.Asks[0][0], m.Asks[0][1])
	return b
}

// Said is what the exchange said.
type Said struct {
	Snapshot int64
	Diffs    []int64 // the update ids with which the diffs after the snapshot end
	Tickers  []Top   // the bookTicker stream
}

// Read reads the recording.
func (b *Book) Read(t testing.TB) *Said {
	t.Helper()
	r := &Said{}
	var diffs []int64
	for _, file := range b.paths(t) {
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
				r.Snapshot = e.Last
			case "bookTicker":
				r.Tickers = append(r.Tickers, TopOf(t, e.Data))
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
	r.Diffs = slices.DeleteFunc(diffs, func(last int64) bool { return last <= r.Snapshot })
	if len(r.Diffs) != b.All {
		t.Fatalf("%d diffs after the snapshot, want %d", len(r.Diffs), b.All)
	}
	return r
}

// Ticker is the last bookTicker that is not after an update.
func (r *Said) Ticker(update int64) string {
	n := sort.Search(len(r.Tickers), func(i int) bool { return r.Tickers[i].Update > update })
	if n == 0 {
		return ""
	}
	return r.Tickers[n-1].Best
}

// ChangesAfter says whether the top changes after an update.
func (r *Said) ChangesAfter(update int64) bool {
	return slices.ContainsFunc(r.Diffs, func(d int64) bool { return d > update && r.Ticker(d) != r.Ticker(update) })
}

// CheckClient compares all that a client got of a contract with the exchange's own best prices, by update id; its book was away at least gaps times.
func CheckClient(t testing.TB, b *Book, r *Said, cl *rig.Client, contract string, gaps int) {
	t.Helper()
	type count struct{ equal, marked, wrong int }
	counts := map[string]*count{"bbo": {}, "orderbook": {}}
	outages, synced := 0, true
	for _, m := range cl.Received() {
		var top Top
		kind, _, _ := strings.Cut(m.Topic, "/")
		switch {
		case !strings.HasSuffix(m.Topic, "/"+contract) && m.Topic != "status/"+contract+"/book":
			continue
		case kind == "bbo":
			top = TopOf(t, m.Raw)
		case kind == "orderbook":
			top = TopOfBook(t, m.Raw)
		default:
			if was := synced; was != (m.State == "SYNCED") {
				if synced = !was; was {
					outages++
				}
			}
			continue
		}
		if top.Bid >= top.Ask {
			t.Errorf("%s: crossed: %s", m.Topic, m.Raw)
		}
		want := r.Ticker(top.Update)
		switch n := counts[kind]; {
		case top.Quality != "ok":
			n.marked++
		case want == "" || want == top.Best: // before the first bookTicker there is nothing to compare with
			n.equal++
		default:
			n.wrong++
		}
	}
	for kind, n := range counts {
		t.Logf("%s: a client's %s: %d equal, %d marked, %d wrong", b.Symbol, kind, n.equal, n.marked, n.wrong)
		if n.equal < b.All/20 || n.wrong > b.All-b.Equal {
			t.Errorf("%s: %s: want at least %d equal, at most %d wrong", b.Symbol, kind, b.All/20, b.All-b.Equal)
		}
	}
	if !synced || outages < gaps {
		t.Errorf("%s: the status of the book went from SYNCED %d times and is SYNCED at the end: %t; want %d", b.Symbol, outages, synced, gaps)
	}
	t.Logf("%s: %d outages in the book's status", b.Symbol, outages)
}
