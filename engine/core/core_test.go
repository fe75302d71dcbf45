package core

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/book"
	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/matching"
)

var update = flag.Bool("update", false, "write the golden files again")

var perp = market.Contract{ID: "BTC-PERP", Source: "engine", Symbol: "BTC-PERP", Base: "BTC", Quote: "USDT",
	Tick: market.Unit{Scale: 1, Size: 5}, Step: market.Unit{Scale: 3, Size: 1}, Books: []market.Unit{{Scale: 1, Size: 5}}, Depth: 50,
	Period: []market.Period{market.Period1s, market.Period1m, market.Period1d}}

func newMarket(t testing.TB) *Market {
	t.Helper()
	m, err := New(perp)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestTranscript plays the files of testdata: lines that begin with '>' are entries, '#' comments, the others the records that came of them.
func TestTranscript(t *testing.T) {
	for _, name := range []string{"session", "midnight"} {
		t.Run(name, func(t *testing.T) {
			path := "testdata/" + name + ".txt"
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			m := newMarket(t)
			var got bytes.Buffer
			for line := range strings.Lines(string(want)) {
				if line == "\n" || line[0] == '#' || line[0] == '>' {
					got.WriteString(line)
				}
				if line[0] != '>' {
					continue
				}
				entry := strings.TrimSpace(line[1:])
				e, err := ParseLine([]byte(entry), m.Contract())
				if err != nil {
					fmt.Fprintf(&got, "  error: %s\n", err)
					continue
				}
				if again := e.AppendLine(nil, m.Contract()); string(again) != entry+"\n" && e.Verb != Open {
					t.Errorf("%q is written as %q", entry, again)
				}
				refused, err := m.Apply(&e)
				if err != nil {
					t.Fatal(err)
				}
				if refused != "" {
					fmt.Fprintf(&got, "  refused: %s\n", refused)
				}
				for _, x := range m.Take() {
					fmt.Fprintf(&got, "  %s %s\n", [...]string{"trades", "books"}[x.Log], x.Record.AppendJSON(nil))
				}
			}
			if *update {
				if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got.String() != string(want) {
				t.Errorf("got\n%s", got.String())
			}
		})
	}
}

// reader checks what ARCHITECTURE.md promises to whoever reads the two logs.
type reader struct {
	t      testing.TB
	epoch  [2]int64
	seq    [2]int64
	clock  [2]int64
	since  [2]int64 // time of the first record since the last clock record that wants one
	opened [2]int64 // time of the last open
	agg    int64
	book   book.Book
	update int64
	count  [16]int
	dec    market.Decoder
}

func (r *reader) take(l Log, line []byte) {
	r.t.Helper()
	var rec market.Record
	if err := r.dec.Decode(line, &rec); err != nil {
		r.t.Fatalf("%s: %v", line, err)
	}
	r.count[rec.Kind]++
	if rec.Epoch != r.epoch[l] {
		r.epoch[l], r.seq[l], r.clock[l], r.since[l], r.update = rec.Epoch, 0, 0, 0, 0
		if l == Trades {
			r.agg = 0
		}
	}
	if rec.Seq != r.seq[l]+1 {
		r.t.Fatalf("seq %d after %d: %s", rec.Seq, r.seq[l], line)
	}
	r.seq[l] = rec.Seq
	wait := [...]int64{250, 100}[l]
	switch rec.Kind {
	case market.KindOpen: // whoever was before could be killed at any time
		r.since[l], r.opened[l] = 0, rec.EventMs
	case market.KindTrade, market.KindDiff:
		if rec.EventMs < r.clock[l] {
			r.t.Fatalf("the clock was at %d already: %s", r.clock[l], line)
		}
		if rec.EventMs-rec.EventMs%1000 > r.clock[l] {
			r.t.Fatalf("no clock record of the second before: %s", line)
		}
		if r.since[l] == 0 && rec.EventMs >= r.opened[l] { // not those that a new epoch repeats
			r.since[l] = rec.EventMs
		}
		if r.since[l] != 0 && rec.EventMs > r.since[l]+wait {
			r.t.Fatalf("no clock record since %d: %s", r.since[l], line)
		}
	case market.KindClock:
		if rec.EventMs <= r.clock[l] || r.since[l] != 0 && rec.EventMs > r.since[l]+wait {
			r.t.Fatalf("clock after %d, waited for since %d: %s", r.clock[l], r.since[l], line)
		}
		r.clock[l], r.since[l] = rec.EventMs, 0
	}
	switch rec.Kind {
	case market.KindTrade:
		if r.agg != 0 && rec.Trade.AggID != r.agg+1 {
			r.t.Fatalf("trade after %d: %s", r.agg, line)
		}
		r.agg = rec.Trade.AggID
	case market.KindSnapshot:
		var full market.BookChange
		full.Bids, full.Asks = r.book.AppendBids(nil, 1<<20), r.book.AppendAsks(nil, 1<<20)
		if r.update != 0 && (rec.Book.LastID != r.update || !slices.Equal(full.Bids, rec.Book.Bids) || !slices.Equal(full.Asks, rec.Book.Asks)) {
			r.t.Fatalf("the diffs do not make the snapshot of update %d", rec.Book.LastID)
		}
		r.book.Set(&rec.Book)
		r.update = rec.Book.LastID
	case market.KindDiff:
		if rec.Book.FirstID != r.update+1 || rec.Book.LastID != r.update+1 {
			r.t.Fatalf("update after %d: %s", r.update, line)
		}
		r.update++
		r.book.Apply(&rec.Book)
		if r.book.Crossed() {
			r.t.Fatalf("crossed by %s", line)
		}
	}
}

func flowOf(rateMilli int64, history time.Duration) *Flow {
	return &Flow{Params: matching.DefaultFlowParams(200_000, 20, rateMilli), Seed: 11, HistoryMs: history.Milliseconds()}
}

// session drives a market as the engine does, with restarts, sleeps, busts and corrections, and returns its command log and records.
func session(t testing.TB, seed uint64, seconds int64) (lines [][]byte, records [][]byte, logs []Log) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	m := newMarket(t)
	apply := func(e Entry) {
		lines = append(lines, e.AppendLine(nil, m.Contract()))
		if _, err := m.Apply(&e); err != nil {
			t.Fatal(err)
		}
		for _, x := range m.Take() {
			records = append(records, x.Record.AppendJSON(nil))
			logs = append(logs, x.Log)
		}
	}
	at := time.Date(2026, 3, 1, 23, 58, 0, 0, time.UTC).UnixMicro()
	opening := func(epoch int64) Entry {
		return Entry{Verb: Open, TimeUs: at, Opening: &Opening{Writer: at / 1000, TradesEpoch: epoch, BooksEpoch: epoch, Contract: perp, Flow: flowOf(8000, 3*24*time.Hour)}}
	}
	apply(opening(at / 1000))
	for end := at + seconds*1_000_000; at < end; {
		c, _ := m.Next()
		due, _ := m.DeadlineUs()
		if c.TimeUs <= due {
			at = c.TimeUs
			apply(Entry{Verb: Order, TimeUs: at, Command: c})
		} else {
			at = due
			apply(Entry{Verb: Time, TimeUs: at})
		}
		switch rnd.IntN(2000) {
		case 0:
			apply(Entry{Verb: Bust, TimeUs: at, AggID: m.LastID() - rnd.Int64N(50)})
		case 1:
			apply(Entry{Verb: Correct, TimeUs: at, AggID: m.LastID() - rnd.Int64N(50), Price: 200_000 + rnd.Int64N(9), Qty: 1 + rnd.Int64N(9)})
		case 2:
			at += rnd.Int64N(90_000_000)
			apply(Entry{Verb: Skip, TimeUs: at})
		case 3:
			apply(Entry{Verb: Close, TimeUs: at})
			at += rnd.Int64N(90_000_000)
			apply(opening(0))
		case 4: // killed
			at += rnd.Int64N(5_000_000)
			apply(opening(0))
		case 5: // Kafka lost its logs
			at += rnd.Int64N(5_000_000)
			apply(opening(at / 1000))
		}
	}
	return lines, records, logs
}

func TestReadersGetWhatTheyWerePromised(t *testing.T) {
	t.Parallel()
	var total [16]int
	for seed := range uint64(8) {
		_, records, logs := session(t, seed, 300)
		r := reader{t: t}
		for i, line := range records {
			r.take(logs[i], line)
		}
		for k, n := range r.count {
			total[k] += n
		}
	}
	for k := market.KindTrade; k <= market.KindDiff; k++ {
		t.Logf("%s: %d", k, total[k])
		if total[k] == 0 && k != market.KindGap {
			t.Errorf("no %s record", k)
		}
	}
}

func TestTheSameEntriesGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		lines, records, _ := session(t, seed, 150)
		rnd := rand.New(rand.NewPCG(seed, 2))
		cuts := map[int]bool{1: true, len(lines) - 1: true}
		for range 20 {
			cuts[rnd.IntN(len(lines))] = true
		}
		m, next := newMarket(t), 0
		for i, line := range lines {
			if cuts[i] && i > 0 {
				snap, err := m.Snapshot()
				if err != nil {
					t.Fatal(err)
				}
				if m, err = Load(snap); err != nil {
					t.Fatal(err)
				}
			}
			e, err := ParseLine(bytes.TrimSuffix(line, []byte("\n")), m.Contract())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := m.Apply(&e); err != nil {
				t.Fatal(err)
			}
			for _, x := range m.Take() {
				if got := x.Record.AppendJSON(nil); !bytes.Equal(got, records[next]) {
					t.Fatalf("entry %d %s: record %d is\n%s\nwas\n%s", i, line, next, got, records[next])
				}
				next++
			}
		}
		if next != len(records) {
			t.Fatalf("%d records, want %d", next, len(records))
		}
	}
}

