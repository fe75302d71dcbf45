package ingest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/tickcast/tickcast/book"
	"github.com/tickcast/tickcast/ingest"
	"github.com/tickcast/tickcast/ingest/core"
	"github.com/tickcast/tickcast/market"
	"github.com/tickcast/tickcast/simexchange"
)

// withBooks makes the contract one whose order book is served.
func withBooks(c market.Contract) market.Contract {
	c.Books, c.Depth = []market.Unit{c.Tick}, 50
	return c
}

// bookReader reads a log of books as every reader does: nothing is valid until a snapshot, nor after a gap until the next one.
type bookReader struct {
	book       book.Book
	valid      bool
	epoch, seq int64
	last       int64
	clock      int64
	gaps       int
}

func (b *bookReader) read(r *market.Record) error {
	if r.Epoch != b.epoch {
		*b = bookReader{epoch: r.Epoch, gaps: b.gaps}
	}
	if b.seq++; r.Seq != b.seq {
		return fmt.Errorf("seq %d, want %d", r.Seq, b.seq)
	}
	switch r.Kind {
	case market.KindOpen:
		b.valid = false
	case market.KindGap:
		b.valid = false
		b.gaps++
	case market.KindClock:
		if r.EventMs <= b.clock || !b.valid {
			return fmt.Errorf("seq %d: clock %d after %d, the book is valid: %t", r.Seq, r.EventMs, b.clock, b.valid)
		}
		b.clock = r.EventMs
	case market.KindSnapshot:
		b.book.Set(&r.Book)
		b.valid, b.last = true, r.Book.LastID
	case market.KindDiff:
		if !b.valid || r.Book.FirstID > b.last+1 || r.EventMs < b.clock {
			return fmt.Errorf("seq %d: updates %d to %d of %d after %d, clock %d, the book is valid: %t", r.Seq, r.Book.FirstID, r.Book.LastID, r.EventMs, b.last, b.clock, b.valid)
		}
		b.book.Apply(&r.Book)
		b.last = r.Book.LastID
	}
	if b.valid && b.book.Crossed() {
		return fmt.Errorf("seq %d: the book is crossed", r.Seq)
	}
	return nil
}

// checkBooks reads the whole log and returns the reader at its end.
func (l *memLog) checkBooks(t *testing.T, contract string) *bookReader {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var b bookReader
	for i := range l.records[bookLog(contract)] {
		if err := b.read(&l.records[bookLog(contract)][i]); err != nil {
			t.Fatal(err)
		}
	}
	return &b
}

// bookAt is the book that the log gives at an update at which a command ends.
func (l *memLog) bookAt(contract string, id int64) (got market.BookChange, ok bool) {
	var b bookReader
	for i := range l.records[bookLog(contract)] {
		if r := &l.records[bookLog(contract)][i]; b.read(r) == nil && b.valid && b.last == id && (r.Kind == market.KindDiff || r.Kind == market.KindSnapshot) {
			return market.BookChange{Bids: b.book.AppendBids(nil, b.book.NumBids()), Asks: b.book.AppendAsks(nil, b.book.NumAsks())}, true
		}
	}
	return got, false
}

// sameAsExchange compares the log's book with what the exchange's REST side shows, at some update that ends a command.
func sameAsExchange(t *testing.T, sim *simexchange.Server, log *memLog, c market.Contract) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		res, err := http.Get(sim.URL() + "/api/v3/depth?limit=5000&symbol=" + c.Symbol)
		if err != nil {
			continue // the exchange is out
		}
		var body struct {
			ID   int64       `json:"lastUpdateId"`
			Bids [][2]string `json:"bids"`
			Asks [][2]string `json:"asks"`
		}
		err = json.NewDecoder(res.Body).Decode(&body)
		res.Body.Close()
		if err != nil || body.ID == 0 {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		log.wait(t, "the log gets to the exchange's update", func() bool {
			rs := log.records[bookLog(c.ID)]
			for i := len(rs) - 1; i >= 0; i-- {
				if rs[i].Kind == market.KindDiff || rs[i].Kind == market.KindSnapshot {
					return rs[i].Book.LastID >= body.ID
				}
			}
			return false
		})
		log.mu.Lock()
		got, ok := log.bookAt(c.ID, body.ID)
		log.mu.Unlock()
		if !ok {
			continue // in the midst of a diff
		}
		want := market.BookChange{Bids: levelsOf(t, &c, body.Bids), Asks: levelsOf(t, &c, body.Asks)}
		if !slices.Equal(got.Bids, want.Bids) || !slices.Equal(got.Asks, want.Asks) {
			t.Errorf("at update %d the log's book is\n%v, the exchange's\n%v", body.ID, got, want)
		}
		return
	}
	t.Error("no update of the exchange ends a command of the log")
}

