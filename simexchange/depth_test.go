package simexchange

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/binanceapi"
)

const (
	recordedFrames = "testdata/BTCUSDT-frames-2024-08-08T2354.gz"
	wholeRecording = "../../shared/data/binance-spot-2024-08-08"
)

// recordedBooks are the recordings that are here, with how many diffs follow the snapshot and how many of these have the top that bookTicker says. In two of
// the whole recording's it is the bookTicker stream that lags.
type recordedBook struct {
	Recording
	trades, diffs, tops int
}

func recordedBooks() []recordedBook {
	all := []recordedBook{{Recording{Symbol: "BTCUSDT", Frames: []string{recordedFrames}}, 283, 148, 148}}
	if _, err := os.Stat(wholeRecording); err != nil {
		return all
	}
	whole := func(symbol string) Recording {
		name := wholeRecording + "/spot_" + strings.ToLower(symbol)
		return Recording{Symbol: symbol, Frames: []string{name + "_20240808.gz", name + "_20240809.gz"}}
	}
	return append(all, recordedBook{whole("BTCUSDT"), 19904, 6493, 6491}, recordedBook{whole("ETHUSDT"), 14515, 6468, 6468})
}

func TestRecordedBookHasTheTopOfBookTicker(t *testing.T) {
	t.Parallel()
	for _, r := range recordedBooks() {
		rec, err := r.load()
		if err != nil {
			t.Fatal(err)
		}
		if n := rec.trades[len(rec.trades)-1].LastID - rec.trades[0].FirstID + 1; n != int64(r.trades) {
			t.Errorf("%s: %d single trades, want %d", r.Frames[0], n, r.trades)
		}
		d := newDepth()
		d.book.apply(rec.snapshot.LastID, rec.snapshot.Levels)
		next, diffs, equal := 0, 0, 0
		for i := range rec.diffs {
			c := rec.diffs[i].Book
			d.add(c, true)
			if c.LastID <= rec.snapshot.LastID {
				continue
			}
			for next < len(rec.tops) && rec.tops[next].Best.ID <= c.LastID {
				next++
			}
			diffs++
			said, has := rec.tops[next-1].Best, d.book.best()
			if said.Bid == has.Bid && said.Ask == has.Ask {
				equal++
			} else {
				t.Logf("%s at %d: the book has %+v, bookTicker says %+v", r.Symbol, rec.diffs[i].TimeUs, has, *said)
			}
			if has.Bid.Price >= has.Ask.Price {
				t.Fatalf("%s: crossed at %d: %+v", r.Symbol, rec.diffs[i].TimeUs, has)
			}
		}
		if diffs != r.diffs || equal != r.tops {
			t.Errorf("%s: %d diffs after the snapshot, %d with bookTicker's top; want %d, %d", r.Frames[0], diffs, equal, r.diffs, r.tops)
		}
	}
}

