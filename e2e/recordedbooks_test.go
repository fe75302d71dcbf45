package e2e

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/tickcast/tickcast/e2e/recorded"
	"github.com/tickcast/tickcast/e2e/rig"
)

// The exchange's recorded depth through everything there is, to a client over MQTT: the best bid and ask that are served are those that the exchange's own
// bookTicker stream had at the same update. What a client gets is conflated, so each message of a client is compared by its update id, and the figure for all
// diffs is counted in push.bbo, which is what is served and in which none is left out.
func TestTheServedTopIsTheRecordedBookTicker(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		books  []recorded.Book
		speed  int
		faults string
		gaps   int // at least, in each log of books
	}{
		{"15 seconds", []recorded.Book{recorded.FifteenSeconds}, 3, "", 0},
		{"15 seconds with faults", []recorded.Book{recorded.FifteenSeconds}, 1, faultsOf(20, 25), 4},
		{"ten minutes", recorded.TenMinutes, 15, "", 0},
		{"ten minutes with faults", recorded.TenMinutes[:1], 15, faultsOf(1000, 1000), 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := up(t, t.TempDir(), playBooks(t, c.books, c.speed, c.faults))
			a := p.addrs()
			follow := followBooks(t, a.kafka)
			cl := subscribe(t, a.mqtt, "bbo/+", "orderbook/0.01/+", "status/+/book")
			for _, b := range c.books { // on a market that stands still, so that no diff goes into the first snapshot
				cl.Wait("the book is there", patience, func(m message) bool { return m.Topic == "status/"+b.Symbol+"/book" && m.State == "SYNCED" })
			}
			recorded.Release(t, p.Find(`market +simulated, (http://\S+)`)[1])
			for _, b := range c.books {
				r := b.Read(t)
				last := r.Diffs[len(r.Diffs)-1]
				follow.waitFor(b.Symbol, last, 3*time.Minute)
				cl.Wait("the last change of the top of "+b.Symbol, patience, func(m message) bool {
					return m.Topic == "bbo/"+b.Symbol && !r.ChangesAfter(recorded.TopOf(t, m.Raw).Update)
				})
			}
			cl.NoStepBack()
			for _, b := range c.books {
				checkServed(t, &b, b.Read(t), follow.of(b.Symbol), c.gaps)
				recorded.CheckClient(t, &b, b.Read(t), cl.Client, b.Symbol, c.gaps)
			}
			if n := strings.Count(p.Output(), "the order book that REST answered is refused"); c.gaps > 0 && n == 0 {
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

// playBooks is a configuration that plays recordings once they are released.
func playBooks(t *testing.T, books []recorded.Book, speed int, faults string) string {
	t.Helper()
	contracts := "contracts:\n"
	for _, b := range books {
		contracts += "  - " + b.Contract(b.Symbol) + "\n"
	}
	return fmt.Sprintf("contracts: %s\nsimulator:\n%s%s\ningest:\n%s  binance: {%s}\n",
		rig.WriteFile(t, "contracts.yaml", contracts), recorded.Play(t, books, speed), faults, recorded.BooksIngest, recorded.BooksBinance)
}

// thinAfterMs is the age from which on compute may leave versions out that are not final (catching up).
const thinAfterMs = 1000

// checkServed compares what push.bbo says after each of the recorded diffs with the bookTicker. Where a machine cannot keep up compute leaves versions out; that
// is allowed only for a diff that compute can have seen no earlier than a second after it was produced, which the next version's compute time shows. What the
// top was after such a diff is then taken from a book that the test makes of the log itself: the figures of the recording hold on any machine.
func checkServed(t *testing.T, b *recorded.Book, r *recorded.Said, s servedBook, gaps int) {
	t.Helper()
	slices.SortStableFunc(s.tops, func(a, b served) int { return a.version.Compare(b.version) })
	var tops []recorded.Top
	for _, rec := range s.tops {
		tops = append(tops, recorded.TopOf(t, rec.value))
	}
	equal, marked, late, skipped, unlogged, wrong := 0, 0, 0, 0, 0, 0
	for _, d := range r.Diffs {
		n := sort.Search(len(tops), func(i int) bool { return tops[i].Update > d })
		entry, inLog := s.log[d]
		switch {
		case n > 0 && tops[n-1].Quality != "ok":
			marked++
		case n > 0 && tops[n-1].Best == r.Ticker(d):
			equal++
		case !inLog:
			unlogged++
		case n > 0 && tops[n-1].Best == entry.best:
			wrong++ // as the log has it: two diffs of the recording are not as its bookTicker
		case n < len(tops) && tops[n].ComputeMs-entry.appendMs > thinAfterMs:
			if late++; entry.best != r.Ticker(d) {
				wrong++
			}
		default:
			if skipped++; skipped <= 5 {
				t.Errorf("%s: after update %d the top is %s, push.bbo has not said so", b.Symbol, d, entry.best)
			}
		}
	}
	for i, top := range tops {
		if i > 0 && top.Update < tops[i-1].Update {
			t.Errorf("%s: update %d after %d", b.Symbol, top.Update, tops[i-1].Update)
		}
		if top.Bid >= top.Ask {
			t.Errorf("%s: crossed at update %d: %s", b.Symbol, top.Update, top.Best)
		}
	}
	t.Logf("%s: of %d diffs push.bbo equals the bookTicker after %d, is marked after %d, wrong after %d, not in the log %d; left out as more than a second late %d, skipped %d; %d gaps, %d commands in the log",
		b.Symbol, len(r.Diffs), equal, marked, wrong, unlogged, late, skipped, s.gaps, s.commands)
	switch {
	case skipped > 0 || wrong > b.All-b.Equal:
		t.Errorf("%s: want %d of %d equal, and none skipped", b.Symbol, b.Equal, b.All)
	case gaps == 0 && (s.gaps > 0 || marked > 0 || unlogged > 0 || wrong != b.All-b.Equal):
		t.Errorf("%s: want %d of %d equal, no gap, nothing marked", b.Symbol, b.Equal, b.All)
	case gaps > 0 && (s.gaps < gaps || marked == 0 || marked > equal || unlogged > lostPerGap*s.gaps), s.resynced != s.gaps:
		t.Errorf("%s: want at least %d gaps, each marked and with a snapshot after it (%d had)", b.Symbol, gaps, s.resynced)
	}
}

// lostPerGap is how many diffs may be missing before the next one shows it.
const lostPerGap = 2
