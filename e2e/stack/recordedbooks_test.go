package stack

import (
	"maps"
	"os"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/e2e/recorded"
	"github.com/tickcast/tickcast/e2e/rig"
	"github.com/tickcast/tickcast/e2e/stack/stackcheck"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/market"
)

// The exchange's recorded depth through Kafka and Flink to a client: the best bid and offer are those of the exchange's own bookTicker stream at the same update.
// TICKCAST_LONG=1 plays ten minutes of two markets beside the fifteen seconds.
func TestTheServedTopIsTheRecordedBookTicker(t *testing.T) {
	need(t)
	for _, c := range []struct {
		name  string
		books []recorded.Book
		speed int
		long  bool
	}{
		{"15 seconds", []recorded.Book{recorded.FifteenSeconds}, 3, false},
		{"ten minutes", recorded.TenMinutes, 10, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.long && os.Getenv("TICKCAST_LONG") == "" {
				t.Skip("TICKCAST_LONG=1 runs it")
			}
			ids := map[string]string{}
			var contracts []string
			for _, b := range c.books {
				ids[b.Symbol] = own(b.Symbol)
				contracts = append(contracts, b.Contract(ids[b.Symbol]))
			}
			m := newSystem(t, contracts, recorded.Play(t, c.books, c.speed))
			cl := rig.Subscribe(t, m.mqtt, "bbo/+", "orderbook/0.01/+", "status/+/book")
			m.startIngest(recorded.BooksIngest, ", "+recorded.BooksBinance)
			for _, id := range ids { // on a market that stands still, so that no diff goes into the first snapshot
				cl.Wait("the book is there", patience, func(g rig.Message) bool { return g.Topic == "status/"+id+"/book" && g.State == "SYNCED" })
			}
			recorded.Release(t, m.exchange)
			for _, b := range c.books {
				id, said := ids[b.Symbol], b.Read(t)
				cl.Wait("the last change of the top of "+id, 3*time.Minute, func(g rig.Message) bool {
					return g.Topic == "bbo/"+id && !said.ChangesAfter(recorded.TopOf(t, g.Raw).Update)
				})
			}
			cl.NoStepBack()
			m.checkParity(slices.Collect(maps.Values(ids))...)
			for _, b := range c.books {
				m.checkServed(&b, ids[b.Symbol])
				recorded.CheckClient(t, &b, b.Read(t), cl, ids[b.Symbol], 0)
			}
		})
	}
}

// thinAfterMs is the age of a record from which on versions may be left out (flink-sql/README.md, rule 38).
const thinAfterMs = 1000

// checkServed compares what push.bbo says after each recorded diff with the bookTicker. What a client gets is conflated; in push.bbo nothing is left out, unless Flink was late, which the
// next version's compute time shows.
func (m *system) checkServed(b *recorded.Book, id string) {
	t := m.t
	t.Helper()
	type served struct {
		version market.Version
		top     recorded.Top
	}
	var all []served
	appendMs := map[int64]int64{} // by the update with which a command of the log ends
	var dec market.Decoder
	var r market.Record
	err := stackcheck.ReadToEnds(t.Context(), kafka.Config{Brokers: m.brokers}, []string{catalog.MarketBooks, catalog.PushBBO}, func(rec *kafka.Record) error {
		switch {
		case string(rec.Key) != id:
			return nil
		case rec.Topic == catalog.MarketBooks:
			if err := dec.Decode(rec.Value, &r); err != nil {
				return err
			}
			if r.Kind == market.KindDiff {
				appendMs[r.Book.LastID] = rec.TimestampMs
			}
			return nil
		}
		v, err := market.ParseVersion(rec.Header(catalog.VersionName))
		all = append(all, served{v, recorded.TopOf(t, rec.Value)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(all, func(a, b served) int { return a.version.Compare(b.version) })
	said := b.Read(t)
	equal, late, wrong := 0, 0, 0
	for _, d := range said.Diffs {
		n := sort.Search(len(all), func(i int) bool { return all[i].top.Update > d })
		switch {
		case n > 0 && all[n-1].top.Best == said.Ticker(d) && all[n-1].top.Quality == "ok":
			equal++
		case n < len(all) && all[n].top.ComputeMs-appendMs[d] > thinAfterMs:
			late++
		default:
			wrong++
		}
	}
	t.Logf("%s: of %d diffs push.bbo equals the bookTicker after %d, is not as it after %d, left out as late %d", id, len(said.Diffs), equal, wrong, late)
	if wrong > b.All-b.Equal {
		t.Errorf("%s: want %d of %d equal", id, b.Equal, b.All)
	}
}
