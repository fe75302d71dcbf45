package bridge

import (
	"encoding/json"
	"time"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/market"
)

// clockLimit is how long a contract's 1s candle may stay away. It comes each second, trades or not, so that its absence means that nothing newer is known.
const clockLimit = 3 * time.Second

// clockWatch knows of each contract when its clock last moved, and makes `status/{contract}/clock`, which is the bridge's own. It has no clock of its own.
type clockWatch struct {
	cat     *catalog.Catalog
	byID    map[string]*watched
	feeds   map[string]*watched // by the key of its feed's status
	order   []*watched
	counter int64
}

type watched struct {
	contract *market.Contract
	seen     time.Time // when the last 1s candle came; or when the watch began
	moved    bool
	live     bool
	told     bool
	since    time.Time
	latest   []byte // payload of its newest 1s candle, or of its feed's status while there is none: they know whether the source is simulated
}

func newClockWatch(cat *catalog.Catalog, now time.Time) *clockWatch {
	w := &clockWatch{cat: cat, byID: map[string]*watched{}, feeds: map[string]*watched{}}
	for i := range cat.Contracts {
		c := &cat.Contracts[i]
		if !c.HasPeriod(market.Period1s) {
			continue
		}
		one := &watched{contract: c, seen: now}
		w.byID[c.ID], w.feeds[catalog.StatusKey(c.ID, "feed")] = one, one
		w.order = append(w.order, one)
	}
	return w
}

// feed notes a status that says where a contract's market comes from before its first candle does.
func (w *clockWatch) feed(key, payload []byte) {
	if one := w.feeds[string(key)]; one != nil && !one.moved {
		one.latest = payload
	}
}

// stored notes a 1s candle from before: it says nothing about now.
func (w *clockWatch) stored(contract string, payload []byte) {
	if one := w.byID[contract]; one != nil {
		one.latest = payload
	}
}

// candle notes that a 1s candle of the contract has come, and returns the status if that is news.
func (w *clockWatch) candle(contract string, payload []byte, now time.Time) (catalog.Message, bool) {
	one := w.byID[contract]
	if one == nil {
		return catalog.Message{}, false
	}
	one.seen, one.moved, one.latest = now, true, payload
	if one.live {
		return catalog.Message{}, false
	}
	one.live, one.told, one.since = true, true, now
	return w.status(one, now, "live", "the contract's clock moves", market.QualityOK), true
}

// silent returns the statuses of the contracts whose clock has just been away for too long.
func (w *clockWatch) silent(now time.Time) []catalog.Message {
	var ms []catalog.Message
	for _, one := range w.order {
		if now.Sub(one.seen) < clockLimit || one.told && !one.live {
			continue
		}
		one.live, one.told, one.since = false, true, one.seen
		reason := "no 1s candle for 3 s"
		if !one.moved {
			reason = "no 1s candle since the start"
		}
		ms = append(ms, w.status(one, now, "stale", reason, market.QualityStale))
	}
	return ms
}

func (w *clockWatch) status(one *watched, now time.Time, state, reason string, q market.Quality) catalog.Message {
	w.counter++
	s := market.Status{Scope: one.contract.ID, Kind: "clock", Source: one.contract.Source, Simulated: one.simulated(), AtMs: now.UnixMilli(), Counter: w.counter, Quality: q,
		State: state, SinceMs: one.since.UnixMilli(), Reason: reason, Missing: -1}
	return catalog.Message{Topic: w.cat.StatusTopic(s.Scope, s.Kind), Class: catalog.Final, Version: s.Version(), Payload: s.AppendJSON(nil)}
}

func (one *watched) simulated() bool {
	var m struct {
		Sim bool `json:"sim"`
	}
	return json.Unmarshal(one.latest, &m) == nil && m.Sim
}