// TestSeedsAreWhatWasTraded compares a block of seeds with the trades of the log, busts and corrections included.
func TestSeedsAreWhatWasTraded(t *testing.T) {
	t.Parallel()
	lines, records, logs := session(t, 9, 400)
	trades := map[int64]market.Record{}
	var dec market.Decoder
	for i, line := range records {
		var rec market.Record
		if err := dec.Decode(line, &rec); err != nil {
			t.Fatal(err)
		}
		switch {
		case logs[i] == Books:
		case rec.Kind == market.KindTrade, rec.Kind == market.KindCorrection:
			trades[rec.Trade.AggID] = rec
		case rec.Kind == market.KindBust:
			delete(trades, rec.Trade.AggID)
		}
	}
	m := newMarket(t)
	for _, line := range lines {
		e, err := ParseLine(bytes.TrimSuffix(line, []byte("\n")), m.Contract())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Apply(&e); err != nil {
			t.Fatal(err)
		}
		m.Take()
	}
	first := time.Date(2026, 3, 1, 23, 58, 0, 0, time.UTC).UnixMilli()
	want := map[int64]*market.Candle{}
	ids := []int64{}
	for id := range trades {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		rec := trades[id]
		open := market.Period1m.OpenMs(rec.EventMs)
		if want[open] == nil {
			want[open] = &market.Candle{Period: market.Period1m, OpenMs: open, Open: rec.Trade.Price, High: rec.Trade.Price, Low: rec.Trade.Price, FirstID: rec.Trade.FirstID}
		}
		c, x := want[open], rec.Trade
		c.High, c.Low, c.Close, c.LastID = max(c.High, x.Price), min(c.Low, x.Price), x.Price, x.LastID
		c.Trades += x.LastID - x.FirstID + 1
		c.Volume, c.QuoteVolume = c.Volume.AddInt(x.Qty), c.QuoteVolume.Add(market.Mul(x.Price, x.Qty))
		if !x.BuyerMaker {
			c.BuyVolume, c.BuyQuoteVolume = c.BuyVolume.AddInt(x.Qty), c.BuyQuoteVolume.Add(market.Mul(x.Price, x.Qty))
		}
	}
	n := 0
	for _, got := range m.past.minutes {
		if got.OpenMs >= first {
			n++
			if want[got.OpenMs] == nil || got != *want[got.OpenMs] {
				t.Errorf("minute %d is\n%+v\nwant\n%+v", got.OpenMs, got, want[got.OpenMs])
			}
		}
	}
	if n != len(want) || n < 5 {
		t.Errorf("%d minutes, want %d", n, len(want))
	}
	if d := m.past.days; len(d) != 4 || d[3].OpenMs != market.Period1d.OpenMs(first) {
		t.Errorf("days %+v", d)
	}
}

