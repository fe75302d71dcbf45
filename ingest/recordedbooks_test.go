package ingest_test

import (
	"bytes"
	"encoding/json"
	"os"
	"sort"
	"testing"
	"time"

	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/market/markettest"
	"github.com/tickcast/tickcast/simexchange"
)

// TestTheRecordedBookComesThroughANetworkWithFaults plays the depth of 2024-08-08 from 23:54:15 to midnight at twenty times its speed: whenever the log's book
// is valid, its best bid and ask are those of the recorded bookTicker.
func TestTheRecordedBookComesThroughANetworkWithFaults(t *testing.T) {
	t.Parallel()
	const file, frames, path = "../../shared/data/binance-spot-2024-08-08/spot_btcusdt_20240808.gz", "*@depth@100ms", "/api/v3/depth"
	if _, err := os.Stat(file); err != nil {
		t.Skipf("the recording of 2024-08-08 is not there: %v", err)
	}
	tickers, lastID := recordedTickers(t, file)
	for _, c := range []struct {
		name   string
		faults []simexchange.Fault
		gaps   int // at least
	}{
		{"as recorded", nil, 0},
		{"with faults", []simexchange.Fault{
			{Kind: simexchange.FaultDrop, Stream: frames, After: 200}, {Kind: simexchange.FaultReorder, Stream: frames, After: 700},
			{Kind: simexchange.FaultDuplicate, Stream: frames, Probability: 0.1, Seed: 1}, {Kind: simexchange.FaultCrossed, Stream: frames, After: 1200},
			{Kind: simexchange.FaultDrop, Stream: frames, After: 1700}, {Kind: simexchange.FaultStale, Path: path, After: 2, Count: 2},
			{Kind: simexchange.FaultRST, Stream: frames, After: 2200},
		}, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := simexchange.DefaultConfig()
			cfg.Symbols = []simexchange.Symbol{{Symbol: "BTCUSDT", Base: "BTC", Quote: "USDT", Tick: "0.01", Step: "0.00001"}}
			cfg.Recording = &simexchange.RecordingConfig{Times: "kept", Speed: 20, WaitForStreams: []string{frames},
				Markets: []simexchange.Recording{{Symbol: "BTCUSDT", Frames: []string{file}}}}
			cfg.Faults = c.faults
			sim := startSim(t, cfg)
			log := newMemLog()
			ic := testConfig(sim.URL())
			ic.Feed.MaxAhead, ic.Binance.Silence, ic.Binance.FirstFrame = 10*time.Minute, time.Second, time.Second
			if c.faults == nil {
				ic.Binance.Silence = 10 * time.Second // a second without a frame is the machine's doing, and would be a gap
			}
			ic.Books.RetryMin, ic.Books.RetryMax = 20*time.Millisecond, 100*time.Millisecond
			btc := withBooks(contract(t, "BTCUSDT", "0.00001"))
			_, stop := startIngest(t, ic, log, btc)
			log.wait(t, "the last diff", func() bool {
				rs := log.records[bookLog("BTCUSDT")]
				for i := len(rs) - 1; i >= 0; i-- {
					if rs[i].Kind == market.KindDiff || rs[i].Kind == market.KindSnapshot {
						return rs[i].Book.LastID >= lastID
					}
				}
				return false
			})
			stop()
			var b bookReader
			compared := 0
			for i := range log.records[bookLog("BTCUSDT")] {
				r := &log.records[bookLog("BTCUSDT")][i]
				if err := b.read(r); err != nil {
					t.Fatal(err)
				}
				if r.Kind != market.KindDiff && r.Kind != market.KindSnapshot {
					continue
				}
				n := sort.Search(len(tickers), func(i int) bool { return tickers[i].id > b.last })
				if n == 0 {
					continue
				}
				bid, _ := b.book.BestBid()
				ask, _ := b.book.BestAsk()
				if compared++; tickers[n-1].bid != bid || tickers[n-1].ask != ask {
					t.Fatalf("at update %d the best are %v and %v, the bookTicker %d has %v and %v", b.last, bid, ask, tickers[n-1].id, tickers[n-1].bid, tickers[n-1].ask)
				}
			}
			if compared < 2500 || b.gaps < c.gaps || c.gaps == 0 && b.gaps > 0 {
				t.Errorf("%d commands compared, %d gaps, want at least %d", compared, b.gaps, c.gaps)
			}
		})
	}
}

type ticker struct {
	id       int64
	bid, ask market.Level
}

// recordedTickers reads the bookTicker frames, and the last update of the depth frames.
func recordedTickers(t *testing.T, file string) (out []ticker, lastID int64) {
	t.Helper()
	c := contract(t, "BTCUSDT", "0.00001")
	markettest.Frames(t, file, func(_ int64, frame []byte) {
		book := bytes.Contains(frame[:60], []byte("@bookTicker"))
		if !book && !bytes.Contains(frame[:60], []byte("@depth")) {
			return
		}
		var e struct {
			Data struct {
				ID     int64           `json:"u"`
				First  int64           `json:"U"`
				Bid    json.RawMessage `json:"b"`
				BidQty json.RawMessage `json:"B"`
				Ask    json.RawMessage `json:"a"`
				AskQty json.RawMessage `json:"A"`
			}
		}
		if err := json.Unmarshal(frame, &e); err != nil {
			t.Fatal(err)
		}
		if d := &e.Data; book {
			level := func(p, q json.RawMessage) market.Level {
				return levelsOf(t, &c, [][2]string{{string(bytes.Trim(p, `"`)), string(bytes.Trim(q, `"`))}})[0]
			}
			out = append(out, ticker{d.ID, level(d.Bid, d.BidQty), level(d.Ask, d.AskQty)})
		} else {
			lastID = d.ID
		}
	})
	return out, lastID
}