func levelsOf(t *testing.T, c *market.Contract, raw [][2]string) (ls []market.Level) {
	t.Helper()
	for _, r := range raw {
		p, err1 := market.ParseScaled(r[0], c.Tick.Scale)
		q, err2 := market.ParseScaled(r[1], c.Step.Scale)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		ls = append(ls, market.Level{Price: p, Qty: q})
	}
	return ls
}

func (l *memLog) latestBook(scope string) (s market.Status) {
	for _, st := range l.statuses {
		if st.Scope == scope && st.Kind == "book" {
			s = st
		}
	}
	return s
}

func (l *memLog) bookSynced() bool {
	s := l.latestBook("BTCUSDT")
	return s.State == "SYNCED" && s.Quality == market.QualityOK
}

// followBook starts a random market and an ingest of its book.
func followBook(t *testing.T, more func(*ingest.Config), faults ...simexchange.Fault) (*simexchange.Server, *memLog, market.Contract, func()) {
	t.Helper()
	cfg := simexchange.DefaultConfig()
	cfg.Market.Rate, cfg.Faults = 50, faults
	cfg.Limits.Weight = 1_000_000 // sameAsExchange asks from the same address, often where the machine is busy
	sim := startSim(t, cfg)
	log := newMemLog()
	c := withBooks(contract(t, "BTCUSDT", "0.00001"))
	ic := testConfig(sim.URL())
	ic.Binance.Silence, ic.Binance.FirstFrame = 2500*time.Millisecond, 2500*time.Millisecond
	ic.Books.Levels, ic.Books.RetryMin, ic.Books.RetryMax = 5000, 50*time.Millisecond, 500*time.Millisecond
	if more != nil {
		more(&ic)
	}
	_, stop := startIngest(t, ic, log, c)
	log.wait(t, "the book is synced", log.bookSynced)
	return sim, log, c, stop
}

func TestABookIsFollowedFromItsSnapshot(t *testing.T) {
	t.Parallel()
	cfg := simexchange.DefaultConfig()
	cfg.Market.Rate = 50
	sim := startSim(t, cfg)
	log := newMemLog()
	ic := testConfig(sim.URL())
	ic.Books.Levels = 5000
	btc, eth := withBooks(contract(t, "BTCUSDT", "0.00001")), contract(t, "ETHUSDT", "0.0001")
	in, stop := startIngest(t, ic, log, btc, eth)
	log.wait(t, "diffs and clocks", func() bool {
		return len(log.kind(bookLog("BTCUSDT"), market.KindDiff)) > 30 && len(log.kind(bookLog("BTCUSDT"), market.KindClock)) > 10 && len(log.trades("ETHUSDT")) > 0
	})
	for range 3 {
		sameAsExchange(t, sim, log, btc)
	}
	stop()
	log.checkBooks(t, "BTCUSDT")
	rs := log.records[bookLog("BTCUSDT")]
	if rs[0].Kind != market.KindOpen || rs[1].Kind != market.KindContract || rs[1].Spec.Contract.Depth != 50 {
		t.Errorf("the log begins with %s and %s", rs[0].AppendJSON(nil), rs[1].AppendJSON(nil))
	}
	if len(log.records[bookLog("ETHUSDT")]) != 0 {
		t.Error("a contract without books has a log of books")
	}
	for _, f := range in.Feeds() {
		if f.Input == core.Books && (f.Books.Diffs == 0 || f.Books.Gaps != 0 || f.Books.Late != 0) {
			t.Errorf("%+v", f)
		}
	}
	if len(log.quarantined) > 0 {
		t.Errorf("%d frames in quarantine, the first: %+v", len(log.quarantined), log.quarantined[0])
	}
}

