package simexchange

import (
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/market"
)

func framesConfig(speed float64, markets ...Recording) func(*Config) {
	return func(c *Config) {
		var used []Symbol
		for _, s := range c.Symbols {
			for _, m := range markets {
				if s.Symbol == m.Symbol {
					used = append(used, s)
				}
			}
		}
		c.Symbols = used
		c.Recording = &RecordingConfig{Times: "kept", Speed: speed, WaitForStreams: []string{"go@*"}, Markets: markets}
	}
}

// wireBook is a client's own book, by the rules of "How to manage a local order book correctly".
type wireBook struct {
	book
	synced bool
}

func (b *wireBook) start(t *testing.T, snapshot recordedDepth) {
	t.Helper()
	levels, err := appendRecorded(nil, true, snapshot.Bids)
	if err == nil {
		levels, err = appendRecorded(levels, false, snapshot.Asks)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.book = *newBook()
	b.apply(snapshot.SnapshotID, levels)
	b.synced = true
}

// follow applies a diff; false if it does not follow.
func (b *wireBook) follow(t *testing.T, d *recordedDepth) bool {
	t.Helper()
	if d.Last <= b.lastID {
		return true
	}
	if d.First > b.lastID+1 {
		b.synced = false
		return false
	}
	levels, err := appendRecorded(nil, true, d.BidsChanged)
	if err == nil {
		levels, err = appendRecorded(levels, false, d.AsksChanged)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.apply(d.Last, levels)
	return true
}

func getDepth(t *testing.T, s *Server, path string) recordedDepth {
	t.Helper()
	body, resp := get(t, s, path)
	if resp.StatusCode != 200 {
		t.Fatalf("%s: %s", path, body)
	}
	return decode[recordedDepth](t, []byte(body))
}

func (b *wireBook) equals(t *testing.T, d recordedDepth) bool {
	t.Helper()
	var other wireBook
	other.start(t, d)
	n := max(len(d.Bids), len(d.Asks))
	return string(appendTop(nil, ptr(b.top(n)))) == string(appendTop(nil, ptr(other.top(n))))
}

func ptr[T any](v T) *T { return &v }

// The recording as fast as it is read: every frame as it was recorded, and REST's book in step with them.
func TestRecordedDepthPlaysAsRecorded(t *testing.T) {
	t.Parallel()
	for _, r := range recordedBooks() {
		t.Run(r.Frames[0], func(t *testing.T) {
			t.Parallel()
			playAsRecorded(t, r.Recording)
		})
	}
}

func playAsRecorded(t *testing.T, rec Recording) {
	recorded, err := rec.load()
	if err != nil {
		t.Fatal(err)
	}
	symbol := strings.ToLower(rec.Symbol)
	s := start(t, func(c *Config) { framesConfig(0, rec)(c); c.WebSocket.Queue = 4 })
	path := "/api/v3/depth?limit=5000&symbol=" + rec.Symbol
	var own wireBook
	own.start(t, getDepth(t, s, path))
	if own.lastID != recorded.snapshot.LastID {
		t.Errorf("snapshot before the start: %d", own.lastID)
	}
	conn := dial(t, s, strings.ReplaceAll("/stream?streams=x@depth@100ms/x@bookTicker/x@depth/x@depth20@100ms/x@aggTrade", "x@", symbol+"@"))
	conn.SetReadDeadline(time.Now().Add(5 * time.Minute))
	dial(t, s, "/ws/go@now")
	slow := own
	slow.book = *newBook()
	slow.apply(own.lastID, allLevels(&own.book))
	want := map[string][]string{}
	for _, stream := range []string{"depth@100ms", "bookTicker"} {
		want[stream] = recordedLines(t, &rec, stream)
	}
	partials := 0
	for len(want["depth@100ms"]) > 0 || len(want["bookTicker"]) > 0 {
		f := decode[streamFrame](t, []byte(readText(t, conn)))
		stream := strings.TrimPrefix(f.Stream, symbol+"@")
		switch stream {
		case "depth@100ms", "bookTicker":
			if len(want[stream]) == 0 || string(f.Data) != want[stream][0] {
				t.Fatalf("%s: %s", stream, f.Data)
			}
			want[stream] = want[stream][1:]
			if stream == "bookTicker" {
				continue
			}
			if d := decode[recordedDepth](t, f.Data); !own.follow(t, &d) {
				t.Fatalf("diff %d to %d after %d", d.First, d.Last, own.lastID)
			}
		case "depth":
			if d := decode[recordedDepth](t, f.Data); !slow.follow(t, &d) {
				t.Fatalf("diff of a second %d to %d after %d", d.First, d.Last, slow.lastID)
			}
			if got := string(appendTop(nil, ptr(slow.top(5000)))); got != string(appendTop(nil, ptr(own.top(5000)))) {
				t.Fatalf("the books of both paces differ at %d, %d", slow.lastID, own.lastID)
			}
		case "depth20@100ms":
			if got := string(appendTop(nil, ptr(own.top(20)))); got != string(f.Data) {
				t.Fatalf("depth20\n got %s\nwant %s", f.Data, got)
			}
			partials++
		}
	}
	if partials < len(recorded.diffs)-1 || slow.lastID == recorded.snapshot.LastID { // the last one may be under way
		t.Errorf("%d partial books, slow stream at %d", partials, slow.lastID)
	}
	if got := getDepth(t, s, path); !own.equals(t, got) {
		t.Errorf("REST at %d, the stream at %d", got.SnapshotID, own.lastID)
	}
}

func allLevels(b *book) (out []levelChange) {
	for _, s := range []*side{&b.bids, &b.asks} {
		for _, l := range s.levels {
			out = append(out, levelChange{s.bid, l.Price, l.Qty})
		}
	}
	return out
}

// At the recording's pace, its times moved: each frame comes when its time has come, and REST is never behind what was sent.
func TestRecordedDepthMovedToNow(t *testing.T) {
	t.Parallel()
	rec := recordedBooks()[0].Recording
	s := start(t, func(c *Config) {
		framesConfig(1, rec)(c)
		c.Recording.Times, c.Recording.WaitForStreams = "moved", nil
	})
	first := getRows[recordedTrade](t, s, "/api/v3/aggTrades?symbol=BTCUSDT&fromId=1&limit=1")
	shift := first[0].TimeMs - 1723161255342
	if shift%market.MinuteMs != 0 || shift <= 0 {
		t.Errorf("first trade %+v", first)
	}
	d := getDepth(t, s, "/api/v3/depth?symbol=BTCUSDT&limit=5")
	if len(d.Bids) != 5 || len(d.Asks) != 5 || d.SnapshotID < 50093239218 || time.Now().UnixMilli() < shift {
		t.Errorf("%+v", d)
	}
}

// Every way to see the book of the random market shows the same one: diffs of both paces, partial books, bookTicker, and REST at two moments.
func TestBooksAgreeOverStreamsAndREST(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const path = "/api/v3/depth?symbol=BTCUSDT&limit=5000"
	conn := dial(t, s, "/stream?streams=btcusdt@depth@100ms/btcusdt@depth/btcusdt@bookTicker/btcusdt@depth5@100ms/btcusdt@depth20@100ms/btcusdt@depth10")
	var fast, slow, later wireBook
	var top recordedTop // the last one said
	var seen map[string]int
	for round := 0; round < 25 || seen["btcusdt@depth10"] < 2; round++ {
		f := decode[streamFrame](t, []byte(readText(t, conn)))
		if seen == nil { // a snapshot is only of use once frames are coming
			seen = map[string]int{}
			first := getDepth(t, s, path)
			fast.start(t, first)
			slow.start(t, first)
		}
		if f.Stream != "btcusdt@depth@100ms" {
			round--
		}
		d := recordedDepth{}
		switch f.Stream {
		case "btcusdt@bookTicker":
			next := decode[recordedTop](t, f.Data)
			if next.ID <= top.ID {
				t.Fatalf("bookTicker %+v after %+v", next, top)
			}
			top = next
			continue
		default:
			d = decode[recordedDepth](t, f.Data)
		}
		seen[f.Stream]++
		switch f.Stream {
		case "btcusdt@depth@100ms":
			last := fast.lastID
			if !fast.follow(t, &d) {
				t.Fatalf("diff %d to %d after %d", d.First, d.Last, last)
			}
			if round == 10 {
				later.start(t, getDepth(t, s, path))
			}
			if later.synced && !later.follow(t, &d) {
				t.Fatalf("diff %d to %d does not follow the snapshot of %d", d.First, d.Last, later.lastID)
			}
			if has := fast.best(); d.Last == fast.lastID && fast.lastID > last && top.ID > 0 {
				bid, _ := recordedLevel(top.BidPrice, top.BidQty)
				ask, _ := recordedLevel(top.AskPrice, top.AskQty)
				if top.ID > d.Last || has.Bid != bid || has.Ask != ask || has.Bid.Price >= has.Ask.Price {
					t.Fatalf("the book has %+v, bookTicker says %+v", has, top)
				}
			}
		case "btcusdt@depth":
			if !slow.follow(t, &d) {
				t.Fatalf("diff of a second %d to %d after %d", d.First, d.Last, slow.lastID)
			}
			if slow.lastID == fast.lastID && string(appendTop(nil, ptr(slow.top(5000)))) != string(appendTop(nil, ptr(fast.top(5000)))) {
				t.Fatalf("the books of both paces differ at %d", slow.lastID)
			}
		default:
			n := map[string]int{"btcusdt@depth5@100ms": 5, "btcusdt@depth20@100ms": 20, "btcusdt@depth10": 10}[f.Stream]
			if got := string(appendTop(nil, ptr(fast.top(n)))); d.SnapshotID == fast.lastID && got != string(f.Data) {
				t.Fatalf("%s\n got %s\nwant %s", f.Stream, f.Data, got)
			} else if d.SnapshotID > fast.lastID {
				t.Fatalf("%s of %d is ahead of the diffs' %d", f.Stream, d.SnapshotID, fast.lastID)
			}
		}
	}
	if string(appendTop(nil, ptr(later.top(5000)))) != string(appendTop(nil, ptr(fast.top(5000)))) {
		t.Errorf("books of two snapshots differ at %d and %d", later.lastID, fast.lastID)
	}
	for _, stream := range []string{"btcusdt@depth", "btcusdt@depth5@100ms", "btcusdt@depth20@100ms"} {
		if seen[stream] == 0 {
			t.Errorf("no frame of %s", stream)
		}
	}
}
