package depth_test

import (
	"encoding/json"
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/ingest/depth"
	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/market/markettest"
)

// A recording holds lines of a receive time (ns) and a frame of a combined stream, or a REST depth snapshot where it arrived. The small one is the first 20
// seconds of the large ones without trades; source and licence are beside it.
func TestTheRecordedBooksTopIsTheRecordedBookTicker(t *testing.T) {
	t.Parallel()
	const shared = "../../../shared/data/binance-spot-2024-08-08/spot_"
	for _, c := range []struct {
		name, symbol, step string
		files              []string
		equal, all         int
	}{
		// Where two are not equal, the error is in the bookTicker stream (00:01:06.102 and 00:01:07.202).
		{"20 seconds", "BTCUSDT", "0.00001", []string{"testdata/btcusdt-20240808T235415.gz"}, 198, 198},
		{"BTCUSDT", "BTCUSDT", "0.00001", []string{shared + "btcusdt_20240808.gz", shared + "btcusdt_20240809.gz"}, 6491, 6493},
		{"ETHUSDT", "ETHUSDT", "0.0001", []string{shared + "ethusdt_20240808.gz", shared + "ethusdt_20240809.gz"}, 6468, 6468},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := os.Stat(c.files[0]); err != nil {
				t.Skipf("the recording of 2024-08-08 is not there: %v", err)
			}
			r := play(t, c.symbol, c.step, c.files)
			equal := 0
			for _, top := range r.tops {
				if i := sort.Search(len(r.tickers), func(i int) bool { return r.tickers[i].id > top.id }); i > 0 && r.tickers[i-1].bid == top.bid && r.tickers[i-1].ask == top.ask {
					equal++
				}
			}
			if equal != c.equal || len(r.tops) != c.all {
				t.Errorf("the top equals the bookTicker %d of %d times, want %d of %d", equal, len(r.tops), c.equal, c.all)
			}
			n := r.feed.Counts
			if n.Gaps != 0 || n.Quarantined != 0 || n.Late != 0 || n.Epochs != 1 || r.feed.State() != market.FeedSynced {
				t.Errorf("state %s, %+v", r.feed.State(), n)
			}
			minutes := map[int64]bool{}
			for _, ms := range r.snapshots {
				minutes[ms/market.MinuteMs] = true
			}
			first, last := r.snapshots[0]/market.MinuteMs, r.tops[len(r.tops)-1].ms/market.MinuteMs
			for m := first; m <= last; m++ {
				if !minutes[m] {
					t.Errorf("no snapshot in minute %d after the first", m-first)
				}
			}
		})
	}
}

// top is the best bid and ask (price and quantity) after an update.
type top struct {
	id, ms   int64
	bid, ask market.Level
}

type recording struct {
	feed      *depth.Feed
	tops      []top // as a reader of the log sees them, after each diff
	tickers   []top // as the bookTicker stream had them
	snapshots []int64
	records   int
}

// play gives the recording's frames to a feed, at the times at which they came, and reads the log.
func play(t *testing.T, symbol, step string, files []string) *recording {
	t.Helper()
	c := market.Contract{ID: symbol, Source: "binance", Symbol: symbol, Tick: market.Unit{Scale: 2, Size: 1}}
	var err error
	if c.Step, err = market.ParseUnit(step); err != nil {
		t.Fatal(err)
	}
	r := &recording{feed: depth.New(depth.DefaultConfig(), c, false)}
	var reader logReader
	var asked []depth.Request
	var lastClockAt, pendingAt, restID int64
	begun := false
	level := func(p, q string) market.Level {
		var l market.Level
		var err1, err2 error
		l.Price, err1 = market.ParseScaled(p, c.Tick.Scale)
		l.Qty, err2 = market.ParseScaled(q, c.Step.Scale)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		return l
	}
	take := func(nowMs int64) {
		out := r.feed.Take()
		asked = append(asked, out.Requests...)
		for i := range out.Records {
			rec := &out.Records[i]
			r.records++
			if err := reader.read(rec); err != nil {
				t.Fatal(err)
			}
			switch rec.Kind {
			case market.KindSnapshot:
				r.snapshots = append(r.snapshots, rec.EventMs)
			case market.KindClock:
				lastClockAt, pendingAt = nowMs, 0
			}
			if n := len(r.tops); reader.valid && reader.last > restID && (n == 0 || r.tops[n-1].id < reader.last) {
				bid, _ := reader.book.BestBid()
				ask, _ := reader.book.BestAsk()
				r.tops = append(r.tops, top{reader.last, reader.ms, bid, ask})
				if pendingAt == 0 {
					pendingAt = nowMs
				}
			}
		}
		if pendingAt != 0 && nowMs-pendingAt > 100 || lastClockAt != 0 && nowMs-lastClockAt > 1000 {
			t.Fatalf("no clock for %d ms, after a command for %d", nowMs-lastClockAt, nowMs-pendingAt)
		}
	}
	var now int64
	until := func(ms int64) {
		for begun {
			at := r.feed.Wake(now)
			if at > ms {
				break
			}
			now = at
			r.feed.Tick(now)
			take(now)
		}
		now = ms
	}
	for _, file := range files {
		markettest.Frames(t, file, func(ns int64, frame []byte) {
			until(ns / 1e6)
			if !begun {
				begun = true
				r.feed.Start(now, now, nil)
				r.feed.ConnUp(now, 1)
			}
			var f struct {
				Stream string
				Last   int64       `json:"lastUpdateId"`
				Bids   [][2]string `json:"bids"`
				Asks   [][2]string `json:"asks"`
				Data   json.RawMessage
			}
			if err := json.Unmarshal(frame, &f); err != nil {
				t.Fatal(err)
			}
			switch f.Stream {
			case "":
				if len(asked) == 0 {
					t.Fatal("the feed did not ask for the snapshot")
				}
				r.feed.Answer(now, &depth.Answer{Serial: asked[0].Serial, LastID: f.Last, Bids: f.Bids, Asks: f.Asks})
				asked, restID = asked[1:], f.Last
			case strings.ToLower(symbol) + "@depth@100ms":
				var d struct {
					Event string      `json:"e"`
					Time  int64       `json:"E"`
					S     string      `json:"s"`
					First int64       `json:"U"`
					Last  int64       `json:"u"`
					Bids  [][2]string `json:"b"`
					Asks  [][2]string `json:"a"`
				}
				if err := json.Unmarshal(f.Data, &d); err != nil {
					t.Fatal(err)
				}
				r.feed.Diff(now, 1, &depth.RawDiff{Symbol: d.S, EventMs: d.Time, FirstID: d.First, LastID: d.Last, Bids: d.Bids, Asks: d.Asks})
			case strings.ToLower(symbol) + "@bookTicker":
				var d struct {
					ID     int64  `json:"u"`
					Bid    string `json:"b"`
					BidQty string `json:"B"`
					Ask    string `json:"a"`
					AskQty string `json:"A"`
				}
				if err := json.Unmarshal(f.Data, &d); err != nil {
					t.Fatal(err)
				}
				r.tickers = append(r.tickers, top{id: d.ID, bid: level(d.Bid, d.BidQty), ask: level(d.Ask, d.AskQty)})
			}
			take(now)
		})
	}
	until(now + 200)
	return r
}