func TestAfterEachFaultTheBookIsMarkedAndRightAgain(t *testing.T) {
	t.Parallel()
	const frames, path = "*@depth@100ms", "/api/v3/depth"
	kind := func(k simexchange.FaultKind) simexchange.Fault { return simexchange.Fault{Kind: k, Stream: frames} }
	drop := kind(simexchange.FaultDrop)
	for _, c := range []struct {
		name   string
		faults []simexchange.Fault
		reason string // in quarantine
	}{
		{"dropped", []simexchange.Fault{drop}, ""},
		{"reordered", []simexchange.Fault{kind(simexchange.FaultReorder)}, ""},
		{"truncated", []simexchange.Fault{kind(simexchange.FaultTruncate)}, "BAD_JSON"},
		{"no number", []simexchange.Fault{kind(simexchange.FaultBadNumber)}, "BAD_NUMBER"},
		{"price of zero", []simexchange.Fault{kind(simexchange.FaultZeroPrice)}, "NON_POSITIVE"},
		{"wrong symbol", []simexchange.Fault{kind(simexchange.FaultWrongSymbol)}, "SYMBOL_MISMATCH"},
		{"wrong time", []simexchange.Fault{kind(simexchange.FaultBadTime)}, "FUTURE_TS"},
		{"wrong ids", []simexchange.Fault{kind(simexchange.FaultBadIDs)}, "UPDATE_RANGE"},
		{"crossing", []simexchange.Fault{kind(simexchange.FaultCrossed)}, "BOOK_CROSSED"},
		{"huge", []simexchange.Fault{kind(simexchange.FaultHuge)}, "FRAME_TOO_BIG"},
		{"binary", []simexchange.Fault{kind(simexchange.FaultBinary)}, "NON_TEXT_FRAME"},
		{"outage", []simexchange.Fault{{Kind: simexchange.FaultOutage, Duration: time.Second}}, ""},
		{"half-open connection", []simexchange.Fault{kind(simexchange.FaultSilence)}, ""},
		{"dropped, and stale snapshots", []simexchange.Fault{drop, {Kind: simexchange.FaultStale, Path: path, Count: 2}}, ""},
		{"dropped, and REST wants none", []simexchange.Fault{drop, {Kind: simexchange.FaultStatus, Path: path, Status: 429, RetryAfter: 1}}, ""},
		{"dropped, and REST answers half", []simexchange.Fault{drop, {Kind: simexchange.FaultTruncate, Path: path}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sim, log, btc, stop := followBook(t, nil)
			for _, f := range slices.Backward(c.faults) { // REST's first: the frame's causes the request
				sim.Inject(f)
			}
			log.wait(t, "the book is marked", func() bool { return len(log.kind(bookLog("BTCUSDT"), market.KindGap)) > 0 })
			log.wait(t, "the book is whole again", func() bool {
				rs := log.records[bookLog("BTCUSDT")]
				for i := len(rs) - 1; i >= 0 && rs[i].Kind != market.KindGap; i-- {
					if rs[i].Kind == market.KindSnapshot {
						return log.bookSynced()
					}
				}
				return false
			})
			sameAsExchange(t, sim, log, btc)
			stop()
			log.checkBooks(t, "BTCUSDT")
			if c.reason != "" && !slices.ContainsFunc(log.quarantined, func(q ingest.Quarantined) bool { return q.Reason == c.reason && len(q.Raw) > 0 }) {
				t.Errorf("%s is not in quarantine with its bytes: %+v", c.reason, log.quarantined)
			}
		})
	}
}

func TestADoubledDiffIsNoGap(t *testing.T) {
	t.Parallel()
	sim, log, btc, stop := followBook(t, nil)
	doubled := sim.Inject(simexchange.Fault{Kind: simexchange.FaultDuplicate, Stream: "*@depth@100ms", Count: 5})
	log.wait(t, "frames were doubled", func() bool { return doubled.Hits() >= 5 })
	sameAsExchange(t, sim, log, btc)
	stop()
	if b := log.checkBooks(t, "BTCUSDT"); b.gaps > 0 {
		t.Errorf("%d gaps", b.gaps)
	}
}

func TestABookConnectionIsReplacedWithoutAGap(t *testing.T) {
	t.Parallel()
	sim, log, btc, stop := followBook(t, func(c *ingest.Config) { c.Binance.Lifetime = 900 * time.Millisecond })
	log.wait(t, "several lives", func() bool { return len(log.kind(bookLog("BTCUSDT"), market.KindDiff)) > 50 })
	sameAsExchange(t, sim, log, btc)
	stop()
	if b := log.checkBooks(t, "BTCUSDT"); b.gaps > 0 {
		t.Errorf("%d gaps", b.gaps)
	}
	if log.had(0, "BTCUSDT", "DOWN") {
		t.Error("the feed was down between two connections")
	}
}

func TestAfterARestartABookGoesOnWithASnapshot(t *testing.T) {
	t.Parallel()
	sim, log, btc, stop := followBook(t, nil)
	for range 2 {
		stop()
		log.mu.Lock()
		log.statuses = nil
		log.mu.Unlock()
		ic := testConfig(sim.URL())
		ic.Books.Levels = 5000
		_, stop = startIngest(t, ic, log, btc)
		log.wait(t, "synced again", log.bookSynced)
		sameAsExchange(t, sim, log, btc)
	}
	stop()
	log.checkBooks(t, "BTCUSDT") // a diff before a snapshot would be an error
	opens := log.kind(bookLog("BTCUSDT"), market.KindOpen)
	for _, r := range opens {
		if r.Epoch != opens[0].Epoch {
			t.Errorf("a new epoch: %s", r.AppendJSON(nil))
		}
	}
	if len(opens) != 3 {
		t.Errorf("%d opens, want 3", len(opens))
	}
}
