package ledgercheck

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// key is a candle's in its epoch: an epoch that begins within a candle begins that anew.
type key struct {
	contract, period string
	openMs, epoch    int64
}

// series is all candles of a contract and period in one epoch.
type series struct {
	contract, period string
	epoch            int64
}

// Why a candle could not be compared.
const (
	Seeded     = "made of the source's own candles"
	Before     = "begin before the log has every trade"
	Pending    = "not closed yet, or not in the ledger yet"
	Superseded = "of an epoch that a newer one has replaced"
	Unserved   = "of a period that the contract does not serve"
	TooLate    = "with a trade or amendment that came too late, which is in market.late"
)

// pendingMs is how far behind the newest trade the ledger may be: two checkpoints of the greatest interval that a stack may have, and some more.
const pendingMs = int64(15 * time.Minute / time.Millisecond)

// Difference is one field of one candle that is not the same in both.
type Difference struct {
	Contract, Period, Field string
	OpenMs, Epoch           int64
	Ledger, Check           string
}

func (d Difference) String() string {
	return fmt.Sprintf("%s %s %s (epoch %d): %s is %s in the ledger, %s by the check", d.Contract, d.Period, time.UnixMilli(d.OpenMs).UTC().Format(time.RFC3339), d.Epoch, d.Field, d.Ledger, d.Check)
}

// Report is what a comparison gives.
type Report struct {
	Compared    int            // candles of the ledger
	Empty       int            // of these, those without a trade in either
	Left        map[string]int // candles that could not be compared, by reason
	Differences []Difference
}

// candles are the newest records of both topics, and what market.late says.
type candles struct {
	ledger, check map[key]*Candle
	late          map[key]bool                // windows of trades that came too late, or whose bust or correction did
	amended       map[string]map[amended]bool // of each contract: trades with a bust or correction that came too late
}

// amended names a trade by the id that a bust or correction has of it.
type amended struct{ epoch, id int64 }

func newCandles() *candles {
	return &candles{ledger: map[key]*Candle{}, check: map[key]*Candle{}, late: map[key]bool{}, amended: map[string]map[amended]bool{}}
}

func keyOf(c *Candle) key { return key{c.Contract, c.Period, c.OpenMs, c.Epoch} }

// put keeps the newer record of a key: the same one may come again, and an older one after it.
func put(to map[key]*Candle, c Candle) {
	if had := to[keyOf(&c)]; had == nil || had.Seq <= c.Seq {
		to[keyOf(&c)] = &c
	}
}

// beginnings says from when on each epoch's log has every trade: where the log does not say, the first trade may be one in the middle of its candle.
func (cs *candles) beginnings() (whole map[series]int64, newest map[series]int64) {
	whole, newest = map[series]int64{}, map[series]int64{}
	first := map[series]int64{}
	for k, c := range cs.check {
		if k.period != "1m" {
			continue
		}
		s := series{contract: k.contract, epoch: k.epoch}
		newest[s] = max(newest[s], k.openMs)
		if at, ok := first[s]; !ok || k.openMs < at {
			first[s] = k.openMs
		}
		if c.WholeMs != nil {
			whole[s] = *c.WholeMs
		}
	}
	for s, at := range first {
		if _, ok := whole[s]; !ok {
			whole[s] = at + periods["1m"]
		}
	}
	return whole, newest
}

// compare compares all that can be.
func (cs *candles) compare() Report {
	r := Report{Left: map[string]int{}}
	whole, newest := cs.beginnings()
	served := map[series]bool{} // epoch 0: whatever the epoch
	newestEpoch := map[key]int64{}
	for k := range cs.ledger {
		served[series{contract: k.contract, period: k.period}] = true
		any := key{k.contract, k.period, k.openMs, 0}
		newestEpoch[any] = max(newestEpoch[any], k.epoch)
	}
	for _, k := range sorted(cs.ledger) {
		l, c := cs.ledger[k], cs.check[k]
		begin, known := whole[series{contract: k.contract, epoch: k.epoch}]
		switch {
		case l.Quality == "filled":
			r.Left[Seeded]++
		case !known && l.Trades > 0 || known && k.openMs < begin:
			r.Left[Before]++
		case cs.late[k]:
			r.Left[TooLate]++
		case c == nil && l.Trades == 0:
			r.Compared++
			r.Empty++
		default:
			fs := []field{{"the candle", fmt.Sprintf("one of %d trades", l.Trades), "not there"}}
			if c != nil {
				fs = l.differs(&c.Traded)
			}
			r.Compared++
			for _, f := range fs {
				r.differ(k, f)
			}
		}
	}
	for _, k := range sorted(cs.check) {
		if cs.ledger[k] != nil {
			continue
		}
		s := series{contract: k.contract, epoch: k.epoch}
		switch {
		case k.openMs < whole[s]:
			r.Left[Before]++
		case cs.late[k]:
			r.Left[TooLate]++
		case newestEpoch[key{k.contract, k.period, k.openMs, 0}] > k.epoch:
			r.Left[Superseded]++
		case cs.check[k].Limited && !served[series{contract: k.contract, period: k.period}]:
			r.Left[Unserved]++
		case k.openMs+periods[k.period] > newest[s]-pendingMs:
			r.Left[Pending]++
		default:
			r.differ(k, field{"the candle", "not there", fmt.Sprintf("one of %d trades", cs.check[k].Trades)})
		}
	}
	return r
}

func (r *Report) differ(k key, f field) {
	r.Differences = append(r.Differences, Difference{k.contract, k.period, f.name, k.openMs, k.epoch, f.ledger, f.check})
}

func sorted(m map[key]*Candle) []key {
	return slices.SortedFunc(maps.Keys(m), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.contract, b.contract), cmp.Compare(a.period, b.period), cmp.Compare(a.epoch, b.epoch), cmp.Compare(a.openMs, b.openMs))
	})
}