func TestImpossibleLinesAreRefusedWithThePlace(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"x limit buy 1 100.0 1.000", "the time is no number"},
		{"5", `unknown verb ""`},
		{"5 limit", "something is missing at its end"},
		{"5 limit long 1 100.0 1.000", `"long": want buy or sell`},
		{"5 limit buy one 100.0 1.000", `"one" is no whole number`},
		{"5 limit buy 1 100.3 1.000", `"100.3": no multiple of the tick 0.5`},
		{"5 limit buy 1 100.0 1.0001", `"1.0001": decimal number has more digits`},
		{"5 limit buy 1 100.0 1.000 1", "more than the verb needs"},
		{"5 market sell 1", "something is missing at its end"},
		{"5 time 6", "more than the verb needs"},
		{"5 bust", "something is missing at its end"},
		{"5 correct 1 100.0", "something is missing at its end"},
		{"5 open {}", "opening: contract"},
		{`5 open {"writer":1,"what":2}`, `unknown field "what"`},
	} {
		if _, err := ParseLine([]byte(c.line), &perp); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.line, err, c.want)
		}
	}
}

// BenchmarkMarket measures orders of a flow through book, logs and bars, without Kafka.
func BenchmarkMarket(b *testing.B) {
	m := newMarket(b)
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	e := Entry{Verb: Open, TimeUs: at, Opening: &Opening{Writer: 1, TradesEpoch: 1, BooksEpoch: 1, Contract: perp, Flow: flowOf(1_000_000, 0)}}
	if _, err := m.Apply(&e); err != nil {
		b.Fatal(err)
	}
	m.Take()
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		c, _ := m.Next()
		e := Entry{Verb: Order, TimeUs: c.TimeUs, Command: c}
		line = e.AppendLine(line[:0], m.Contract())
		if _, err := m.Apply(&e); err != nil {
			b.Fatal(err)
		}
		for _, x := range m.Take() {
			line = x.Record.AppendJSON(line[:0])
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
}