// recordedLines are the data of a recording's frames of one stream, as they were received.
func recordedLines(t *testing.T, r *Recording, stream string) (lines []string) {
	t.Helper()
	head := fmt.Sprintf(`{"stream":"%s@%s","data":`, strings.ToLower(r.Symbol), stream)
	for _, path := range r.Frames {
		err := readFile(path, func(in io.Reader) error {
			sc := bufio.NewScanner(in)
			sc.Buffer(nil, 4<<20)
			for sc.Scan() {
				_, frame, _ := bytes.Cut(sc.Bytes(), []byte(" "))
				if data, ok := bytes.CutPrefix(frame, []byte(head)); ok {
					lines = append(lines, strings.TrimSuffix(string(data), "}"))
				}
			}
			return sc.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return lines
}

// What is read from a recording is written again to the byte, from the recorded change as well as from a window over the book that it made.
func TestRecordedFramesAreServedToTheByte(t *testing.T) {
	t.Parallel()
	for _, r := range recordedBooks() {
		rec, err := r.load()
		if err != nil {
			t.Fatal(err)
		}
		b := newBook()
		b.apply(rec.snapshot.LastID, rec.snapshot.Levels)
		for i, want := range recordedLines(t, &r.Recording, "depth@100ms") {
			e := &rec.diffs[i]
			if got := string(appendDepth(nil, binanceapi.Ms, e.TimeUs, r.Symbol, e.Book)); got != want {
				t.Fatalf("diff %d\n got %s\nwant %s", i, got, want)
			}
			if e.Book.LastID <= rec.snapshot.LastID {
				continue
			}
			b.apply(e.Book.LastID, e.Book.Levels)
			var w window
			w.add(e.Book.FirstID, e.Book.Levels)
			rand.Shuffle(len(w.keys), func(i, j int) { w.keys[i], w.keys[j] = w.keys[j], w.keys[i] })
			if c, _ := w.take(b); string(appendDepth(nil, binanceapi.Ms, e.TimeUs, r.Symbol, &c)) != want {
				t.Fatalf("window of diff %d\n got %+v\nwant %s", i, c, want)
			}
		}
		for i, want := range recordedLines(t, &r.Recording, "bookTicker") {
			if got := string(appendBookTicker(nil, r.Symbol, rec.tops[i].Best)); got != want {
				t.Fatalf("bookTicker %d\n got %s\nwant %s", i, got, want)
			}
		}
	}
}

// A slow program that knows nothing of sorted slices, windows or streams.
type plainBook map[levelChange]int64

func (p plainBook) set(c levelChange) {
	key := levelChange{Bid: c.Bid, Price: c.Price}
	if p[key] = c.Qty; c.Qty == 0 {
		delete(p, key)
	}
}

func (p plainBook) side(bid bool) (ls []level) {
	for k, q := range p {
		if k.Bid == bid {
			ls = append(ls, level{k.Price, q})
		}
	}
	slices.SortFunc(ls, func(a, b level) int {
		if a.Price < b.Price == bid {
			return 1
		}
		return -1
	})
	return ls
}

func TestBookAndItsFramesEqualAPlainOne(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	d := newDepth()
	truth, fast, slow := plainBook{}, plainBook{}, plainBook{}
	var fastID, slowID int64
	follow := func(p plainBook, last *int64, c bookChange, ok bool) {
		if !ok {
			return
		}
		if c.FirstID != *last+1 || c.LastID < c.FirstID || !slices.IsSortedFunc(c.Levels, compareLevels) {
			t.Fatalf("frame %d to %d after %d: %v", c.FirstID, c.LastID, *last, c.Levels)
		}
		*last = c.LastID
		for _, l := range c.Levels {
			p.set(l)
		}
		if fmt.Sprint(p.side(true), p.side(false)) != fmt.Sprint(truth.side(true), truth.side(false)) {
			t.Fatalf("a book that follows the frames is another one at %d", c.LastID)
		}
	}
	for id := int64(1); id < 5000; id++ {
		c := bookChange{FirstID: id, LastID: id}
		for range 1 + r.IntN(3) {
			bid := r.IntN(2) == 0
			l := levelChange{Bid: bid, Price: 1000 + r.Int64N(60), Qty: max(0, r.Int64N(30)-10)}
			if bid {
				l.Price -= 60
			}
			c.Levels = append(c.Levels, l)
			truth.set(l)
		}
		d.add(&c, false)
		if r.IntN(4) == 0 {
			c, ok := d.takeFast()
			follow(fast, &fastID, c, ok)
			if r.IntN(5) == 0 {
				c, ok := d.takeSlow()
				follow(slow, &slowID, c, ok)
			}
		}
		top := d.book.top(20)
		bids, asks := truth.side(true), truth.side(false)
		if fmt.Sprint(top.bids, top.asks) != fmt.Sprint(bids[:min(20, len(bids))], asks[:min(20, len(asks))]) || top.lastID != id {
			t.Fatalf("book at %d: %+v, want %v %v", id, top, bids, asks)
		}
	}
}
